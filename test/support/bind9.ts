// A real DNS server for tests: bind9, with one zone that takes dynamic updates signed with a key. Clients are pointed to it
// by a resolv.conf of their own (`resolvingWith`); the machine's stays as it is. A resolv.conf knows port 53 only, and
// bind9 listens at addresses of interfaces only, so datagrams to port 53 of a loopback address that nobody else uses are
// passed on to it. All of that takes root; elsewhere the tests are skipped and counted as skipped.
import { spawn, spawnSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { withParentDeathSignal } from '../../src/regions/index.ts';
import { findFreePort } from '../../src/regions/ports.ts';
import { debianPrograms } from './debian-packages.ts';
import { waitFor } from './wait-for.ts';

const root = debianPrograms({
  name: 'bind9',
  packages: ['bind9', 'bind9-dnsutils'],
  works: (unpacked) =>
    spawnSync(named(unpacked), ['-V'], { env: bindEnvironment(unpacked) }).status === 0 &&
    spawnSync(nsupdate(unpacked), ['-V'], { env: bindEnvironment(unpacked) }).status === 0,
});

/** Why there is no DNS server here; null: there is one. */
export const bind9Missing =
  root === null
    ? 'bind9 and nsupdate are not installed and cannot be unpacked'
    : process.getuid?.() !== 0
      ? 'port 53 takes root'
      : null;

/** What `nsupdate` has to be started with to be found. */
export const nsupdateEnvironment: NodeJS.ProcessEnv = {
  ...bindEnvironment(root ?? ''),
  PATH: `${path.dirname(nsupdate(root ?? ''))}:${process.env.PATH}`,
};

export interface RunningDns extends AsyncDisposable {
  /** For resolv.conf. */
  readonly address: string;
  /** `server` of nsupdate: address and port. */
  readonly server: string;
  readonly zone: string;
  /** A key of `nsupdate -k`, which may change the zone. */
  readonly keyFile: string;
  /** The addresses of a name, asked of the server itself. */
  addressesOf(name: string): Promise<string[]>;
  /** What it wrote, newest last. */
  log(): string;
}

/** A zone whose names all have a TTL of one second, with these A records. */
export async function startDns(options: {
  readonly zone: string;
  readonly addresses: Readonly<Record<string, string>>;
}): Promise<RunningDns> {
  const { zone, addresses } = options;
  const directory = mkdtempSync(path.join(tmpdir(), 'lockstep-dns-'));
  const file = (name: string): string => path.join(directory, name);
  const port = await findFreePort();
  // One of 16 million addresses that the loopback interface answers to.
  const address = `127.${50 + (process.pid % 150)}.${(process.pid >> 8) % 250}.${1 + Math.floor(Math.random() * 250)}`;
  const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64');
  const key = `key "lockstep-test" { algorithm hmac-sha256; secret "${secret}"; };\n`;
  writeFileSync(file('update.key'), key, { mode: 0o600 });
  mkdirSync(file('zones'));
  const records = Object.entries(addresses).map(([name, to]) => `${name} 1 IN A ${to}`);
  writeFileSync(
    file('zones/zone'),
    `$TTL 1\n@ IN SOA ns.${zone}. root.${zone}. 1 60 60 60 1\n@ IN NS ns.${zone}.\nns IN A ${address}\n${records.join('\n')}\n`,
  );
  writeFileSync(
    file('named.conf'),
    `${key}
options {
  directory "${directory}"; pid-file none; session-keyfile none; managed-keys-directory "${directory}"; lock-file none;
  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; dnssec-validation no;
};
controls { };
logging { channel out { stderr; severity info; }; category default { out; }; category update { out; }; };
zone "${zone}" { type primary; file "zones/zone"; update-policy { grant lockstep-test zonesub ANY; }; };
`,
  );
  const args = ['-f', '-4', '-n', '1', '-c', file('named.conf')];
  const [command, commandArgs] = withParentDeathSignal(named(root ?? ''), args);
  const child = spawn(command, commandArgs, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: bindEnvironment(root ?? ''),
  });
  let words = '';
  child.stderr.on('data', (bytes) => {
    words = `${words}${bytes}`.slice(-20_000);
  });
  const forwarder = await forward(address, port);
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([address]);
  const addressesOf = (name: string): Promise<string[]> => resolver.resolve4(`${name}.${zone}`);
  await waitFor(
    () =>
      addressesOf('ns').then(
        () => true,
        () => false,
      ),
    {
      deadlineMs: 20_000,
      describe: () => `bind9; it said: ${words}`,
    },
  );
  return {
    ...{ address, zone, addressesOf },
    server: `127.0.0.1 ${port}`,
    keyFile: file('update.key'),
    log: () => words,
    [Symbol.asyncDispose]: async () => {
      forwarder.close();
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await ended;
      }
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/**
 * The same command, with names resolved by that server alone: in a mount namespace of its own, which has another
 * /etc/resolv.conf.
 */
export function resolvingWith(
  dns: Pick<RunningDns, 'address' | 'keyFile'>,
  command: string,
  args: readonly string[],
): [string, string[]] {
  const file = path.join(path.dirname(dns.keyFile), 'resolv.conf');
  writeFileSync(file, `nameserver ${dns.address}\noptions timeout:1 attempts:2\n`);
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  return ['unshare', ['--mount', 'sh', '-c', script, file, command, ...args]];
}

/** Each question goes to the server from a port of its own, by which its answer finds back. */
async function forward(address: string, port: number): Promise<Socket> {
  const front = createSocket('udp4');
  front.on('message', (question, from) => {
    const back = createSocket('udp4');
    const close = setTimeout(() => back.close(), 5_000);
    back.on('error', () => {});
    back.on('message', (answer) => {
      clearTimeout(close);
      front.send(answer, from.port, from.address);
      back.close();
    });
    back.send(question, port, '127.0.0.1');
  });
  await new Promise<void>((resolve, reject) => {
    front.once('error', reject);
    front.bind(53, address, resolve);
  });
  return front;
}

function named(unpacked: string): string {
  return path.join(unpacked || '/', 'usr', 'sbin', 'named');
}

function nsupdate(unpacked: string): string {
  return path.join(unpacked || '/', 'usr', 'bin', 'nsupdate');
}

function bindEnvironment(unpacked: string): NodeJS.ProcessEnv {
  if (unpacked === '') return { ...process.env };
  const libraries = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].flatMap((architecture) => [
    path.join(unpacked, 'usr', 'lib', architecture),
    path.join(unpacked, 'lib', architecture),
  ]);
  return { ...process.env, LD_LIBRARY_PATH: libraries.join(':') };
}
