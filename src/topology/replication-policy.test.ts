// Names as MirrorMaker 2 has them. That Java agrees is shown by test/mm2/readers-policies.test.ts.
import { describe, expect, test } from 'vitest';
import { matchesTopic } from './link-filters.ts';
import { parseTopology } from './load.ts';
import { mirrorNameOf, sourceNameOf } from './mirror-name.ts';
import { isCycle, replicationPolicyOf } from './replication-policy.ts';
import type { LinkConfig, MirrorMakerConfig } from './types.ts';

const naming: MirrorMakerConfig = {
  ...{ sourceAlias: 'us-east', destinationAlias: 'eu-west', policy: 'default', separator: '.' },
  ...{ isInternalSeparated: true, mirrorsHeartbeats: true, checkpoints: null },
};
const identity: MirrorMakerConfig = { ...naming, policy: 'identity' };

// biome-ignore format: a table
const names: readonly [topic: string, separator: string, source: string | null, upstream: string | null, original: string][] = [
  ['orders', '.', null, null, 'orders'],
  ['us-east.orders', '.', 'us-east', 'orders', 'orders'],
  ['eu-west.us-east.orders', '.', 'eu-west', 'us-east.orders', 'orders'],
  ['us-east_orders', '.', null, null, 'us-east_orders'],
  ['us-east_orders', '_', 'us-east', 'orders', 'orders'],
  ['us..orders', '..', 'us', 'orders', 'orders'],
  ['us.orders', '..', null, null, 'us.orders'],
  ['.orders', '.', '', 'orders', 'orders'], // what stands before the separator is empty, and is a source for Java
  ['orders.', '.', null, null, 'orders.'], // empty parts at the end are left out
  ['orders...', '.', null, null, 'orders...'],
  ['...', '.', null, null, '...'],
  ['us-east.a.', '.', 'us-east', 'a.', 'a.'],
];

test.each(names)('%s by %s: from %s, there %s, first %s', (topic, separator, source, upstream, original) => {
  const policy = replicationPolicyOf({ ...naming, separator });
  expect([policy.topicSource(topic), policy.upstreamTopic(topic), policy.originalTopic(topic)]).toEqual([
    source,
    upstream,
    original,
  ]);
});

test('internal topics have the separator, unless they are told not to', () => {
  const separated = replicationPolicyOf({ ...naming, separator: '_' });
  expect(separated.checkpointsTopic('us')).toBe('us_checkpoints_internal');
  expect(separated.offsetSyncsTopic('us')).toBe('mm2-offset-syncs_us_internal');
  expect(separated.isInternalTopic('us.checkpoints.internal')).toBe(false);
  const plain = replicationPolicyOf({ ...naming, separator: '_', isInternalSeparated: false });
  expect(plain.checkpointsTopic('us')).toBe('us.checkpoints.internal');
  expect(plain.isInternalTopic('us_checkpoints_internal')).toBe(false);
});

describe('what a link takes', () => {
  const link = { topics: ['.*'], excludeTopics: ['no', 'x.heartbeats'], mirrorMaker: naming };
  // biome-ignore format: a table
  const taken: readonly [topic: string, isTaken: boolean, why: string][] = [
    ['orders', true, 'listed'],
    ['no', false, 'excluded'],
    ['us-west.orders', true, 'goes on to the next cluster'],
    ['eu-west.orders', false, 'came from the destination'],
    ['us-west.eu-west.orders', false, 'came from the destination, by way of another one'],
    ['heartbeats', true, 'heartbeats'],
    ['x.heartbeats', true, 'heartbeats, whatever is excluded'],
    ['eu-west.heartbeats', false, 'heartbeats from the destination'],
    ['mm2-offset-syncs.eu-west.internal', false, 'bookkeeping'],
    ['us-west.checkpoints.internal', false, 'bookkeeping'],
    ['.hidden', false, "Kafka's own"],
    ['__consumer_offsets', false, "Kafka's own"],
  ];
  test.each(taken)('%s: %s (%s)', (topic, isTaken) => {
    expect(matchesTopic(link, topic)).toBe(isTaken);
  });

  test('internal topics are not taken by their literal name either', () => {
    expect(matchesTopic({ ...link, topics: ['__mine', '.hidden'] }, '__mine')).toBe(false);
  });

  test('heartbeats only where they are listed, when they are not asked for', () => {
    const without = { ...naming, mirrorsHeartbeats: false };
    expect(matchesTopic({ topics: ['orders'], excludeTopics: [], mirrorMaker: without }, 'heartbeats')).toBe(
      false,
    );
    expect(matchesTopic({ topics: ['orders'], excludeTopics: [], mirrorMaker: naming }, 'heartbeats')).toBe(
      true,
    );
  });

  test('with Identity names say nothing about cycles, but those of heartbeats do', () => {
    expect(
      ['eu-west.orders', 'eu-west.heartbeats', 'us.heartbeats'].map((topic) => isCycle(identity, topic)),
    ).toEqual([false, true, false]);
  });
});

