// A topic whose direction turned: the former primary is met as a mirror, under another life and perhaps another topic id.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  FakeCluster,
  MemoryStore,
  mirrorOf,
  settingsOf,
  sourceLike,
} from '../../test/support/fake-link-cluster.ts';
import { LockstepError } from '../errors.ts';
import type { LinkMirror, PartitionStart, TopicPartition } from '../mirror/index.ts';
import { LinkRunner } from './link-runner.ts';
import { isMadeByLink, takeoverChanges } from './mirror-topic.ts';
import { Shifts } from './shift.ts';
import { StartGuard } from './start-guard.ts';
import { formatTakeover, takeoverKey } from './takeover.ts';

let source: FakeCluster;
let destination: FakeCluster;
/** What is copied, and in which life. */
let running: Map<string, number>;
let notices: string[];
let incarnation: number;
let mayMirror: boolean;
let mayReturn: boolean;
let store: MemoryStore;
let isKeeper: boolean;
let runner: LinkRunner;

beforeEach(() => {
  vi.useFakeTimers();
  source = new FakeCluster('source');
  destination = new FakeCluster('destination');
  running = new Map();
  notices = [];
  incarnation = 0;
  mayMirror = true;
  mayReturn = false;
  store = new MemoryStore();
  isKeeper = true;
  const mirror = {
    heldBytes: 0,
    heldBytesMax: 0,
    status: () => [],
    statuses: () => [],
    followLeaders: async () => {},
    topicRecreated: () => {},
    stop: async () => {},
    add: ({ topic, partition }: TopicPartition, start: PartitionStart) => {
      const name = `${topic}-${partition}`;
      if (!running.has(name)) running.set(name, start.incarnation ?? 0);
    },
    remove: async ({ topic, partition }: TopicPartition) => {
      running.delete(`${topic}-${partition}`);
      return null;
    },
  } as unknown as LinkMirror;
  const common = {
    ...{ source, destination, nowMs: () => Date.now() },
    onNotice: ({ text }: { text: string }) => notices.push(text),
  };
  runner = new LinkRunner({
    ...common,
    ...{ name: 'eu-to-us', mirror, selects: () => true, namedTopics: [], replicationFactor: -1 },
    ...{ discoverEveryMs: 1_000, configs: { everyMs: 3_000, also: [] } },
    startGuard: new StartGuard(common),
    shifts: new Shifts({ ...common, link: 'eu-to-us', start: 'fill', store }),
    incarnationOf: () => incarnation,
    mayMirror: () => mayMirror,
    mayReturn: () => mayReturn,
    isKeeper: () => isKeeper,
  });
});
afterEach(async () => {
  await runner.stop();
  vi.useRealTimers();
});

/** Its settings as a broker has them by default. */
function primary(given: Record<string, string> = {}) {
  const defaults = {
    ...{ 'message.timestamp.type': 'CreateTime', 'message.timestamp.after.max.ms': '3600000' },
    ...{ 'message.timestamp.before.max.ms': '9223372036854775807', 'compression.type': 'producer' },
    ...{ 'unclean.leader.election.enable': 'false' },
  };
  const settings = new Map(sourceLike(given));
  for (const [name, setting] of settingsOf(defaults))
    if (!settings.has(name)) settings.set(name, { ...setting, isSetOnTopic: false });
  return settings;
}

function turned(given: Record<string, string> = {}): void {
  source.addTopic('orders');
  source.settings.set('orders', mirrorOf(sourceLike()));
  destination.addTopic('orders');
  destination.settings.set('orders', primary(given));
  incarnation = 1;
}

const statusOf = () => runner.status().topics.find(({ topic }) => topic === 'orders');

