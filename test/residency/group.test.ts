// A replication group whose regions must not share everything: what a rule forbids is copied in neither direction, the
// commands that move regions say so, and everything else moves.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cluster, createTopics, listTopics, unwrap } from '../../src/client/index.ts';
import { ControlTopic } from '../../src/control/index.ts';
import { configOf } from '../client/support.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { RunningFile } from './running-file.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'eu-west': {}, 'us-east': {} });
type Name = keyof typeof regions;
const names = ['eu-west', 'us-east'] as const;
const deadlineMs = 90_000;
const clusters = new Map<Name, Cluster>();
const controls = new Map<Name, ControlTopic>();
let file: string;
let agents: RunningFile;

async function writeGroup(name: string, topics: readonly string[]): Promise<string> {
  const link = (source: Name, destination: Name) =>
    `  ${source}-to-${destination}: {source: ${source}, destination: ${destination}, topics: ${JSON.stringify(topics)}, sync: {topics: {every: 1s}}}`;
  const lines = [
    'version: 1',
    'clusters:',
    ...names.map(
      (cluster) =>
        `  ${cluster}: {bootstrap: ${JSON.stringify(regions[cluster].bootstrap)}, labels: {residency: ${cluster.slice(0, 2)}}}`,
    ),
    'topicLabels:',
    '  - {topics: [customers], labels: {data: pii}}',
    'rules:',
    '  pii-stays-in-eu: {topics: {data: pii}, never: {residency: us}}',
    'links:',
    ...[link('eu-west', 'us-east'), link('us-east', 'eu-west')],
    'replicationGroups:',
    '  shop: {regions: [eu-west, us-east], primary: eu-west}',
  ];
  const written = path.join(folder.path, `${name}.yaml`);
  await writeFile(written, `${lines.join('\n')}\n`);
  return written;
}

beforeAll(async () => {
  for (const name of names) clusters.set(name, await Cluster.connect(configOf(regions[name])));
  const wanted = ['customers', 'orders'].map((name) => ({ name, partitionCount: 1, replicationFactor: 1 }));
  for (const outcome of (await createTopics(clusters.get('eu-west')!, wanted)).values()) unwrap(outcome);
  for (const topic of ['customers', 'orders']) await produce('eu-west', topic);
  file = await writeGroup('lockstep', ['.*']);
  agents = new RunningFile(file);
  for (const name of names)
    controls.set(
      name,
      await ControlTopic.open(clusters.get(name)!, { mayCreate: false, onWarning: () => {} }),
    );
}, 180_000);
afterAll(async () => {
  await agents?.kill();
  await Promise.all([...controls.values()].map((control) => control.close()));
  for (const cluster of clusters.values()) cluster.close();
});

async function produce(name: Name, topic: string): Promise<void> {
  const messages = Array.from({ length: 10 }, (_, index) => ({
    partition: 0,
    value: Buffer.from(`${index}`),
  }));
  await platformaticProduce({ bootstrap: regions[name].bootstrap, topic, messages });
}

const conditionOf = (name: Name, key: string): string | undefined =>
  controls.get(name)!.state.conditions.get(key)?.state;

async function until(what: string, isSo: () => boolean): Promise<void> {
  const tell = (name: Name): string => JSON.stringify([...controls.get(name)!.state.conditions]);
  await waitFor(isSo, {
    deadlineMs,
    describe: () => `${what}; ${names.map(tell).join('\n')}\n${agents.log.slice(-3_000)}`,
  });
}

const endOf = (name: Name, key: string): string | null | undefined =>
  controls.get(name)!.state.statuses.get(`${key}/0`)?.mirrorEnd;

test('a topic that the group names is refused in both directions', async () => {
  const named = await writeGroup('named', ['customers', 'orders']);
  const { exitCode, stderr } = await lockstepCommand('status', named);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/named\.yaml:10:\d+: found "customers": the rule pii-stays-in-eu/);
  expect(stderr).toMatch(/named\.yaml:11:\d+: found "customers": .*the link eu-west-to-us-east of the same/);
});

test('a topic that a pattern takes is kept out, and status says so', async () => {
  await until(
    'customers to be forbidden',
    () => conditionOf('us-east', 'eu-west-to-us-east/customers') === 'Forbidden',
  );
  await until('orders to come', () => endOf('us-east', 'eu-west-to-us-east/orders') === '10');
  expect((await listTopics(clusters.get('us-east')!)).has('customers')).toBe(false);
  const { exitCode, stdout } = await lockstepCommand('status', file);
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/customers is Forbidden: the rule pii-stays-in-eu/);
  expect(stdout).toMatch(/lockstep audit/);
});

test('a switchover does not leave it behind unasked, and moves the others', async () => {
  const all = await lockstepCommand('switchover', file, '--to', 'us-east', '--yes');
  expect(all.exitCode).not.toBe(0);
  expect(all.stdout + all.stderr).toMatch(/customers is Forbidden/);
  const some = await lockstepCommand('switchover', file, '--to', 'us-east', '--topics', 'orders', '--yes');
  expect(some, some.stdout + some.stderr).toMatchObject({ exitCode: 0 });
  await produce('us-east', 'orders');
  await until('orders to come back', () => BigInt(endOf('eu-west', 'us-east-to-eu-west/orders') ?? 0) >= 20n);
  expect((await listTopics(clusters.get('us-east')!)).has('customers')).toBe(false);
  expect((await lockstepCommand('audit', file)).exitCode).toBe(0);
});
