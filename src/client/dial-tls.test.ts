// What tls.verifyHostname, minVersion and maxVersion let through, against a TLS server of Node with a certificate for another
// name: the chain is compared in any case.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useTemporaryFolder } from '../../test/support/region-fixtures.ts';
import { systemClock } from './clock.ts';
import type { TlsConfig } from './config.ts';
import { dial } from './dial.ts';

const folder = useTemporaryFolder();
const servers: Server[] = [];
const pem = (name: string): string => readFileSync(path.join(folder.path, name), 'utf8');

beforeAll(() => {
  for (const name of ['broker', 'stranger']) {
    const key = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      `${name}.key`,
    ];
    const certificate = [
      '-out',
      `${name}.pem`,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-addext',
      `subjectAltName=DNS:${name}`,
    ];
    execFileSync('openssl', ['req', '-x509', ...key, ...certificate], { cwd: folder.path, stdio: 'ignore' });
  }
});
afterAll(() => {
  for (const server of servers) server.close();
});

/** The version of TLS that was agreed on. */
async function agreed(tls: Partial<TlsConfig>, options: TlsOptions = {}): Promise<string | null> {
  const server = createServer({ key: pem('broker.key'), cert: pem('broker.pem'), ...options });
  servers.push(server);
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const socket = await dial({
    peer: { cluster: 'us', address: { host: '127.0.0.1', port } },
    tls: { ca: pem('broker.pem'), ...tls },
    ...{ connectTimeoutMs: 10_000, readBufferBytes: 1024, clock: systemClock },
    ...{ directTarget: () => null, onBytes: () => {}, onDirectBytes: () => {} },
  });
  const version = (socket as TLSSocket).getProtocol();
  socket.destroy();
  return version;
}

test('another name is refused, and accepted without verifyHostname', async () => {
  await expect(agreed({})).rejects.toMatchObject({ code: 'TLS_UNTRUSTED' });
  await expect(agreed({ verifyHostname: true })).rejects.toMatchObject({ code: 'TLS_UNTRUSTED' });
  expect(await agreed({ verifyHostname: false })).toBe('TLSv1.3');
});

test('a certificate of another authority is refused whatever its name', async () => {
  const stranger = agreed({ verifyHostname: false, ca: pem('stranger.pem') });
  await expect(stranger).rejects.toMatchObject({ code: 'TLS_UNTRUSTED' });
});

test('versions of TLS are bounded on both sides', async () => {
  expect(await agreed({ verifyHostname: false, maxVersion: 'TLSv1.2' })).toBe('TLSv1.2');
  expect(await agreed({ verifyHostname: false, minVersion: 'TLSv1.3' })).toBe('TLSv1.3');
  const old = { maxVersion: 'TLSv1.2' } as const;
  await expect(agreed({ verifyHostname: false, minVersion: 'TLSv1.3' }, old)).rejects.toThrow(
    /cluster us, broker/,
  );
});
