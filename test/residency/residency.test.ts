// Labels and rules on three real regions: what must not leave eu does not, over one link or two, by files or by commands,
// whoever leads; and the audit says where everything is.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cluster, createTopics, listTopics, unwrap } from '../../src/client/index.ts';
import { ControlTopic, type FleetState } from '../../src/control/index.ts';
import { configOf } from '../client/support.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { RunningFile } from './running-file.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'eu-west': {}, 'uk-south': {}, 'us-east': {} });
type Name = keyof typeof regions;
const names = ['eu-west', 'uk-south', 'us-east'] as const;
const deadlineMs = 90_000;

const clusters = new Map<Name, Cluster>();
const controls = new Map<Name, ControlTopic>();
const running: RunningFile[] = [];

/** The file of this story; `more` are further topics that are labelled pii, or another end of the rule. */
async function writeFileWith(
  name: string,
  { topics = [], never = 'us' }: { topics?: readonly string[]; never?: string } = {},
): Promise<string> {
  const lines = [
    'version: 1',
    'clusters:',
    ...names.map(
      (cluster) =>
        `  ${cluster}: {bootstrap: ${JSON.stringify(regions[cluster].bootstrap)}, labels: {residency: ${cluster.slice(0, 2)}}}`,
    ),
    'topicLabels:',
    `  - {topics: ${JSON.stringify(['customers', 'prefix:pii.', ...topics])}, labels: {data: pii}}`,
    'rules:',
    '  pii-stays-in-eu:',
    '    topics: {data: pii}',
    '    from: {residency: eu}',
    `    never: {residency: ${never}}`,
    '    reason: "GDPR, ticket 123"',
    'links:',
    // Nothing that comes from us may go back to where it came from: these three are a line and a shortcut.
    '  eu-to-uk: {source: eu-west, destination: uk-south, topics: [".*"], prefix: eu., sync: {topics: {every: 1s}}}',
    '  uk-to-us: {source: uk-south, destination: us-east, topics: [".*"], prefix: uk., sync: {topics: {every: 1s}}}',
    '  eu-to-us: {source: eu-west, destination: us-east, topics: [".*"], prefix: eu., sync: {topics: {every: 1s}}}',
  ];
  const file = path.join(folder.path, `${name}.yaml`);
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

let file: string;

beforeAll(async () => {
  for (const name of names) clusters.set(name, await Cluster.connect(configOf(regions[name])));
  await create('eu-west', ['customers', 'orders']);
  for (const topic of ['customers', 'orders']) await produce(topic, 20);
  file = await writeFileWith('lockstep');
  running.push(new RunningFile(file), new RunningFile(file));
  for (const name of names)
    controls.set(
      name,
      await ControlTopic.open(clusters.get(name)!, { mayCreate: false, onWarning: () => {} }),
    );
}, 180_000);
afterAll(async () => {
  await Promise.all(running.map((agent) => agent.kill()));
  await Promise.all([...controls.values()].map((control) => control.close()));
  for (const cluster of clusters.values()) cluster.close();
});

async function create(name: Name, topics: readonly string[]): Promise<void> {
  const wanted = topics.map((topic) => ({ name: topic, partitionCount: 1, replicationFactor: 1 }));
  for (const outcome of (await createTopics(clusters.get(name)!, wanted)).values()) unwrap(outcome);
}

async function produce(topic: string, count: number): Promise<void> {
  const value = (index: number) => Buffer.from(`${topic} ${index}`);
  const messages = Array.from({ length: count }, (_, index) => ({ partition: 0, value: value(index) }));
  await platformaticProduce({ bootstrap: regions['eu-west'].bootstrap, topic, messages });
}

const state = (name: Name): FleetState => controls.get(name)!.state;
const conditionOf = (name: Name, key: string) => state(name).conditions.get(key);

async function topicsAt(name: Name): Promise<string[]> {
  const listed = await listTopics(clusters.get(name)!);
  return [...listed.keys()].filter((topic) => !topic.startsWith('__')).sort();
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  await waitFor(isSo, {
    deadlineMs,
    describe: () =>
      `${what}; ${names.map((name) => `${name}: ${JSON.stringify([...state(name).conditions])} ${[...state(name).mirrors.keys()]}`).join('\n')}\n${running.map(({ log }) => log.slice(-3_000)).join('\n')}`,
  });
}

const isForbidden = (name: Name, key: string) => conditionOf(name, key)?.state === 'Forbidden';
const copied = (name: Name, key: string): bigint =>
  BigInt(state(name).statuses.get(`${key}/0`)?.mirrorEnd ?? -1);

/** Typed at the fleet of a region. */
const at = (name: Name, ...args: string[]) =>
  lockstepCommand(...args, '--bootstrap-server', regions[name].bootstrap.join(','));

// biome-ignore lint/suspicious/noExplicitAny: what a program would read
async function audited(...args: string[]): Promise<{ exitCode: number; report: any }> {
  const { exitCode, stdout, stderr } = await lockstepCommand('audit', file, '--json', ...args);
  expect(stdout, stderr).not.toBe('');
  return { exitCode, report: JSON.parse(stdout) };
}

/** `cluster/name: kind`, and whether a rule forbids it. */
// biome-ignore lint/suspicious/noExplicitAny: what a program would read
const placesOf = (report: any, cluster: string, topic: string): string[] =>
  report.topics
    // biome-ignore lint/suspicious/noExplicitAny: what a program would read
    .filter((each: any) => each.cluster === cluster && each.topic === topic)
    // biome-ignore lint/suspicious/noExplicitAny: what a program would read
    .flatMap(({ places }: any) => places)
    .map(
      // biome-ignore lint/suspicious/noExplicitAny: what a program would read
      (place: any) =>
        `${place.cluster}/${place.topic}: ${place.kind}${place.link === null ? '' : ` by ${place.link}`}${place.forbiddenBy === null ? '' : ' FORBIDDEN'}`,
    );

test('what is labelled stays where it may be, over one link and over two; the rest is copied', async () => {
  await until('customers to be kept out of us-east', () =>
    ['eu-to-us/customers', 'uk-to-us/eu.customers'].every((key) => isForbidden('us-east', key)),
  );
  await until('everything else to be copied', () => {
    const ends = [
      copied('uk-south', 'eu-to-uk/customers'),
      copied('uk-south', 'eu-to-uk/orders'),
      copied('us-east', 'eu-to-us/orders'),
      copied('us-east', 'uk-to-us/eu.orders'),
    ];
    return ends.every((end) => end === 20n);
  });
  expect(await topicsAt('us-east')).toEqual(['eu.orders', 'uk.eu.orders']);
  expect(conditionOf('us-east', 'uk-to-us/eu.customers')?.reason).toBe(
    'the rule pii-stays-in-eu (GDPR, ticket 123) forbids topics with data: pii in us-east (residency: us): ' +
      'eu-west/customers -> uk-south/eu.customers -> us-east/uk.eu.customers; nothing was created',
  );
  const listed = await at('us-east', 'mirrors', 'list');
  expect(listed.stderr).toMatch(/eu-to-us\/customers.*Forbidden.*pii-stays-in-eu/);
});

test('links and mirrors that a rule forbids are refused, with the rule, its reason and the topic', async () => {
  const refused = async (...args: string[]): Promise<string> => {
    const { exitCode, stderr } = await at('us-east', ...args);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 2 });
    expect(stderr).toMatch(/pii-stays-in-eu \(GDPR, ticket 123\)/);
    return stderr;
  };
  const from = (name: Name) => ['--source', name, '--source-bootstrap', regions[name].bootstrap.join(',')];
  await refused('links', 'create', 'bad', ...from('eu-west'), '--topics', 'customers', '--prefix', 'x.');
  // Over another region, and under a name that nobody declared.
  const cascade = await refused(
    ...['links', 'create', 'bad', ...from('uk-south'), '--topics', 'eu.customers', '--prefix', 'y.'],
  );
  expect(cascade).toContain('eu-west/customers -> uk-south/eu.customers -> us-east/y.eu.customers');
  const elsewhere = ['--source', 'somewhere', '--source-bootstrap', regions['uk-south'].bootstrap.join(',')];
  await refused('links', 'create', 'bad', ...elsewhere, '--topics', 'eu.customers', '--prefix', 'z.');
  expect(await refused('links', 'alter', 'eu-to-us', '--topics', '.*,customers')).toContain('eu-to-us');
  await refused('links', 'alter', 'eu-to-us', '--topics', 'prefix:pii.x');
  await refused('mirrors', 'create', 'customers', '--link', 'eu-to-us');
  expect([...state('us-east').links.keys()].sort()).toEqual(['eu-to-us', 'uk-to-us']);
});