describe('names of mirrors', () => {
  const byDefault = { prefix: 'us-east.', mirrorMaker: naming };
  const same = { prefix: '', mirrorMaker: identity };
  // biome-ignore format: a table
  const mirrors: readonly [string, Pick<LinkConfig, 'prefix' | 'mirrorMaker'>, string, string][] = [
    ['default', byDefault, 'orders', 'us-east.orders'],
    ['default', byDefault, 'eu-west.orders', 'us-east.eu-west.orders'],
    ['identity', same, 'orders', 'orders'],
    ['identity', same, 'us-east.orders', 'us-east.orders'],
    ['identity', same, 'heartbeats', 'us-east.heartbeats'],
    ['identity', same, 'ap.heartbeats', 'us-east.ap.heartbeats'],
    ['identity', same, 'us-east.heartbeats', 'us-east.us-east.heartbeats'],
    ['identity', same, 'my-heartbeats', 'us-east.my-heartbeats'], // it only looks like one
    ['no policy', { prefix: '', mirrorMaker: null }, 'heartbeats', 'heartbeats'],
  ];
  test.each(mirrors)('%s: %o: %s is %s, and back', (_name, link, topic, mirror) => {
    expect(mirrorNameOf(link, topic)).toBe(mirror);
    expect(sourceNameOf(link, mirror)).toBe(topic);
  });

  test('a name that no mirror has', () => {
    expect(sourceNameOf(same, 'heartbeats')).toBeNull();
    expect(sourceNameOf(same, 'ap.heartbeats')).toBeNull();
    expect(sourceNameOf(byDefault, 'orders')).toBeNull();
    expect(sourceNameOf(byDefault, 'us-east.')).toBeNull();
  });
});

describe('in lockstep.yaml', () => {
  const file = (there: string, back: string): string => `version: 1
clusters: {us-east: {bootstrap: [u:1]}, eu-west: {bootstrap: [e:1]}}
links:
  there: {source: us-east, destination: eu-west, topics: [".*"], ${there}}
  back: {source: eu-west, destination: us-east, topics: [".*"], ${back}}
`;
  const parse = (text: string) =>
    parseTopology(text, 'l.yaml', { folder: '/', environment: {}, readFile: () => '' });

  test('the prefix follows from the policy', () => {
    const { links } = parse(
      file(
        'mirrorMaker: {destinationAlias: eu, separator: _}',
        'mirrorMaker: {sourceAlias: eu, separator: _}',
      ),
    );
    expect([links.there?.prefix, links.back?.prefix]).toEqual(['us-east_', 'eu_']);
  });

  test('another prefix is refused', () => {
    expect(() => parse(file('mirrorMaker: {}, prefix: us.', 'mirrorMaker: {}'))).toThrow(
      'found "us.", expected "us-east.", the alias and the separator of mirrorMaker',
    );
    expect(() => parse(file('mirrorMaker: {policy: identity}, prefix: us.', 'mirrorMaker: {}'))).toThrow(
      "expected none: by MirrorMaker's identity policy",
    );
  });

  test('both directions of every topic are no loop under the default policy', () => {
    expect(Object.keys(parse(file('mirrorMaker: {}', 'mirrorMaker: {}')).links)).toEqual(['there', 'back']);
  });

  test('they are one where aliases or separators do not agree, since no name tells', () => {
    const text = file('mirrorMaker: {sourceAlias: east}', 'mirrorMaker: {}');
    expect(() => parse(text)).toThrow(
      '"east.any-topic", a mirror of the link there, which the link back mirrors back',
    );
  });

  test('they are one with Identity', () => {
    const text = file('mirrorMaker: {policy: identity}', 'mirrorMaker: {policy: identity}');
    expect(() => parse(text)).toThrow('"any-topic", which the link there mirrors the other way');
  });
});
