import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, mirrorOf, settingsOf, sourceLike } from '../../test/support/fake-link-cluster.ts';
import type { PartitionStatus } from '../mirror/index.ts';
import { startTags, type TopicSettings } from './mirror-topic.ts';
import { settingRules } from './setting-rules.ts';
import { SettingsFollower, settingChanges } from './settings-follower.ts';

const isStillThere = async () => true;
const pair = (source: TopicSettings, mirror: TopicSettings) => ({ source, mirror, isStillThere });
const changesSince = (seen: TopicSettings | null, source: TopicSettings, mirror: TopicSettings) =>
  settingChanges({ source, mirror }, { seen, also: [] });

describe('what a mirror takes over of a change', () => {
  const weeks = sourceLike({ 'retention.ms': '604800000' });
  const days = sourceLike({ 'retention.ms': '86400000' });

  it('nothing at the first look, although it differs: nobody knows who changed it', () => {
    expect(changesSince(null, days, mirrorOf(weeks))).toEqual({});
  });

  it('what was seen to change', () => {
    expect(changesSince(weeks, days, mirrorOf(weeks))).toEqual({ 'retention.ms': '86400000' });
  });

  it('not what a person gave the mirror', () => {
    const years = sourceLike({ 'retention.ms': '99999999999' });
    expect(changesSince(weeks, days, mirrorOf(years))).toEqual({});
  });

  it('not what it has already', () => {
    expect(changesSince(weeks, days, mirrorOf(days))).toEqual({});
  });

  it('a default of the source’s brokers, too', () => {
    const raised = sourceLike();
    const before = new Map([...sourceLike(), ['retention.ms', { value: '5', isSetOnTopic: false }] as const]);
    expect(changesSince(before, raised, mirrorOf(before))).toEqual({ 'retention.ms': '604800000' });
  });

  it('a setting that the source topic has no more', () => {
    const tuned = sourceLike({ 'segment.bytes': '1000000' });
    expect(changesSince(tuned, sourceLike(), mirrorOf(tuned))).toEqual({ 'segment.bytes': null });
    expect(changesSince(sourceLike(), tuned, mirrorOf(sourceLike()))).toEqual({
      'segment.bytes': '1000000',
    });
  });

  it('another cleanup policy, but not while its start is being filled', () => {
    const compacted = sourceLike({ 'cleanup.policy': 'compact' });
    const mirror = mirrorOf(sourceLike());
    expect(changesSince(sourceLike(), compacted, mirror)).toEqual({ 'cleanup.policy': 'compact' });
    const filling = new Map(mirror);
    filling.set('message.timestamp.after.max.ms', { value: startTags.filling, isSetOnTopic: true });
    expect(changesSince(sourceLike(), compacted, filling)).toEqual({});
  });

  it('a larger max.message.bytes at any time, a smaller one when the mirror has all from before', () => {
    const large = sourceLike({ 'max.message.bytes': '5000000' });
    expect(changesSince(null, large, mirrorOf(sourceLike()))).toEqual({ 'max.message.bytes': '5000000' });
    const smaller = { source: sourceLike(), mirror: mirrorOf(large) };
    expect(settingChanges(smaller, { seen: large, also: [] })).toEqual({});
    expect(settingChanges({ ...smaller, maySizeShrink: true }, { seen: null, also: [] })).toEqual({
      'max.message.bytes': '1048588',
    });
  });

  it.each([['cleanup.policy', 'compact', 'delete']])('%s whoever changed it', (name, wanted, held) => {
    const source = sourceLike({ [name]: wanted });
    expect(changesSince(source, source, mirrorOf(sourceLike({ [name]: held })))).toEqual({ [name]: wanted });
  });

  it('what is asked for whoever changed it, the rest of its kind as it is', () => {
    const source = sourceLike({ 'retention.ms': '5', 'retention.bytes': '6', 'segment.ms': '7' });
    const mirror = mirrorOf(sourceLike({ 'retention.ms': '50', 'retention.bytes': '60' }));
    const before = { seen: source, also: ['retention.ms', 'segment.ms'] };
    expect(settingChanges({ source, mirror }, before)).toEqual({ 'retention.ms': '5', 'segment.ms': '7' });
  });

  it.each(settingRules.filter(({ kind }) => kind === 'fixed').map(({ name, value }) => [name, value!]))(
    '%s is what every mirror has, whoever changed it',
    (name, value) => {
      const mirror = new Map([
        ...mirrorOf(sourceLike()),
        [name, { value: '7', isSetOnTopic: true }] as const,
      ]);
      expect(changesSince(null, sourceLike(), mirror)).toEqual({ [name]: value });
    },
  );

  it.each(settingRules.filter(({ kind }) => kind === 'never').map(({ name }) => [name]))(
    'never %s',
    (name) => {
      const source = sourceLike({ [name]: '7' });
      expect(
        settingChanges({ source, mirror: mirrorOf(sourceLike()) }, { seen: sourceLike(), also: [name] }),
      ).toEqual({});
    },
  );

  it('never a setting that every mirror has', () => {
    const own = { 'message.timestamp.type': 'LogAppendTime', 'compression.type': 'gzip' };
    expect(changesSince(sourceLike(), sourceLike(own), mirrorOf(sourceLike()))).toEqual({});
  });
});