test('files with other rules are refused with the difference, and files without rules end none', async () => {
  await using other = new RunningFile(await writeFileWith('other', { never: 'uk' }));
  expect(await other.ended()).toBe(2);
  expect(other.log).toMatch(/rule pii-stays-in-eu.*never residency: us.*->.*never residency: uk/);
  expect(other.log).toMatch(/lockstep rules apply/);
  const links = `links: {more: {source: eu-west, destination: us-east, topics: [customers], prefix: more.}}`;
  const bare = names.map((name) => `  ${name}: {bootstrap: ${JSON.stringify(regions[name].bootstrap)}}`);
  const silent = path.join(folder.path, 'silent.yaml');
  await writeFile(silent, ['version: 1', 'clusters:', ...bare, links, ''].join('\n'));
  await using without = new RunningFile(silent);
  expect(await without.ended()).toBe(2);
  expect(without.log).toMatch(
    /warning: the file has no rules, and these stand in the fleet.*pii-stays-in-eu/,
  );
  expect(without.log).toMatch(/link more: topics: customers: the rule pii-stays-in-eu/);
});

test('a topic that comes while the leader is killed is kept out all the same', async () => {
  const leader = () => [...state('us-east').agents.values()].find(({ isLeader }) => isLeader);
  await until('somebody to lead us-east', () => leader() !== undefined);
  const killed = running.findIndex(({ pid }) => pid === leader()!.pid);
  expect(killed).toBeGreaterThanOrEqual(0);
  await running[killed]!.kill();
  running.splice(killed, 1);
  await create('eu-west', ['pii.new', 'plain']);
  await until('pii.new to be kept out, and plain to come', async () => {
    const isThere = (await topicsAt('us-east')).includes('eu.plain');
    return (
      isThere && isForbidden('us-east', 'eu-to-us/pii.new') && isForbidden('us-east', 'uk-to-us/eu.pii.new')
    );
  });
  expect((await topicsAt('us-east')).filter((topic) => topic.includes('pii'))).toEqual([]);
});

