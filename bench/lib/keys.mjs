// What the servers need that must not lie in a repository: a token and the keys that it is checked by, and a certificate. Made anew for each run.
import { createSign, generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { output } from './process.mjs';

const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** { jwks, token, publicKey }: files in `folder`. The token is good for a day, at who believes `issuer`. */
export function makeToken(folder, issuer, audience) {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const kid = 'bench-1';
    const now = Math.floor(Date.now() / 1000);
    const head = base64url({ alg: 'RS256', typ: 'at+jwt', kid });
    const claims = base64url({
        iss: issuer, aud: audience, sub: '5f0d7f0e-7f0b-4f57-9a0e-6b1f3c2d4e5f', preferred_username: 'bench', azp: 'ChatClient', jti: kid,
        iat: now, exp: now + 86_400, realm_access: { roles: ['user'] },
    });
    const signature = createSign('sha256').update(`${head}.${claims}`).sign(privateKey);
    const files = { jwks: join(folder, 'jwks.json'), token: join(folder, 'token'), publicKey: join(folder, 'public.pem') };
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' };
    writeFileSync(files.jwks, JSON.stringify({ keys: [jwk] }));
    writeFileSync(files.token, `${head}.${claims}.${signature.toString('base64url')}`, { mode: 0o600 });
    writeFileSync(files.publicKey, publicKey.export({ type: 'spki', format: 'pem' }));
    return files;
}

/** { certificate, key }: files in `folder`, for 127.0.0.1. openssl makes them: Node cannot. */
export async function makeCertificate(folder) {
    const files = { certificate: join(folder, 'certificate.pem'), key: join(folder, 'key.pem') };
    await output([
        'openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1',
        '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', files.key, '-out', files.certificate,
    ], 30_000);
    return files;
}
