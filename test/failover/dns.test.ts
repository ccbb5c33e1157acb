// The ready hooks of deploy/hooks: DNS by nsupdate at a real bind9, a Kubernetes Service by a kubectl that checks how it is
// called, and the webhook by its file.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type HookEvent, runHooks } from '../../src/failover/hooks/index.ts';
import type { HookConfig } from '../../src/topology/index.ts';
import { parseTopology } from '../../src/topology/load.ts';
import { bind9Missing, nsupdateEnvironment, startDns } from '../support/bind9.ts';
import { useTemporaryFolder } from '../support/region-fixtures.ts';

const folder = useTemporaryFolder();
const hooksFolder = path.resolve(import.meta.dirname, '../../deploy/hooks');

async function runs(command: readonly string[], to: string, environment: NodeJS.ProcessEnv) {
  const hook: HookConfig = {
    ...{ name: 'hook', at: 'after', on: ['failover'], command, headers: {}, timeoutMs: 20_000 },
    isBlocking: false,
  };
  const event: HookEvent = {
    ...{ v: 1, group: 'shop', kind: 'failover', from: 'us-east', to, topics: null, move: 'move-1' },
    ...{ step: 'hooksAfter', by: 'anna', startedAt: '2026-11-21T18:00:00.000Z', message: null },
  };
  const [outcome] = await runHooks([hook], 'after', event, {
    ...{ folder: folder.path, canStop: false, environment },
  });
  return outcome!;
}

describe.skipIf(bind9Missing !== null)(
  `dns-nsupdate.sh at bind9${bind9Missing ? `: ${bind9Missing}` : ''}`,
  () => {
    test('points the names to the region, again without harm, and says what the server refuses', async () => {
      await using dns = await startDns({
        zone: 'example.test',
        addresses: { kafka: '127.1.1.1', other: '127.9.9.9' },
      });
      const conf = path.join(folder.path, 'dns.conf');
      const settings = (key: string) => `SERVER="${dns.server}"
ZONE=${dns.zone}
KEY=${key}
NAMES="kafka kafka.shop"
TTL=5
ADDRESSES_us_east="127.1.1.1"
ADDRESSES_eu_west="127.2.2.2 127.3.3.3"
`;
      const script = path.join(hooksFolder, 'dns-nsupdate.sh');
      const moves = (to: string) => runs([script, './dns.conf'], to, nsupdateEnvironment);

      writeFileSync(conf, settings(dns.keyFile));
      for (const _ of ['first', 'again']) {
        expect(await moves('eu-west')).toMatchObject({
          state: 'done',
          output: ['kafka kafka.shop below example.test: 127.2.2.2 127.3.3.3'],
        });
        expect((await dns.addressesOf('kafka')).sort()).toEqual(['127.2.2.2', '127.3.3.3']);
        expect((await dns.addressesOf('kafka.shop')).sort()).toEqual(['127.2.2.2', '127.3.3.3']);
      }
      expect(await moves('us-east')).toMatchObject({ state: 'done' });
      expect(await dns.addressesOf('kafka')).toEqual(['127.1.1.1']);
      expect(await dns.addressesOf('other')).toEqual(['127.9.9.9']);

      expect(await moves('nowhere')).toMatchObject({ output: ['./dns.conf has no ADDRESSES_nowhere'] });
      expect((await moves('x;touch hacked')).output.join()).toContain('no name of a region');

      const wrongKey = path.join(folder.path, 'wrong.key');
      const secret = Buffer.alloc(32, 7).toString('base64');
      writeFileSync(wrongKey, `key "lockstep-test" { algorithm hmac-sha256; secret "${secret}"; };\n`, {
        mode: 0o600,
      });
      writeFileSync(conf, settings(wrongKey));
      const refused = await moves('eu-west');
      expect(refused).toMatchObject({ state: 'failed', stopsMove: false });
      expect(refused.output.join('\n')).toMatch(/BADSIG|NOTAUTH/);
      expect(await dns.addressesOf('kafka')).toEqual(['127.1.1.1']);
    });
  },
);