test('a label follows the data over a link that no file names', async () => {
  const created = await at(
    ...(['uk-south', 'links', 'create', 'unnamed', '--source', 'eu-west'] as const),
    ...['--source-bootstrap', regions['eu-west'].bootstrap.join(','), '--topics', 'customers,orders'],
    ...['--prefix', 'copy-'],
  );
  expect(created).toMatchObject({ exitCode: 0 });
  await until('copy-orders to come to us-east', async () =>
    (await topicsAt('us-east')).includes('uk.copy-orders'),
  );
  await until('copy-customers to be kept out', () => isForbidden('us-east', 'uk-to-us/copy-customers'));
  expect(await topicsAt('us-east')).not.toContain('uk.copy-customers');
  expect(conditionOf('us-east', 'uk-to-us/copy-customers')?.reason).toContain(
    'eu-west/customers -> uk-south/copy-customers -> us-east/uk.copy-customers',
  );
});

test('the audit says every region of a topic, and by which link', async () => {
  // Links meet new topics when they look at them next, and say then what they do with them.
  const ofCustomers = async () => placesOf((await audited()).report, 'eu-west', 'customers');
  await expect
    .poll(ofCustomers, { timeout: deadlineMs })
    .toEqual([
      'eu-west/customers: origin',
      'uk-south/copy-customers: mirror by unnamed',
      'uk-south/eu.customers: mirror by eu-to-uk',
      'us-east/eu.customers: kept out by eu-to-us',
      'us-east/uk.copy-customers: kept out by uk-to-us',
      'us-east/uk.eu.customers: kept out by uk-to-us',
    ]);
  const { exitCode, report } = await audited();
  expect({ exitCode, forbidden: report.forbiddenCount, isComplete: report.isComplete }).toEqual({
    ...{ exitCode: 0, forbidden: 0, isComplete: true },
  });
  const ofOrders = async () => placesOf((await audited()).report, 'eu-west', 'orders');
  await expect
    .poll(ofOrders, { timeout: deadlineMs })
    .toEqual([
      'eu-west/orders: origin',
      'uk-south/copy-orders: mirror by unnamed',
      'uk-south/eu.orders: mirror by eu-to-uk',
      'us-east/eu.orders: mirror by eu-to-us',
      'us-east/uk.copy-orders: mirror by uk-to-us',
      'us-east/uk.eu.orders: mirror by uk-to-us',
    ]);
  const text = await lockstepCommand('audit', file, '--topic', 'customers');
  expect(text.stdout).toMatch(/eu-west\/customers +data: pii/);
  expect(text.stdout).not.toMatch(/orders/);
});

