import { describe, expect, test } from 'vitest';
import { FleetReducer } from '../../control/index.ts';
import { parseTopology } from '../../topology/index.ts';
import { Output } from '../output/output.ts';
import { type AuditedCluster, type AuditReport, audit, onlyTopic } from './audit.ts';
import { auditInput } from './gather.ts';
import { auditText } from './text.ts';

const names = ['eu', 'uk', 'us'];

function topologyWith(rule = 'from: {residency: eu}, never: {residency: us}', links: readonly string[] = []) {
  const text = [
    'version: 1',
    'clusters:',
    ...names.map((name) => `  ${name}: {bootstrap: ["${name}:1"], labels: {residency: ${name}}}`),
    'topicLabels:',
    '  - {topics: [customers], labels: {data: pii}}',
    'rules:',
    `  r: {topics: {data: pii}, ${rule}}`,
    ...(links.length === 0 ? [] : ['links:', ...links]),
  ].join('\n');
  return parseTopology(text, 'l.yaml', { folder: '/', environment: {}, readFile: () => '' });
}

class Found {
  readonly #topics = new Map<string, string[]>(names.map((name) => [name, []]));
  readonly #states = new Map(names.map((name) => [name, new FleetReducer()]));
  readonly #away = new Map<string, string>();

  topics(cluster: string, ...topics: string[]): this {
    this.#topics.get(cluster)!.push(...topics);
    return this;
  }

  put(cluster: string, key: string, value: object): this {
    this.#states.get(cluster)!.apply(key, JSON.stringify({ v: 1, ...value }));
    return this;
  }

  /** `source-to-destination`; the source may have been given another name there. */
  link(ends: string, prefix: string, sourceName?: string): this {
    const [source, destination] = ends.split('-to-') as [string, string];
    return this.put(destination, `link/${ends}`, {
      ...{ name: ends, source: { name: sourceName ?? source, bootstrap: [`${source}:1`] }, destination: 'x' },
      ...{ config: { topics: ['.*'], prefix }, generation: 1, createdAtMs: 1, changedAtMs: 1 },
    });
  }

  mirror(ends: string, sourceTopic: string, mirrorTopic: string, state = 'Mirroring'): this {
    const destination = ends.split('-to-')[1]!;
    return this.topics(destination, mirrorTopic)
      .put(destination, `mirror/${ends}/${sourceTopic}`, {
        ...{
          link: ends,
          sourceTopic,
          mirrorTopic,
          partitionCount: 1,
          sourceTopicId: 'a',
          mirrorTopicId: 'b',
        },
        ...{ state, sinceMs: 5_000, reason: null },
      })
      .put(destination, `status/${ends}/${sourceTopic}/0`, {
        ...{
          agent: 'a',
          atMs: 1,
          state: 'Mirroring',
          reason: null,
          sinceMs: 1,
          sourceEnd: '9',
          mirrorEnd: '2',
        },
        ...{ lagRecords: '7', behindMs: 1, lastFetchAtMs: 1, lastError: null, shift: '0' },
      });
  }

  away(cluster: string): this {
    this.#away.set(cluster, 'nobody answers');
    return this;
  }

  report(topology = topologyWith()): AuditReport {
    const clusters = names.map((name): AuditedCluster => {
      const problem = this.#away.get(name) ?? null;
      return {
        ...{ name, labels: { residency: name }, problem },
        topics: problem === null ? this.#topics.get(name)! : [],
        state: problem === null ? this.#states.get(name)! : new FleetReducer(),
      };
    });
    return audit(auditInput(topology, clusters, 10_000));
  }
}

/** `eu/customers (data: pii): eu/customers origin; ...`. */
const told = ({ topics }: AuditReport): string[] =>
  topics.map(
    ({ cluster, topic, labels, places }) =>
      `${cluster}/${topic} (${labels}): ${places.map((place) => `${place.cluster}/${place.topic} ${place.kind}${place.link === null ? '' : ` by ${place.link}`}${place.forbiddenBy === null ? '' : ' BREAKS'}`).join('; ')}`,
  );

