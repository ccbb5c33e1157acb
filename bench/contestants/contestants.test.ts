// What contestants are told, as they are told it.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { BenchCluster, Job } from './contestant.ts';
import { checkContestantNames, presentContestants } from './index.ts';
import { lockstepYaml } from './lockstep.ts';
import { fillTemplate, mm2Properties } from './mirror-maker.ts';

const tls = { caFile: '/tls/ca.crt', certFile: '/tls/client.crt', keyFile: '/tls/client.key' };
const cluster = (name: string, secure: boolean): BenchCluster => ({
  ...{ name, bootstrap: [`${name}:1`, `${name}:2`], tls: secure ? tls : null },
});
const job = (secure: boolean): Job => ({
  ...{ directory: '/tmp/x', label: 'mm2-tuned-1', installation: null as never },
  source: cluster('us-east', secure),
  destinations: [cluster('eu-west', secure), cluster('eu-west-2', secure)],
  ...{ topics: ['bench', 'more'], partitions: 8, replicationFactor: 3 },
  ...{ compression: 'lz4', isLive: false, profileFile: null },
});
const template = (variant: string) =>
  readFileSync(path.join(import.meta.dirname, '..', `${variant}.properties`), 'utf8');

describe.each(['mm2-defaults', 'mm2-tuned'])('%s', (variant) => {
  test('is led from the source to every destination', () => {
    const lines = mm2Properties(template(variant), job(false)).split('\n');
    expect(lines).toContain('clusters = mm2-tuned-1, eu-west, eu-west-2');
    expect(lines).toContain('mm2-tuned-1.bootstrap.servers = us-east:1,us-east:2');
    expect(lines).toContain('eu-west-2.bootstrap.servers = eu-west-2:1,eu-west-2:2');
    for (const name of ['eu-west', 'eu-west-2'])
      expect(lines).toContain(`mm2-tuned-1->${name}.topics = bench,more`);
    expect(lines).toContain('replication.factor = 3');
    expect(lines.filter((line) => line.includes('SSL'))).toEqual([]);
  });

  test('trusts the certificates of all clusters where they have some', () => {
    const lines = mm2Properties(template(variant), job(true)).split('\n');
    for (const alias of ['mm2-tuned-1', 'eu-west', 'eu-west-2']) {
      expect(lines).toContain(`${alias}.security.protocol = SSL`);
      expect(lines).toContain(`${alias}.ssl.truststore.location = /tls/ca.crt`);
    }
  });
});

test('the tuned MirrorMaker 2 compresses as the source did, and does not linger where records are live', () => {
  const properties = mm2Properties(template('mm2-tuned'), job(false));
  expect(properties).toContain('eu-west.producer.compression.type = lz4\n');
  expect(properties).toContain('eu-west.producer.linger.ms = 50\n');
  expect(mm2Properties(template('mm2-tuned'), { ...job(false), isLive: true })).toContain(
    'eu-west.producer.linger.ms = 0\n',
  );
});

test('a template without a value for one of its names is refused', () => {
  expect(fillTemplate('a=${x},${x}', { x: '1' })).toBe('a=1,1');
  expect(() => fillTemplate('a=${y}', { x: '1' })).toThrow(/\$\{y\}/);
});

test('Lockstep gets a link to each destination', () => {
  const document = parse(lockstepYaml(job(true)));
  expect(document.links).toEqual({
    'to-eu-west': expect.objectContaining({
      source: 'us-east',
      destination: 'eu-west',
      topics: ['bench', 'more'],
    }),
    'to-eu-west-2': expect.objectContaining({ destination: 'eu-west-2', replicationFactor: 3 }),
  });
  expect(document.clusters['eu-west-2']).toEqual({
    ...{ bootstrap: ['eu-west-2:1', 'eu-west-2:2'], tls: { ca: '/tls/ca.crt' } },
  });
});

test('who is not there is left out with a note; who has no such name is refused', async () => {
  const said: string[] = [];
  const say = (line: string) => void said.push(line);
  const { present, notes } = await presentContestants(['flink', 'lockstep'], { contestants: null, say });
  expect(present.map(({ name }) => name)).toEqual(['lockstep']);
  expect(notes).toEqual(['flink: not available: it is not part of this benchmark']);
  expect(said).toEqual(notes);
  expect((await presentContestants(['lockstep'], { contestants: ['mm2-tuned'], say })).present).toEqual([]);
  expect(() => checkContestantNames(['lockstep', 'flink'])).toThrow(
    expect.objectContaining({ code: 'USAGE' }),
  );
});