test('a rule that comes later stops what is copied already, the copy is told, and without the rule it goes on', async () => {
  const stricter = await writeFileWith('stricter', { topics: ['orders'] });
  const preview = await lockstepCommand('rules', 'apply', stricter, '--cluster', 'us-east', '--dry-run');
  expect(preview).toMatchObject({ exitCode: 0 });
  expect(preview.stdout).toMatch(/mirror eu-to-us\/orders becomes Forbidden, and its copy stays/);
  expect(await lockstepCommand('rules', 'apply', stricter, '--cluster', 'us-east', '--yes')).toMatchObject({
    exitCode: 0,
  });
  await until('orders to be forbidden', () => isForbidden('us-east', 'eu-to-us/orders'));
  await produce('orders', 5);
  await until('orders to come to uk-south', () => copied('uk-south', 'eu-to-uk/orders') === 25n);
  expect(await topicsAt('us-east')).toContain('eu.orders');
  expect(conditionOf('us-east', 'eu-to-us/orders')?.reason).toMatch(/still there in topic eu\.orders/);
  expect(copied('us-east', 'eu-to-us/orders')).toBe(20n);
  const { exitCode, stdout } = await lockstepCommand('audit', stricter, '--topic', 'orders');
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/eu\.orders must not be in us-east: the rule pii-stays-in-eu/);
  expect(stdout).toMatch(/kafka-topics\.sh --delete --topic eu\.orders/);
  expect(stdout).toMatch(/BREAKS pii-stays-in-eu/);

  expect(await lockstepCommand('rules', 'apply', file, '--cluster', 'us-east', '--yes')).toMatchObject({
    exitCode: 0,
  });
  await until('orders to be copied on', () => copied('us-east', 'eu-to-us/orders') === 25n);
  expect((await audited()).exitCode).toBe(0);
});

test('a region that is away makes the audit incomplete', async () => {
  await regions['uk-south'].stop();
  const { exitCode, report } = await audited();
  expect({ exitCode, isComplete: report.isComplete }).toEqual({ exitCode: 3, isComplete: false });
  const text = await lockstepCommand('audit', file);
  expect(text.stdout).toMatch(/not complete: uk-south could not be asked/);
});
