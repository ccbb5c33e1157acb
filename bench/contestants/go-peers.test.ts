// What the peers written in Go are told.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { BenchCluster, Job } from './contestant.ts';
import { copierArguments } from './go-franz.ts';
import { connectYaml } from './go-redpanda.ts';

const tls = { caFile: '/tls/ca.crt', certFile: '/tls/client.crt', keyFile: '/tls/client.key' };
const cluster = (name: string, secure: boolean): BenchCluster => ({
  ...{ name, bootstrap: [`${name}:1`, `${name}:2`], tls: secure ? tls : null },
});
const job = (secure: boolean): Job => ({
  ...{ directory: '/tmp/x', label: 'peer-1', installation: null as never },
  ...{ source: cluster('us-east', secure), destinations: [cluster('eu-west', secure)] },
  ...{ topics: ['bench', 'more'], partitions: 8, replicationFactor: 3 },
  ...{ compression: 'lz4', isLive: false, profileFile: null },
});

test('the copier gets both clusters, and copies of its own, compressed as the source is', () => {
  expect(copierArguments(job(false), cluster('eu-west', false)).join(' ')).toBe(
    '-from us-east:1,us-east:2 -to eu-west:1,eu-west:2 -topic bench,more -copy peer-1.bench,peer-1.more -replicas 3 -compression lz4',
  );
  const secure = copierArguments(job(true), cluster('eu-west', true)).join(' ');
  expect(secure).toContain('-from-ca /tls/ca.crt -to eu-west:1,eu-west:2 -to-ca /tls/ca.crt');
});

test('the copier waits for no more where records are live', () => {
  const live = copierArguments({ ...job(false), isLive: true }, cluster('eu-west', false));
  expect(live.slice(-2)).toEqual(['-linger', '0s']);
});

describe.each(['redpanda-connect', 'redpanda-connect-tuned'])('%s', (variant) => {
  const template = readFileSync(path.join(import.meta.dirname, '..', `${variant}.yaml`), 'utf8');

  test('reads the topics of the source and makes them at the destination', () => {
    const told = parse(connectYaml(template, job(false), cluster('eu-west', false)));
    expect(told.input.redpanda_migrator).toMatchObject({
      seed_brokers: ['us-east:1', 'us-east:2'],
      tls: { enabled: false },
      topics: ['bench', 'more'],
      consumer_group: 'peer-1',
    });
    expect(told.output.redpanda_migrator).toMatchObject({
      seed_brokers: ['eu-west:1', 'eu-west:2'],
      topic_replication_factor: 3,
    });
  });

  test('trusts the certificates of both clusters', () => {
    const told = parse(connectYaml(template, job(true), cluster('eu-west', true)));
    for (const side of [told.input, told.output])
      expect(side.redpanda_migrator.tls).toEqual({ enabled: true, root_cas_file: '/tls/ca.crt' });
  });
});
