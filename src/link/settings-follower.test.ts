import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, mirrorOf, settingsOf, sourceLike } from '../../test/support/fake-link-cluster.ts';
import type { PartitionStatus } from '../mirror/index.ts';
import { startTags } from './mirror-topic.ts';
import { SettingsFollower, settingChanges } from './settings-follower.ts';

describe('what a mirror takes over of a change', () => {
  const weeks = sourceLike({ 'retention.ms': '604800000' });
  const days = sourceLike({ 'retention.ms': '86400000' });

  it('nothing at the first look, although it differs: nobody knows who changed it', () => {
    expect(settingChanges(null, days, mirrorOf(weeks))).toEqual({});
  });

  it('what was seen to change', () => {
    expect(settingChanges(weeks, days, mirrorOf(weeks))).toEqual({ 'retention.ms': '86400000' });
  });

  it('not what a person gave the mirror', () => {
    const years = sourceLike({ 'retention.ms': '99999999999' });
    expect(settingChanges(weeks, days, mirrorOf(years))).toEqual({});
  });

  it('not what it has already', () => {
    expect(settingChanges(weeks, days, mirrorOf(days))).toEqual({});
  });

  it('a default of the source’s brokers, too', () => {
    const raised = sourceLike();
    const before = new Map([...sourceLike(), ['retention.ms', { value: '5', isSetOnTopic: false }] as const]);
    expect(settingChanges(before, raised, mirrorOf(before))).toEqual({ 'retention.ms': '604800000' });
  });

  it('a setting that the source topic has no more', () => {
    const tuned = sourceLike({ 'segment.bytes': '1000000' });
    expect(settingChanges(tuned, sourceLike(), mirrorOf(tuned))).toEqual({ 'segment.bytes': null });
    expect(settingChanges(sourceLike(), tuned, mirrorOf(sourceLike()))).toEqual({
      'segment.bytes': '1000000',
    });
  });

  it('another cleanup policy, but not while its start is being filled', () => {
    const compacted = sourceLike({ 'cleanup.policy': 'compact' });
    const mirror = mirrorOf(sourceLike());
    expect(settingChanges(sourceLike(), compacted, mirror)).toEqual({ 'cleanup.policy': 'compact' });
    const filling = new Map(mirror);
    filling.set('message.timestamp.after.max.ms', { value: startTags.filling, isSetOnTopic: true });
    expect(settingChanges(sourceLike(), compacted, filling)).toEqual({});
  });

  it('a larger max.message.bytes at any time, a smaller one only when it was seen to change', () => {
    const large = sourceLike({ 'max.message.bytes': '5000000' });
    expect(settingChanges(null, large, mirrorOf(sourceLike()))).toEqual({ 'max.message.bytes': '5000000' });
    expect(settingChanges(null, sourceLike(), mirrorOf(large))).toEqual({});
    expect(settingChanges(large, sourceLike(), mirrorOf(large))).toEqual({ 'max.message.bytes': '1048588' });
  });

  it('never a setting that every mirror has', () => {
    const own = { 'message.timestamp.type': 'LogAppendTime', 'compression.type': 'gzip' };
    expect(settingChanges(sourceLike(), sourceLike(own), mirrorOf(sourceLike()))).toEqual({});
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
      onNotice: ({ text }) => notices.push(text),
      nowMs: () => nowMs,
    });
  });
  const blockedSince = (sinceMs: number) => [
    { topic: 't', partition: 3, state: 'Blocked', sinceMs } as PartitionStatus,
    { topic: 't', partition: 4, state: 'Mirroring', sinceMs } as PartitionStatus,
  ];

  it('on a topic that the link did not create waits for a person, who is told the command once', async () => {
    await follower.look('t', large, small, blockedSince(1));
    await follower.look('t', large, small, blockedSince(1));
    expect(destination.log).toEqual([]);
    expect(notices).toHaveLength(1);
    expect(notices[0]).toContain('--entity-name t --add-config max.message.bytes=[5000000]');
    expect(restarted).toEqual([]);
    await follower.look('t', large, settingsOf({ 'max.message.bytes': '5000000' }), blockedSince(1));
    expect(restarted).toEqual(['t-3']);
  });

  it('begins anew although it was Blocked after the look that raised the limit had begun', async () => {
    destination.settings.set('t', mirrorOf(sourceLike()));
    await follower.look('t', sourceLike(), mirrorOf(sourceLike()), []);
    await follower.look('t', large, mirrorOf(sourceLike()), []);
    nowMs += 5_000;
    await follower.look('t', large, mirrorOf(large), blockedSince(100_001));
    expect(restarted).toEqual(['t-3']);
  });

  it('stays Blocked when something else than the size blocks it', async () => {
    await follower.look('t', large, mirrorOf(large), []);
    await follower.look('t', large, mirrorOf(large), blockedSince(100_001));
    nowMs += 60_000;
    await follower.look('t', large, mirrorOf(large), blockedSince(100_001));
    expect(restarted).toEqual([]);
  });
});
