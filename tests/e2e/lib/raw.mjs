// Below the libraries: a socket that sends what it is told and keeps what it got, WebSocket frames by hand, and HTTP requests as they are written.
import { randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { patience } from './daemon.mjs';

export class Raw {
    got = Buffer.alloc(0);
    ended = false;
    #wake = new Set();

    /** Connected (with `ca`: by TLS). */
    static open(t, port, { ca } = {}) {
        const r = new Raw();
        r.socket = ca ? connectTls({ port, host: '127.0.0.1', ca }) : connect(port, '127.0.0.1');
        t.after(() => r.socket.destroy());
        r.socket.on('data', (d) => ((r.got = Buffer.concat([r.got, d])), r.#news()));
        r.socket.on('end', () => r.#end()).on('close', () => r.#end());
        return new Promise((done, fail) => r.socket.on('error', fail).on(ca ? 'secureConnect' : 'connect', () => done(r)));
    }

    #news() {
        for (const w of this.#wake) w();
    }

    #end() {
        this.ended = true;
        this.#news();
    }

    /** A connection that has sent this. */
    static async sent(t, port, text, options) {
        const r = await Raw.open(t, port, options);
        r.write(text);
        return r;
    }

    write(bytes) {
        if (!this.socket.destroyed) this.socket.write(bytes);
        return this;
    }

    get text() {
        return this.got.toString('latin1');
    }

    /** Waits until `fits(this)` says so; an end before that is a failure unless it fits. */
    until(fits, what, ms = patience) {
        return new Promise((done, fail) => {
            const stop = (f, v) => (clearTimeout(timer), this.#wake.delete(look), f(v));
            const look = () => {
                if (fits(this)) return stop(done, this);
                if (this.ended) stop(fail, new Error(`it ended before '${what}'; got ${JSON.stringify(this.text.slice(0, 500))}`));
            };
            const timer = setTimeout(() => stop(fail, new Error(`no '${what}' in ${ms} ms; got ${JSON.stringify(this.text.slice(0, 500))}`)), ms);
            this.#wake.add(look);
            look();
        });
    }

    /** Waits for the end; all that came. */
    async toEnd(ms) {
        await this.until((r) => r.ended, 'the end', ms);
        return this.text;
    }

    /** The status of an answer, once its head is there. */
    async status(ms) {
        await this.until((r) => r.text.includes('\r\n\r\n'), 'an HTTP answer', ms);
        return Number(/^HTTP\/1\.1 (\d{3}) /.exec(this.text)?.[1]);
    }
}

export const key = () => randomBytes(16).toString('base64');

/** An upgrade as browsers send it; `headers` replaces (undefined: leaves out) and adds. */
export function upgrade(path, headers = {}, { method = 'GET', version = 'HTTP/1.1' } = {}) {
    const all = { Host: '127.0.0.1', Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Key': key(), 'Sec-WebSocket-Version': '13', ...headers };
    const lines = Object.entries(all).filter(([, v]) => v !== undefined).map(([k, v]) => `${k}: ${v}\r\n`);
    return `${method} ${path} ${version}\r\n${lines.join('')}\r\n`;
}

/** One masked frame. `length`: what its head declares, whatever the payload is. */
export function frame(opcode, payload = '', { fin = true, length } = {}) {
    const body = Buffer.from(payload);
    const n = length ?? body.length;
    const head = n < 126 ? Buffer.from([0, 0x80 | n]) : n < 65536 ? Buffer.from([0, 0xfe, n >> 8, n & 255]) : Buffer.alloc(10);
    if (n >= 65536) {
        head[1] = 0xff;
        head.writeBigUInt64BE(BigInt(n), 2);
    }
    head[0] = (fin ? 0x80 : 0) | opcode;
    const mask = randomBytes(4);
    const masked = Buffer.from(body.map((b, i) => b ^ mask[i & 3]));
    return Buffer.concat([head, mask, masked]);
}

/** The frames of a server (never masked) in these bytes: [{ opcode, fin, payload }]. */
export function frames(bytes) {
    const out = [];
    for (let at = 0; at + 2 <= bytes.length; ) {
        let n = bytes[at + 1] & 127;
        let head = 2;
        if (n === 126) [n, head] = [at + 4 <= bytes.length ? bytes.readUInt16BE(at + 2) : Infinity, 4];
        else if (n === 127) [n, head] = [at + 10 <= bytes.length ? Number(bytes.readBigUInt64BE(at + 2)) : Infinity, 10];
        if (at + head + n > bytes.length) break;
        out.push({ opcode: bytes[at] & 15, fin: bytes[at] >= 128, payload: bytes.subarray(at + head, at + head + n) });
        at += head + n;
    }
    return out;
}

/** A WebSocket by hand: upgraded, and `messages()`, `closed()` for what comes. */
export class RawWebSocket extends Raw {
    static async open(t, port, path = '/ws?name=raw', options) {
        const r = Object.setPrototypeOf(await Raw.open(t, port, options), RawWebSocket.prototype);
        r.write(upgrade(path));
        const status = await r.status();
        if (status !== 101) throw new Error(`${status} and not 101`);
        r.from = r.got.indexOf('\r\n\r\n') + 4;
        return r;
    }

    frames() {
        return frames(this.got.subarray(this.from));
    }

    /** Waits for a frame with that opcode. */
    async next(opcode, fits = () => true, ms) {
        const find = () => this.frames().find((f) => f.opcode === opcode && fits(f));
        await this.until(find, `a frame with opcode ${opcode}`, ms);
        return find();
    }

    /** The code and reason of the close frame. */
    async closed(ms) {
        const { payload } = await this.next(8, undefined, ms);
        return { code: payload.length ? payload.readUInt16BE(0) : 1005, reason: payload.subarray(2).toString() };
    }
}

/** An HTTP request as it is written, paths untouched: { status, headers, body (a Buffer), text }. */
export function ask(base, path, { method = 'GET', headers, body, ca } = {}) {
    const { protocol, hostname, port } = new URL(base);
    return new Promise((done, fail) => {
        const send = protocol === 'https:' ? httpsRequest : httpRequest;
        const r = send({ hostname, port, path, method, headers, ca, agent: false, timeout: patience }, (response) => {
            const parts = [];
            response.on('data', (d) => parts.push(d)).on('error', fail).on('end', () => {
                const all = Buffer.concat(parts);
                done({ status: response.statusCode, headers: response.headers, body: all, text: all.toString() });
            });
        });
        r.on('timeout', () => r.destroy(new Error(`${method} ${path}: no answer`))).on('error', fail).end(body);
    });
}