describe('a topic that was a primary', () => {
  it('gets a mirror’s settings and is copied in the life that begins', async () => {
    turned();
    await runner.start();
    expect(isMadeByLink(destination.settings.get('orders') as never)).toBe(true);
    expect(notices).toContain(
      'topic orders: others wrote it, and it is a mirror now: message.timestamp.after.max.ms=9223372036854775807',
    );
    expect(statusOf()).toMatchObject({ state: 'Mirrored', incarnation: 1 });
    expect([...running]).toEqual([['orders-0', 1]]);
  });

  it('is left alone in the first life, as every topic that somebody else made', async () => {
    turned();
    incarnation = 0;
    await runner.start();
    expect(destination.log).toEqual([]);
    expect([...running]).toEqual([['orders-0', 0]]);
  });

  it('waits until brokers know the settings under which batches would be changed or refused', async () => {
    turned({ 'message.timestamp.type': 'LogAppendTime', 'max.message.bytes': '1000' });
    await runner.start();
    expect(statusOf()).toMatchObject({
      state: 'Preparing',
      reason: 'waits for the mirror to get its settings',
    });
    expect(running.size).toBe(0);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(statusOf()).toMatchObject({ state: 'Mirrored' });
    expect(running.size).toBe(1);
  });

  it('is refused with the reason where it may not be altered and does not fit', async () => {
    turned({ 'compression.type': 'lz4' });
    destination.refusals.set('alterTopic', new LockstepError('NOT_AUTHORIZED', 'AlterConfigs is missing'));
    await runner.start();
    expect(statusOf()).toMatchObject({ state: 'Refused' });
    expect(statusOf()?.reason).toContain('compression.type=lz4 where producer is needed');
    expect(notices.join('\n')).toContain('its settings stay as they are: AlterConfigs is missing');
    expect(running.size).toBe(0);
  });

  it('is altered by the keeper alone, for whom the others wait where it matters', async () => {
    turned({ 'compression.type': 'lz4' });
    isKeeper = false;
    await runner.start();
    expect(destination.log).toEqual([]);
    expect(statusOf()).toMatchObject({ state: 'Preparing' });
    destination.settings.set('orders', mirrorOf(sourceLike()));
    await vi.advanceTimersByTimeAsync(1_100);
    expect(statusOf()).toMatchObject({ state: 'Mirrored' });
  });
});

describe('a topic that was taken over from MirrorMaker 2', () => {
  beforeEach(() => {
    turned();
    const ids = {
      sourceTopicId: source.topics.get('orders')!.topicId,
      destinationTopicId: destination.topics.get('orders')!.topicId,
    };
    const partitions = [{ start: 9n, shift: 4n, witness: null }];
    store.entries.set(takeoverKey('eu-to-us', 'orders', 1), formatTakeover({ life: 1, ...ids, partitions }));
  });

  it('is copied in its life', async () => {
    await runner.start();
    expect([...running]).toEqual([['orders-0', 1]]);
  });

  it('is refused where its direction may turn: its offsets are not the source’s', async () => {
    mayReturn = true;
    await runner.start();
    expect(statusOf()).toMatchObject({ state: 'Refused' });
    expect(statusOf()?.reason).toContain('it was taken over from MirrorMaker 2');
    expect(running.size).toBe(0);
  });
});

describe('takeoverChanges', () => {
  it('keeps what the former primary keeps longer, and larger batches', () => {
    const former = primary({
      'retention.ms': '-1',
      'max.message.bytes': '9000000',
      'cleanup.policy': 'compact',
    });
    const changes = takeoverChanges(mirrorOf(sourceLike({ 'retention.bytes': '500' })), former);
    expect(changes).toMatchObject({ 'cleanup.policy': 'delete', 'retention.bytes': '-1' });
    expect(Object.keys(changes)).not.toContain('retention.ms');
    expect(Object.keys(changes)).not.toContain('max.message.bytes');
  });

  it('takes what the source keeps longer', () => {
    const former = primary({ 'retention.ms': '1000' });
    expect(takeoverChanges(sourceLike(), former)['retention.ms']).toBe('604800000');
    expect(takeoverChanges(sourceLike({ 'retention.ms': '-1' }), former)['retention.ms']).toBe('-1');
  });
});

describe('another life of a mirror', () => {
  it('is begun anew, though nobody said that the topic is to be forgotten', async () => {
    source.addTopic('orders', 2);
    await runner.start();
    expect([...running]).toEqual([
      ['orders-0', 0],
      ['orders-1', 0],
    ]);
    mayMirror = false;
    await runner.reconcile();
    expect(running.size).toBe(0);
    [mayMirror, incarnation] = [true, 2];
    await runner.reconcile();
    await vi.advanceTimersByTimeAsync(1_100);
    expect([...running]).toEqual([
      ['orders-0', 2],
      ['orders-1', 2],
    ]);
    expect(statusOf()).toMatchObject({ state: 'Mirrored', incarnation: 2 });
  });

  it('meets topics under other ids when the former ones were forgotten', async () => {
    source.addTopic('orders');
    await runner.start();
    mayMirror = false;
    await runner.reconcile();
    // A restore: both were deleted, and made again.
    source.topics.set('orders', { topic: 'orders', topicId: 'source, restored', partitionCount: 1 });
    destination.topics.delete('orders');
    destination.settings.delete('orders');
    await vi.advanceTimersByTimeAsync(3_000);
    runner.forget('orders');
    [mayMirror, incarnation] = [true, 2];
    await runner.reconcile();
    await vi.advanceTimersByTimeAsync(1_100);
    expect(statusOf()).toMatchObject({
      ...{ state: 'Mirrored', sourceTopicId: 'source, restored', incarnation: 2 },
    });
    expect([...running]).toEqual([['orders-0', 2]]);
    expect(notices.join('\n')).not.toContain('created again');
  });
});