describe('a partition that is Blocked', () => {
  const large = sourceLike({ 'max.message.bytes': '5000000' });
  const small = settingsOf({ 'max.message.bytes': '1000' });
  let nowMs = 0;
  let destination: FakeCluster;
  let notices: string[];
  let restarted: string[];
  let follower: SettingsFollower;
  beforeEach(() => {
    nowMs = 100_000;
    destination = new FakeCluster('destination');
    notices = [];
    restarted = [];
    follower = new SettingsFollower({
      destination,
      restart: (topic, partition) => restarted.push(`${topic}-${partition}`),
      also: () => [],
      onNotice: ({ text }) => notices.push(text),
      nowMs: () => nowMs,
    });
  });
  const blockedSince = (sinceMs: number) => [
    { topic: 't', partition: 3, state: 'Blocked', sinceMs } as PartitionStatus,
    { topic: 't', partition: 4, state: 'Mirroring', sinceMs } as PartitionStatus,
  ];

  it('on a topic that the link did not create waits for a person, who is told the command once', async () => {
    await follower.look({ topic: 't', ...pair(large, small), partitions: blockedSince(1) });
    await follower.look({ topic: 't', ...pair(large, small), partitions: blockedSince(1) });
    expect(destination.log).toEqual([]);
    expect(notices).toHaveLength(1);
    expect(notices[0]).toContain('--entity-name t --add-config max.message.bytes=[5000000]');
    expect(restarted).toEqual([]);
    await follower.look({
      topic: 't',
      ...pair(large, settingsOf({ 'max.message.bytes': '5000000' })),
      partitions: blockedSince(1),
    });
    expect(restarted).toEqual(['t-3']);
  });

  it('begins anew although it was Blocked after the look that raised the limit had begun', async () => {
    destination.settings.set('t', mirrorOf(sourceLike()));
    await follower.look({ topic: 't', ...pair(sourceLike(), mirrorOf(sourceLike())), partitions: [] });
    await follower.look({ topic: 't', ...pair(large, mirrorOf(sourceLike())), partitions: [] });
    nowMs += 5_000;
    await follower.look({ topic: 't', ...pair(large, mirrorOf(large)), partitions: blockedSince(100_001) });
    expect(restarted).toEqual(['t-3']);
  });

  it('stays Blocked when something else than the size blocks it', async () => {
    await follower.look({ topic: 't', ...pair(large, mirrorOf(large)), partitions: [] });
    await follower.look({ topic: 't', ...pair(large, mirrorOf(large)), partitions: blockedSince(100_001) });
    nowMs += 60_000;
    await follower.look({ topic: 't', ...pair(large, mirrorOf(large)), partitions: blockedSince(100_001) });
    expect(restarted).toEqual([]);
  });
});

describe('a setting that somebody else keeps changing back', () => {
  const source = sourceLike();
  const theirs = mirrorOf(sourceLike({ 'cleanup.policy': 'compact' }));
  let nowMs: number;
  let destination: FakeCluster;
  let notices: string[];
  let follower: SettingsFollower;
  beforeEach(() => {
    nowMs = 1_000_000;
    destination = new FakeCluster('destination');
    destination.settings.set('t', theirs);
    notices = [];
    follower = new SettingsFollower({
      destination,
      restart: () => {},
      also: () => [],
      onNotice: ({ text }) => notices.push(text),
      nowMs: () => nowMs,
    });
  });
  const look = async (mirror: TopicSettings) => {
    nowMs += 5_000;
    await follower.look({ topic: 't', ...pair(source, mirror), partitions: [] });
  };

  it('has a name, is told once, and is set again ever more slowly', async () => {
    for (let looks = 0; looks < 720; looks++) await look(theirs);
    expect(follower.contestOf('t')).toMatchObject({ state: 'ForeignOwner' });
    expect(notices.filter((text) => text.includes('ForeignOwner'))).toHaveLength(1);
    // In an hour of looks every 5 s.
    expect(destination.log.length).toBeGreaterThan(8);
    expect(destination.log.length).toBeLessThan(14);
  });

  it('is not called so after a slip or two, which are mended at once', async () => {
    for (const mirror of [theirs, mirrorOf(source), theirs, mirrorOf(source)]) await look(mirror);
    expect(destination.log).toHaveLength(2);
    expect(follower.contestOf('t')).toBeNull();
  });

  it('is over once it stays', async () => {
    for (let looks = 0; looks < 30; looks++) await look(theirs);
    expect(follower.contestOf('t')).not.toBeNull();
    for (let looks = 0; looks < 60; looks++) await look(mirrorOf(source));
    expect(follower.contestOf('t')).toBeNull();
    expect(notices.at(-1)).toMatch(/are left as we set them again$/);
  });
});