describe('the audit', () => {
  test('follows copies of copies to where they began, with state, age and lag', () => {
    const report = new Found()
      .topics('eu', 'customers', 'orders', '__consumer_offsets', 'mm2-offsets.us.internal')
      .link('eu-to-uk', 'eu.')
      .mirror('eu-to-uk', 'customers', 'eu.customers')
      .link('uk-to-us', 'uk.')
      .mirror('uk-to-us', 'eu.customers', 'uk.eu.customers')
      .report();
    expect(told(report)).toEqual([
      'eu/customers (data: pii): eu/customers origin; uk/eu.customers mirror by eu-to-uk; us/uk.eu.customers mirror by uk-to-us BREAKS',
      'eu/orders (): eu/orders origin',
    ]);
    expect(report.forbiddenCount).toBe(1);
    expect(report.topics[0]!.places[2]).toMatchObject({
      ...{ path: 'eu/customers -> uk/eu.customers -> us/uk.eu.customers', state: 'Mirroring' },
      ...{ sinceMs: 5_000, lagRecords: 7n },
      forbiddenBy: { rule: 'r', remedy: expect.stringContaining('--topic uk.eu.customers') },
    });
  });

  test('leaves out what is internal to Kafka and MirrorMaker 2, and nothing that links mirror', () => {
    const report = new Found()
      .topics('eu', 'orders.internal', '__consumer_offsets', 'us.checkpoints.internal')
      .report();
    expect(report.topics.map(({ topic }) => topic)).toEqual(['orders.internal']);
  });

  test('names what is kept out, and the copy that came before the rule', () => {
    const forbidden = { state: 'Forbidden', reason: 'the rule r', sinceMs: 1 };
    const report = new Found()
      .topics('eu', 'customers')
      .link('eu-to-us', 'eu.')
      .put('us', 'condition/eu-to-us/customers', forbidden)
      .report();
    expect(told(report)).toEqual([
      'eu/customers (data: pii): eu/customers origin; us/eu.customers kept out by eu-to-us',
    ]);
    expect(report.forbiddenCount).toBe(0);
    const copied = new Found()
      .topics('eu', 'customers')
      .link('eu-to-us', 'eu.')
      .mirror('eu-to-us', 'customers', 'eu.customers')
      .put('us', 'condition/eu-to-us/customers', forbidden)
      .report();
    expect(copied.topics[0]!.places[1]).toMatchObject({ state: 'Forbidden', forbiddenBy: { rule: 'r' } });
  });

  test('takes names of MirrorMaker 2 for copies, also of clusters that only its checkpoints name', () => {
    const report = new Found()
      .topics('us', 'eu.customers', 'apac.orders', 'apac.checkpoints.internal', 'v1.orders')
      .report();
    expect(told(report)).toEqual([
      'eu/customers (data: pii): us/eu.customers named like a mirror BREAKS',
      'apac/orders (): us/apac.orders named like a mirror',
      'us/v1.orders (): us/v1.orders origin',
    ]);
  });

  test('goes by addresses where a link calls its source otherwise', () => {
    const report = new Found()
      .topics('eu', 'customers')
      .link('eu-to-us', 'x-', 'source')
      .mirror('eu-to-us', 'customers', 'x-customers')
      .report();
    expect(told(report)).toEqual([
      'eu/customers (data: pii): eu/customers origin; us/x-customers mirror by eu-to-us BREAKS',
    ]);
  });

  test('does not take a topic of the same name for a copy, unless that is written down', () => {
    const found = new Found().topics('eu', 'customers').topics('us', 'customers').link('eu-to-us', '');
    expect(told(found.report())).toEqual([
      'eu/customers (data: pii): eu/customers origin',
      'us/customers (data: pii): us/customers origin',
    ]);
    const without = found.report(topologyWith('never: {residency: us}'));
    expect(told(without)[1]).toBe('us/customers (data: pii): us/customers origin BREAKS');
  });

  test('puts lost tails beside their topic, and takes what was promoted for the origin of regions that took turns', () => {
    const report = new Found()
      .topics('uk', 'customers.lost-20261121T184000Z')
      .link('eu-to-uk', '')
      .mirror('eu-to-uk', 'customers', 'customers', 'Promoted')
      .link('uk-to-eu', '')
      .mirror('uk-to-eu', 'customers', 'customers')
      .report();
    expect(told(report)).toEqual([
      'uk/customers (data: pii): uk/customers origin; eu/customers mirror by uk-to-eu; uk/customers.lost-20261121T184000Z lost tail',
    ]);
  });

  test('is incomplete where a region is away, and says so', () => {
    const report = new Found().topics('eu', 'customers').topics('us', 'orders').away('us').report();
    expect(report).toMatchObject({ isComplete: false, forbiddenCount: 0 });
    const stream = { write: () => true };
    const text = auditText(report, new Output({ stdout: stream, stderr: stream, environment: {} }));
    expect(text).toMatch(/us +residency: us +\S+ +NOT ASKED: nobody answers/);
    expect(text).toMatch(/not complete: us could not be asked\n/);
    expect(text).toMatch(/no data where a rule forbids it in the regions that answered/);
  });

  test('of one topic is about all its names', () => {
    const report = new Found()
      .topics('eu', 'customers', 'orders')
      .link('eu-to-us', 'eu.')
      .mirror('eu-to-us', 'customers', 'eu.customers')
      .report();
    expect(told(onlyTopic(report, 'eu.customers'))).toEqual([
      'eu/customers (data: pii): eu/customers origin; us/eu.customers mirror by eu-to-us BREAKS',
    ]);
    expect(onlyTopic(report, 'orders').forbiddenCount).toBe(0);
  });
});