test('what the ready hooks say of themselves can be pasted into lockstep.yaml', () => {
  const shown = ['dns-nsupdate.sh', 'kubernetes-service.sh'].map((file) => {
    const lines = readFileSync(path.join(hooksFolder, file), 'utf8').split('\n');
    const start = lines.indexOf('#   hooks:') + 1;
    return lines.slice(start, lines.indexOf('#', start)).map((line) => line.slice('#     '.length));
  });
  const webhook = readFileSync(path.join(hooksFolder, 'webhook.yaml'), 'utf8').split('\n');
  const text = `version: 1
clusters: {us: {bootstrap: ['us:9092']}, eu: {bootstrap: ['eu:9092']}}
links:
  us-to-eu: {source: us, destination: eu, topics: [orders]}
  eu-to-us: {source: eu, destination: us, topics: [orders]}
replicationGroups:
  shop:
    regions: [us, eu]
    primary: us
    hooks:
${[...shown.flat(), ...webhook].map((line) => `      ${line}\n`).join('')}`;
  const environment = { ALERTS_TOKEN: 'token-1' };
  const readFile = () => '';
  const { groups } = parseTopology(text, 'lockstep.yaml', { folder: '/', environment, readFile });
  expect(groups.shop!.hooks).toMatchObject([
    { name: 'dns', at: 'after', timeoutMs: 10_000 },
    { name: 'service', command: expect.arrayContaining(['--external-name', 'kafka.{region}.example.com']) },
    { name: 'page', at: 'failure', headers: { Authorization: 'Bearer token-1' }, timeoutMs: 5_000 },
  ]);
});

describe('kubernetes-service.sh', () => {
  const script = path.join(hooksFolder, 'kubernetes-service.sh');

  /** A kubectl that writes down how it was called. */
  function fakeKubectl(): { environment: NodeJS.ProcessEnv; calls(): string[][] } {
    const bin = path.join(folder.path, 'kubectl');
    const log = path.join(folder.path, 'kubectl.log');
    writeFileSync(log, '');
    writeFileSync(
      bin,
      `#!/bin/sh\nfor each in "$@"; do printf '%s\\n' "$each"; done >> ${log}\necho -- >> ${log}\necho service/kafka patched\n`,
    );
    chmodSync(bin, 0o755);
    return {
      environment: { ...process.env, PATH: `${folder.path}:${process.env.PATH}` },
      calls: () =>
        readFileSync(log, 'utf8')
          .split('--\n')
          .filter((call) => call !== '')
          .map((call) => call.trimEnd().split('\n')),
    };
  }

  test('switches the external name', async () => {
    const kubectl = fakeKubectl();
    const outcome = await runs(
      [
        ...[script, '--context', 'prod', '--namespace', 'shop', '--service', 'kafka'],
        ...['--external-name', 'kafka.{region}.example.com'],
      ],
      'eu-west',
      kubectl.environment,
    );
    expect(outcome).toMatchObject({ state: 'done', output: ['service/kafka patched'] });
    expect(kubectl.calls()).toEqual([
      [
        ...['--context', 'prod', '--namespace', 'shop', '--request-timeout', '5s'],
        ...['patch', 'service', 'kafka', '--type', 'merge', '--patch'],
        '{"spec":{"type":"ExternalName","externalName":"kafka.eu-west.example.com"}}',
      ],
    ]);
  });

  test('switches a label of the selector, or says what is missing', async () => {
    const kubectl = fakeKubectl();
    await runs(
      [script, '--service', 'kafka', '--selector', 'example.com/region'],
      'eu-west',
      kubectl.environment,
    );
    expect(kubectl.calls()).toEqual([
      [
        ...[
          '--namespace',
          'default',
          '--request-timeout',
          '5s',
          'patch',
          'service',
          'kafka',
          '--type',
          'merge',
        ],
        ...['--patch', '{"spec":{"selector":{"example.com/region":"eu-west"}}}'],
      ],
    ]);
    const missing = await runs([script, '--service', 'kafka'], 'eu-west', kubectl.environment);
    expect(missing).toMatchObject({
      state: 'failed',
      output: ['one of --external-name and --selector is needed'],
    });
    expect(kubectl.calls()).toHaveLength(1);
  });
});
