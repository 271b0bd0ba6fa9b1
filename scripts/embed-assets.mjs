// Turn a folder of built web pages into a C file: node embed-assets.mjs <dist> <out.c>
//
// The table is sorted by path and the same input gives the same bytes, so that a build can be
// repeated. Bodies are string literals: a compiler reads those ten times faster than numbers.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

const types = {
    '.css': 'text/css; charset=utf-8',
    '.gif': 'image/gif',
    '.html': 'text/html; charset=utf-8',
    '.ico': 'image/x-icon',
    '.jpg': 'image/jpeg',
    '.js': 'text/javascript; charset=utf-8',
    '.json': 'application/json',
    '.mjs': 'text/javascript; charset=utf-8',
    '.mp3': 'audio/mpeg',
    '.ogg': 'audio/ogg',
    '.png': 'image/png',
    '.svg': 'image/svg+xml',
    '.txt': 'text/plain; charset=utf-8',
    '.wasm': 'application/wasm',
    '.webmanifest': 'application/manifest+json',
    '.webp': 'image/webp',
    '.woff2': 'font/woff2',
};

function fail(text) {
    console.error(`embed-assets: ${text}`);
    process.exit(1);
}

function filesBelow(dir, prefix = '') {
    return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
        const path = `${prefix}/${entry.name}`;
        return entry.isDirectory() ? filesBelow(join(dir, entry.name), path) : [path];
    });
}

// Vite and rollup name a file <name>-<8 characters of its hash>.<ext>.
const isHashed = (path) => /^\/assets\/.*-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$/.test(path);

// Octal escapes have at most three digits, so what follows one cannot run into it; '?' is
// escaped because of trigraphs.
function literal(bytes) {
    const lines = [];
    for (let at = 0; at < bytes.length; at += 2048) {
        let line = '';
        for (const byte of bytes.subarray(at, at + 2048)) {
            if (byte === 0x0a) line += '\\n';
            else if (byte === 0x22 || byte === 0x5c) line += `\\${String.fromCharCode(byte)}`;
            else if (byte >= 0x20 && byte < 0x7f && byte !== 0x3f) line += String.fromCharCode(byte);
            else line += `\\${byte.toString(8).padStart(3, '0')}`;
        }
        lines.push(`    "${line}"`);
    }
    return lines.length ? lines.join('\n') : '    ""';
}

const string = (text) => literal(Buffer.from(text)).trim();

const [dist, out] = process.argv.slice(2);
if (!dist || !out) fail('usage: embed-assets.mjs <dist> <out.c>');
if (!existsSync(join(dist, 'index.html'))) fail(`${dist} has no index.html; did the build fail?`);

const assets = filesBelow(dist)
    .filter((path) => !path.endsWith('.map'))
    .map((path) => {
        const type = types[extname(path).toLowerCase()];
        if (!type) fail(`no content type is known for ${path}; add it to scripts/embed-assets.mjs`);
        const body = readFileSync(join(dist, path));
        const gzip = gzipSync(body, { level: 9 });
        gzip[9] = 255; // the byte that names the operating system
        const etag = createHash('sha256').update(body).digest('hex').slice(0, 16);
        return {
            path: path === '/index.html' ? '/' : path,
            type,
            etag: `"${etag}"`,
            body,
            gzip: gzip.length < body.length ? gzip : null,
            immutable: isHashed(path),
        };
    })
    .sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));

const parts = ['/* Made by scripts/embed-assets.mjs from web/dist. */', '#include "http/assets.h"', ''];
assets.forEach((asset, i) => {
    parts.push(`static const unsigned char body_${i}[] =\n${literal(asset.body)};`);
    if (asset.gzip) parts.push(`static const unsigned char gzip_${i}[] =\n${literal(asset.gzip)};`);
});
parts.push('', 'const struct asset assets[] = {');
assets.forEach((asset, i) => {
    parts.push(
        '    {',
        `        .path = ${string(asset.path)},`,
        `        .content_type = ${string(asset.type)},`,
        `        .etag = ${string(asset.etag)},`,
        `        .body = body_${i},`,
        `        .body_bytes = ${asset.body.length},`,
        `        .gzip = ${asset.gzip ? `gzip_${i}` : 'NULL'},`,
        `        .gzip_bytes = ${asset.gzip ? asset.gzip.length : 0},`,
        `        .immutable = ${asset.immutable},`,
        '    },',
    );
});
parts.push('};', `const size_t assets_count = ${assets.length};`, '');

// Renamed into place: an interrupted run leaves no half file behind.
writeFileSync(`${out}.new`, parts.join('\n'));
renameSync(`${out}.new`, out);
const total = (pick) => assets.reduce((sum, asset) => sum + pick(asset), 0);
console.log(
    `${assets.length} web files built in: ${total((a) => a.body.length)} bytes, ` +
        `${total((a) => (a.gzip ?? a.body).length)} as sent with gzip`,
);
