// A certificate authority of our own for regions with TLS, and what it signs: one certificate for all
// brokers of the region (127.0.0.1 and localhost) and one for a client. Valid for a month, for tests only.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { LockstepError } from '../errors.ts';

/** PEM texts that a client of the region needs, and the files that hold them. */
export type ClientTls = {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
};
export type TlsFiles = {
  readonly client: ClientTls;
  /** Private key and certificate in one PEM file, as Kafka's PEM keystore wants it. */
  readonly brokerKeystore: string;
  readonly caFile: string;
};

const validDays = '30';

/** Makes the files with openssl, once per folder. Throws TOOL_MISSING without openssl. */
export async function makeTlsFiles(directory: string): Promise<TlsFiles> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = (name: string) => path.join(directory, name);
  if (!existsSync(file('broker.pem'))) {
    openssl(directory, [
      'req',
      '-x509',
      ...newKey('ca'),
      '-out',
      'ca.crt',
      '-days',
      validDays,
      '-subj',
      '/CN=lockstep region CA',
    ]);
    await sign(directory, 'broker', '/CN=broker', 'subjectAltName=IP:127.0.0.1,DNS:localhost');
    await sign(directory, 'client', '/CN=client', 'extendedKeyUsage=clientAuth');
    await writeFile(file('broker.pem'), (await text(file('broker.key'))) + (await text(file('broker.crt'))), {
      mode: 0o600,
    });
  }
  const [caFile, certFile, keyFile] = [file('ca.crt'), file('client.crt'), file('client.key')];
  const client = {
    ca: await text(caFile),
    cert: await text(certFile),
    key: await text(keyFile),
    caFile,
    certFile,
    keyFile,
  };
  return { client, brokerKeystore: file('broker.pem'), caFile };
}

async function sign(directory: string, name: string, subject: string, extension: string): Promise<void> {
  await writeFile(path.join(directory, `${name}.ext`), `${extension}\n`);
  openssl(directory, ['req', ...newKey(name), '-out', `${name}.csr`, '-subj', subject]);
  openssl(directory, [
    ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
    ...['-out', `${name}.crt`, '-days', validDays, '-extfile', `${name}.ext`],
  ]);
}

function newKey(name: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`];
}

function openssl(directory: string, args: string[]): void {
  const done = spawnSync('openssl', args, { cwd: directory, encoding: 'utf8', timeout: 30_000 });
  if (done.error) {
    throw new LockstepError(
      'TOOL_MISSING',
      'openssl is needed to make certificates for a region with TLS, and it did not run from PATH.',
      {
        cause: done.error,
        detail: { tool: 'openssl' },
      },
    );
  }
  if (done.status !== 0)
    throw new LockstepError('REGION_FAILED', `openssl ${args[0]} failed: ${done.stderr.trim()}`);
}

function text(file: string): Promise<string> {
  return readFile(file, 'utf8');
}
