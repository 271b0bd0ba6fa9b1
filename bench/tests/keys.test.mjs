// The token that the handshakes show, and the key set that it is checked by.
import assert from 'node:assert/strict';
import { createPublicKey, createVerify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeToken } from '../lib/keys.mjs';

test('the token is signed by the key of the set, for that issuer and audience', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'parley-bench-test-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const files = makeToken(folder, 'https://x.invalid/', 'somebody');
    const [head, claims, signature] = readFileSync(files.token, 'utf8').split('.');
    const parse = (part) => JSON.parse(Buffer.from(part, 'base64url'));
    const { keys: [jwk, ...more] } = JSON.parse(readFileSync(files.jwks, 'utf8'));
    assert.equal(more.length, 0);
    assert.deepEqual([parse(head).alg, parse(head).kid, jwk.d], ['RS256', jwk.kid, undefined], 'no private key in the set');
    const { iss, aud, exp } = parse(claims);
    assert.deepEqual([iss, aud], ['https://x.invalid/', 'somebody']);
    assert.ok(exp > Date.now() / 1000 + 3600);
    for (const key of [createPublicKey({ key: jwk, format: 'jwk' }), createPublicKey(readFileSync(files.publicKey))]) {
        const verify = createVerify('sha256').update(`${head}.${claims}`);
        assert.ok(verify.verify(key, signature, 'base64url'));
        assert.equal(key.asymmetricKeyDetails.modulusLength, 2048);
    }
    assert.equal(statSync(files.token).mode & 0o077, 0);
});
