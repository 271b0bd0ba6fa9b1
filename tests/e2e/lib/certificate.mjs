// A certificate for 127.0.0.1 and localhost, made by openssl for this run; it vouches for itself, so it is its own CA file.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** { cert, key } as PEM text, and { certFile, keyFile }, which go with the test. */
export async function makeCertificate(t) {
    const folder = await mkdtemp(join(tmpdir(), 'parley-tls-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const certFile = join(folder, 'cert.pem');
    const keyFile = join(folder, 'key.pem');
    await promisify(execFile)('openssl', [
        'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1',
        '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', keyFile, '-out', certFile,
    ]);
    return { certFile, keyFile, cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
}
