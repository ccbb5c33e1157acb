import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, mirrorOf, sourceLike } from '../../test/support/fake-link-cluster.ts';
import { LockstepError } from '../errors.ts';
import type { PartitionStatus } from '../mirror/index.ts';
import { KeptRange, type LookedTopic } from './kept-range.ts';
import type { TopicSettings } from './mirror-topic.ts';

const nowMs = 10_000_000_000;
let source: FakeCluster;
let destination: FakeCluster;
let notices: string[];
let kept: KeptRange;

beforeEach(() => {
  source = new FakeCluster('source');
  destination = new FakeCluster('destination');
  notices = [];
  const onNotice = ({ text }: { text: string }) => notices.push(text);
  kept = new KeptRange({ source, destination, onNotice, nowMs: () => nowMs });
});

function statusOf(partition: number, given: Partial<PartitionStatus> = {}): PartitionStatus {
  const mirrored = { state: 'Mirroring', shift: 0n, behindMs: 0 };
  return { topic: 'orders', partition, ...mirrored, ...given } as PartitionStatus;
}

function looked(
  partitions: readonly PartitionStatus[],
  settings: TopicSettings = sourceLike({ 'retention.ms': '-1', 'retention.bytes': '500000' }),
  mirror: TopicSettings = mirrorOf(settings),
): LookedTopic {
  return { topic: 'orders', partitions, placements: [], source: settings, mirror };
}

function starts(partition: number, at: { source: bigint; mirror: bigint }): void {
  source.ranges.set(`orders-${partition}`, { start: at.source, end: 90_000n });
  destination.ranges.set(`orders-${partition}`, { start: at.mirror, end: 90_000n });
}

describe('a mirror that starts above its source', () => {
  it('is told with the offsets and the setting', async () => {
    starts(0, { source: 0n, mirror: 13_272n });
    await kept.look([looked([statusOf(0)])]);
    expect(notices).toEqual([
      "topic orders: the mirror's retention took 13272 offsets (0 to 13271) that the source still has in partition 0: " +
        'retention.bytes=500000 holds fewer records at a mirror with holes; raise retention.bytes or set -1 on the mirror',
    ]);
  });

  it('is told once, and again when the loss has doubled', async () => {
    starts(0, { source: 100n, mirror: 1_100n });
    await kept.look([looked([statusOf(0)])]);
    await kept.look([looked([statusOf(0)])]);
    starts(0, { source: 1_100n, mirror: 3_099n });
    await kept.look([looked([statusOf(0)])]);
    expect(notices).toHaveLength(1);
    starts(0, { source: 1_100n, mirror: 3_100n });
    await kept.look([looked([statusOf(0)])]);
    expect(notices).toHaveLength(2);
    expect(notices[1]).toContain('took 2000 offsets (1100 to 3099)');
  });

  it('is told in one line for all partitions of a topic', async () => {
    starts(0, { source: 0n, mirror: 5n });
    starts(1, { source: 0n, mirror: 500n });
    starts(2, { source: 0n, mirror: 0n });
    await kept.look([looked([0, 1, 2].map((partition) => statusOf(partition)))]);
    expect(notices).toHaveLength(1);
    expect(notices[0]).toContain(
      '500 offsets (0 to 499) that the source still has in partition 1, and fewer',
    );
    expect(notices[0]).toContain('fewer in 1 partition more: ');
  });

  it.each<[string, Record<string, string>, Record<string, string>, string]>([
    [
      'a shorter retention.ms',
      { 'retention.ms': '-1' },
      { 'retention.ms': '1000' },
      "retention.ms=1000 is less than the source's -1; raise retention.ms or set -1 on the mirror",
    ],
    [
      'fewer retention.bytes than the source has',
      { 'retention.ms': '-1' },
      { 'retention.bytes': '7' },
      "retention.bytes=7 is less than the source's -1; raise retention.bytes or set -1 on the mirror",
    ],
    ['no limit at all', { 'retention.ms': '-1' }, {}, 'somebody used DeleteRecords'],
    [
      'a policy that deletes nothing',
      { 'cleanup.policy': 'compact', 'retention.ms': '-1', 'retention.bytes': '1000' },
      {},
      'somebody used DeleteRecords',
    ],
  ])('for want of %s', async (_, sourceHas, mirrorHas, words) => {
    starts(0, { source: 0n, mirror: 10n });
    const settings = sourceLike(sourceHas);
    const mirror = new Map([...mirrorOf(settings)]);
    for (const [name, value] of Object.entries(mirrorHas)) mirror.set(name, { value, isSetOnTopic: true });
    await kept.look([looked([statusOf(0)], settings, mirror)]);
    expect(notices[0]).toContain(words);
  });

  it('is looked at in the offsets of the source when it is shifted', async () => {
    starts(0, { source: 500n, mirror: 0n });
    await kept.look([looked([statusOf(0, { shift: 500n })])]);
    expect(notices).toEqual([]);
    starts(0, { source: 500n, mirror: 20n });
    await kept.look([looked([statusOf(0, { shift: 500n })])]);
    expect(notices[0]).toContain('20 offsets (500 to 519)');
  });
});

describe('nothing is said', () => {
  it('where the source is going to delete the same: all of it is older than its retention.ms', async () => {
    const settings = sourceLike({ 'retention.ms': '5000000000', 'retention.bytes': '500000' });
    starts(0, { source: 0n, mirror: 10n });
    const asked: bigint[] = [];
    source.firstOffsets.set('orders-0', (timestampMs) => {
      asked.push(timestampMs);
      return 10n;
    });
    await kept.look([looked([statusOf(0)], settings)]);
    expect(notices).toEqual([]);
    // Younger by the five minutes that clocks may differ.
    expect(asked).toEqual([5_000_300_000n]);
    source.firstOffsets.set('orders-0', () => 9n);
    await kept.look([looked([statusOf(0)], settings)]);
    expect(notices).toHaveLength(1);
  });

  it('of partitions that are not mirrored yet, or whose leader does not answer', async () => {
    starts(0, { source: 0n, mirror: 10n });
    starts(1, { source: 0n, mirror: 10n });
    source.ranges.delete('orders-1');
    const partitions = [statusOf(0, { state: 'FillingStart' }), statusOf(1)];
    await kept.look([looked(partitions)]);
    expect(notices).toEqual([]);
  });

  it('when a cluster refuses the question; the other topics are looked at, and the next look asks again', async () => {
    starts(0, { source: 0n, mirror: 10n });
    source.ranges.set('payments-0', { start: 0n, end: 9n });
    destination.ranges.set('payments-0', { start: 4n, end: 9n });
    const settings = sourceLike();
    source.firstOffsets.set('payments-0', () => 0n);
    source.firstOffsets.set('orders-0', () => {
      throw new LockstepError('KAFKA_ERROR', 'NOT_LEADER_OR_FOLLOWER');
    });
    const topics = [
      looked([statusOf(0)], settings),
      { ...looked([statusOf(0)], settings), topic: 'payments' },
    ];
    await kept.look(topics);
    expect(notices).toEqual([expect.stringMatching(/^topic payments: /)]);
    source.firstOffsets.set('orders-0', () => 0n);
    await kept.look(topics);
    expect(notices[1]).toMatch(/^topic orders: /);
  });
});

it('has a partition looked at as soon as it is mirrored, once', async () => {
  starts(0, { source: 0n, mirror: 0n });
  expect(kept.isNew('orders', [statusOf(0, { state: 'Settling' })])).toBe(false);
  expect(kept.isNew('orders', [statusOf(0)])).toBe(true);
  await kept.look([looked([statusOf(0), statusOf(1, { state: 'Settling' })])]);
  expect(kept.isNew('orders', [statusOf(0), statusOf(1, { state: 'Settling' })])).toBe(false);
  expect(kept.isNew('orders', [statusOf(0), statusOf(1)])).toBe(true);
});

describe('a mirror of a compacted topic that is behind', () => {
  const compacted = sourceLike({ 'cleanup.policy': 'compact', 'delete.retention.ms': '60000' });
  const behind = (behindMs: number | null, settings = compacted) =>
    kept.look([looked([statusOf(0, { behindMs })], settings)]);

  it('for longer than tombstones are kept is told, once for each time', async () => {
    await behind(60_000);
    expect(notices).toEqual([]);
    await behind(61_000);
    await behind(null);
    await behind(90_000);
    expect(notices).toEqual([
      'topic orders: partition 0 has been behind for 61 s, and the source keeps tombstones for delete.retention.ms=60000: ' +
        'tombstones may be gone at the source before they were mirrored, and the keys they deleted stay in the mirror; ' +
        'lockstep verify finds those',
    ]);
    await behind(0);
    await behind(61_000);
    expect(notices).toHaveLength(2);
  });

  it('is not told where nothing is compacted', async () => {
    await behind(10 * 86_400_000, sourceLike({ 'delete.retention.ms': '1' }));
    expect(notices).toEqual([]);
  });
});
