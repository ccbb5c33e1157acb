// What becomes of single topics that make trouble, with clusters played by hand.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeCluster, MemoryStore, mirrorOf, sourceLike } from '../../test/support/fake-link-cluster.ts';
import { LockstepError } from '../errors.ts';
import type { LinkMirror, PartitionStatus, TopicPartition } from '../mirror/index.ts';
import { LinkRunner, type LinkRunnerOptions } from './link-runner.ts';
import { Shifts } from './shift.ts';
import { StartGuard } from './start-guard.ts';

const policy = new LockstepError('KAFKA_ERROR', 'POLICY_VIOLATION');
const right = new LockstepError('NOT_AUTHORIZED', 'CREATE is missing');

let source: FakeCluster;
let destination: FakeCluster;
let copied: string[];
let running: Set<string>;
let notices: string[];
let recreated: string[];
let restarted: string[];
let status: PartitionStatus[];
let store: MemoryStore;
let runner: LinkRunner;

beforeEach(() => {
  vi.useFakeTimers();
  source = new FakeCluster('source');
  destination = new FakeCluster('destination');
  copied = [];
  running = new Set();
  notices = [];
  recreated = [];
  restarted = [];
  status = [];
  store = new MemoryStore();
  runner = newRunner('fill');
});

afterEach(async () => {
  await vi.advanceTimersByTimeAsync(0);
  vi.useRealTimers();
});

function newRunner(start: 'fill' | 'shifted', given: Partial<LinkRunnerOptions> = {}): LinkRunner {
  const mirror = {
    heldBytes: 0,
    heldBytesMax: 0,
    status: () => status,
    statuses: () => status,
    followLeaders: async () => {},
    topicRecreated: (_topic: string, _side: string, reason: string) => recreated.push(reason),
    stop: async () => {},
    restart: ({ topic, partition }: TopicPartition) => restarted.push(`${topic}-${partition}`),
    add: ({ topic, partition }: TopicPartition, { shift }: { shift: bigint }) => {
      const name = `${topic}-${partition}`;
      if (running.has(name)) return;
      running.add(name);
      copied.push(`${name}${shift === 0n ? '' : ` shifted by ${shift}`}`);
    },
    remove: async ({ topic, partition }: TopicPartition) => {
      running.delete(`${topic}-${partition}`);
    },
  } as unknown as LinkMirror;
  const onNotice = ({ text }: { text: string }) => notices.push(text);
  const common = { source, destination, onNotice, nowMs: () => Date.now() };
  return new LinkRunner({
    ...common,
    name: 'us-to-eu',
    mirror,
    selects: () => true,
    namedTopics: ['named'],
    replicationFactor: -1,
    discoverEveryMs: 1_000,
    configs: { everyMs: 3_000, also: [] },
    startGuard: new StartGuard(common),
    shifts: new Shifts({ ...common, link: 'us-to-eu', start, store }),
    ...given,
  });
}

function topicStatus(topic: string): { state: string; reason: string | null } | undefined {
  return runner.status().topics.find((entry) => entry.topic === topic);
}

it('says once that a named topic is missing', async () => {
  source.addTopic('orders', 1);
  await runner.start();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(notices.filter((text) => text.includes('topic named is not in'))).toHaveLength(1);
  await runner.stop();
});

describe('a mirror that is another one now', () => {
  it.each([
    ['gone', undefined, 'deleted', 'it does not exist any more'],
    ['made anew', 'another', 'created again', 'its topic id is another'],
  ])('is called what it is: %s', async (_what, topicId, first, last) => {
    source.addTopic('orders');
    await runner.start();
    await vi.advanceTimersByTimeAsync(1_500);
    if (topicId === undefined) destination.topics.delete('orders');
    else destination.topics.set('orders', { topic: 'orders', topicId, partitionCount: 1 });
    await vi.advanceTimersByTimeAsync(3_000);
    expect(topicStatus('orders')?.state).toBe('DestinationRecreated');
    expect(recreated).toEqual([
      expect.stringMatching(`^the topic was ${first}: its topic id was .*, and now ${last}$`),
    ]);
    expect(notices.join('\n')).toContain(`topic orders was ${first} at the destination: `);
    await runner.stop();
  });
});

it('meets other topics while one is not answered for, and never more than some at a time', async () => {
  const names = Array.from({ length: 50 }, (_, index) => `t${String(index).padStart(2, '0')}`);
  for (const name of names) source.addTopic(name);
  const create = destination.createTopic.bind(destination);
  let [underWay, most] = [0, 0];
  const hanging = Promise.withResolvers<void>();
  destination.createTopic = async (topic) => {
    underWay += 1;
    most = Math.max(most, underWay);
    await (topic.name === 't03' ? hanging.promise : Promise.resolve());
    underWay -= 1;
    return create(topic);
  };
  const started = runner.start();
  await vi.advanceTimersByTimeAsync(0);
  expect(copied).toHaveLength(49);
  hanging.resolve();
  await started;
  expect(copied).toHaveLength(50);
  expect(most).toBe(20);
  await runner.stop();
});

describe('a look in slices', () => {
  /** Done once, when the next slice is about to begin. */
  let meanwhile: (() => void) | null;
  /** Slices that began. */
  let slices: number;

  beforeEach(async () => {
    meanwhile = null;
    slices = 0;
    runner = newRunner('fill', {
      lookSpanMs: 0,
      mayMirror: () => true,
      owns: () => {
        slices += 1;
        return true;
      },
    });
    for (const topic of ['a', 'b', 'c']) source.addTopic(topic);
    void runner.start();
    await vi.advanceTimersByTimeAsync(500);
    expect(copied).toHaveLength(3);
    slices = 0;
    status = ['a', 'b'].map((topic) => ({ topic, partition: 0, state: 'Mirroring' }) as PartitionStatus);
    // A break is over when what waits had its turn.
    const breathe = globalThis.setImmediate;
    vi.spyOn(globalThis, 'setImmediate').mockImplementation(((done: () => void) =>
      breathe(() => {
        if (slices > 0) meanwhile?.();
        if (slices > 0) meanwhile = null;
        done();
      })) as typeof setImmediate);
  });
  afterEach(() => vi.restoreAllMocks());

  it('does not begin a topic again that was forgotten in between', async () => {
    meanwhile = () => {
      runner.forget('c');
      expect(running.has('c-0')).toBe(false);
    };
    await vi.advanceTimersByTimeAsync(700);
    expect(meanwhile).toBeNull();
    expect([...running]).toEqual(['a-0', 'b-0']);
  });

  it('begins nothing any more once it is stopped in between', async () => {
    meanwhile = () => {
      running.clear();
      void runner.stop();
    };
    await vi.advanceTimersByTimeAsync(700);
    expect(meanwhile).toBeNull();
    expect([...running]).toEqual([]);
  });

  it('goes by what a filter takes after it was altered in between', async () => {
    meanwhile = () => void runner.alter({ selects: (topic) => topic !== 'c' });
    await vi.advanceTimersByTimeAsync(700);
    expect([...running]).toEqual(['a-0', 'b-0']);
    await vi.advanceTimersByTimeAsync(5_000);
    expect([...running]).toEqual(['a-0', 'b-0']);
  });
});

it('waits for brokers that list a new mirror late', async () => {
  source.addTopic('orders');
  await runner.start();
  const created = destination.topics.get('orders')!;
  destination.topics.delete('orders');
  await vi.advanceTimersByTimeAsync(6_000);
  destination.topics.set('orders', created);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(topicStatus('orders')?.state).toBe('Mirrored');
  expect(recreated).toEqual([]);
  await runner.stop();
});

describe('a topic that makes trouble', () => {
  it('is grown at a later look when growing failed at the first', async () => {
    source.addTopic('orders', 3);
    destination.addTopic('orders', 1);
    destination.failures.set('orders', policy);
    await runner.start();
    expect(topicStatus('orders')).toMatchObject({ state: 'Preparing', reason: 'POLICY_VIOLATION' });
    await vi.advanceTimersByTimeAsync(1_100);
    expect(topicStatus('orders')).toMatchObject({ state: 'Preparing', reason: 'POLICY_VIOLATION' });
    destination.failures.clear();
    await vi.advanceTimersByTimeAsync(1_100);
    expect(topicStatus('orders')).toMatchObject({ state: 'Mirrored', reason: null });
    expect(new Set(copied)).toEqual(new Set(['orders-0', 'orders-1', 'orders-2']));
  });

  it('does not keep the others from being copied when a right is missing for it', async () => {
    for (const topic of ['a', 'b', 'c']) source.addTopic(topic);
    destination.failures.set('a', right);
    source.settings.set('b', new LockstepError('NOT_AUTHORIZED', 'DESCRIBE_CONFIGS is missing'));
    await runner.start();
    expect(copied).toEqual(['c-0']);
    expect(topicStatus('a')).toMatchObject({ state: 'Preparing', reason: 'CREATE is missing' });
    expect(topicStatus('b')).toMatchObject({ state: 'Preparing', reason: 'DESCRIBE_CONFIGS is missing' });
  });

  it('ends the start when no topic can be copied for want of a right', async () => {
    source.addTopic('a');
    destination.failures.set('a', right);
    await expect(runner.start()).rejects.toBe(right);
  });

  it('is checked before it is copied when somebody else created it meanwhile', async () => {
    source.addTopic('orders');
    const settings = new Map([['message.timestamp.type', { value: 'LogAppendTime', isSetOnTopic: true }]]);
    destination.failures.set('orders', new LockstepError('KAFKA_ERROR', 'TOPIC_ALREADY_EXISTS'));
    await runner.start();
    expect(copied).toEqual([]);
    destination.addTopic('orders');
    destination.settings.set('orders', settings);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(topicStatus('orders')?.state).toBe('Refused');
    expect(copied).toEqual([]);
  });
});

it('copies a mirror that was refused as soon as a person has mended it', async () => {
  const fitting = mirrorOf(sourceLike());
  source.addTopic('orders');
  source.settings.set('orders', sourceLike());
  destination.addTopic('orders');
  destination.settings.set(
    'orders',
    new Map([...fitting, ['compression.type', { value: 'gzip', isSetOnTopic: true }]]),
  );
  await runner.start();
  expect(topicStatus('orders')?.state).toBe('Refused');
  destination.settings.set('orders', fitting);
  await vi.advanceTimersByTimeAsync(1_100);
  expect(topicStatus('orders')).toMatchObject({ state: 'Mirrored', reason: null });
  expect(copied).toEqual(['orders-0']);
  await runner.stop();
});

describe('a runner that shares the link with others', () => {
  it('creates nothing, and copies what the keeper has made', async () => {
    runner = newRunner('fill', { isKeeper: () => false });
    source.addTopic('orders');
    await runner.start();
    expect(topicStatus('orders')).toMatchObject({
      state: 'Preparing',
      reason: 'waits for the leading agent to create the mirror',
    });
    destination.addTopic('orders');
    await vi.advanceTimersByTimeAsync(1_100);
    expect(copied).toEqual(['orders-0']);
    await runner.stop();
  });

  it('changes no setting', async () => {
    runner = newRunner('fill', { isKeeper: () => false });
    source.addTopic('orders');
    source.settings.set('orders', sourceLike({ 'cleanup.policy': 'compact' }));
    destination.addTopic('orders');
    destination.settings.set('orders', mirrorOf(sourceLike()));
    await runner.start();
    await vi.advanceTimersByTimeAsync(40_000);
    expect(destination.log).toEqual([]);
    await runner.stop();
  });

  it('does not take a hidden topic for a deleted one', async () => {
    source.addTopic('orders');
    await runner.start();
    source.topics.delete('orders');
    source.hidden.add('orders');
    await vi.advanceTimersByTimeAsync(1_100);
    expect(topicStatus('orders')?.state).toBe('NotAuthorized');
    source.hidden.clear();
    await vi.advanceTimersByTimeAsync(1_100);
    expect(topicStatus('orders')?.state).toBe('SourceDeleted');
    await runner.stop();
  });
});

it('stops although a look at the topics hangs', async () => {
  await runner.start();
  source.isHanging = true;
  await vi.advanceTimersByTimeAsync(1_100);
  let isStopped = false;
  void runner.stop().then(() => {
    isStopped = true;
  });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(isStopped).toBe(true);
});

describe('settings that change at the source', () => {
  it('are followed at the next look at them, and begin a Blocked partition anew', async () => {
    source.addTopic('orders', 2);
    source.settings.set('orders', sourceLike());
    await runner.start();
    source.settings.set('orders', sourceLike({ 'max.message.bytes': '5000000', 'retention.ms': '1000' }));
    await vi.advanceTimersByTimeAsync(2_500);
    expect(destination.log).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_600);
    expect(destination.log).toEqual(['alter orders max.message.bytes=5000000 retention.ms=1000']);
    expect(notices.at(-1)).toBe(
      'topic orders: max.message.bytes 1048588 -> 5000000, retention.ms 604800000 -> 1000, as at the source',
    );
    expect(restarted).toEqual([]);
    await runner.stop();
  });

  it('are not followed where the source topic was created anew, although nobody has met that one yet', async () => {
    source.addTopic('orders');
    source.settings.set('orders', sourceLike());
    await runner.start();
    await vi.advanceTimersByTimeAsync(4_100);
    const { topicSettings } = source;
    source.topicSettings = async (topics) => {
      if (topics.includes('orders')) {
        source.topics.set('orders', { topic: 'orders', topicId: 'another', partitionCount: 1 });
        source.settings.set('orders', sourceLike({ 'cleanup.policy': 'compact', 'retention.ms': '1000' }));
      }
      return topicSettings.call(source, topics);
    };
    await vi.advanceTimersByTimeAsync(4_100);
    expect(destination.log).toEqual([]);
    await vi.advanceTimersByTimeAsync(4_100);
    expect(topicStatus('orders')?.state).toBe('SourceRecreated');
    expect(destination.log).toEqual([]);
    await runner.stop();
  });

  it('are looked at at once while a partition is Blocked', async () => {
    source.addTopic('orders', 2);
    source.settings.set('orders', sourceLike());
    await runner.start();
    status = [0, 1].map((partition) => {
      const state = partition === 1 ? 'Blocked' : 'Mirroring';
      const since = { sinceMs: Date.now(), isStopped: partition === 1 };
      return { topic: 'orders', partition, state, ...since } as PartitionStatus;
    });
    await vi.advanceTimersByTimeAsync(1_100);
    expect(restarted).toEqual([]);
    source.settings.set('orders', sourceLike({ 'max.message.bytes': '5000000' }));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(destination.log).toEqual(['alter orders max.message.bytes=5000000']);
    expect(restarted).toEqual(['orders-1']);
    await runner.stop();
  });

  it('are told once when the right to change them is missing, and tried again', async () => {
    source.addTopic('orders');
    source.settings.set('orders', sourceLike());
    await runner.start();
    destination.refusals.set('alterTopic', right);
    source.settings.set('orders', sourceLike({ 'retention.ms': '1000' }));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(notices.filter((text) => text === 'topic orders: CREATE is missing')).toHaveLength(1);
    expect(topicStatus('orders')?.state).toBe('Mirrored');
    destination.refusals.clear();
    await vi.advanceTimersByTimeAsync(4_000);
    expect(destination.log).toEqual(['alter orders retention.ms=1000']);
    await runner.stop();
  });
});

describe('a link with start: shifted', () => {
  beforeEach(() => {
    runner = newRunner('shifted');
    source.addTopic('orders', 2);
    source.ranges.set('orders-0', { start: 500n, end: 900n });
    source.ranges.set('orders-1', { start: 0n, end: 900n });
    for (const partition of [0, 1, 2]) destination.ranges.set(`orders-${partition}`, { start: 0n, end: 0n });
  });

  it('hands each partition over with its shift, those that are added later too', async () => {
    await runner.start();
    expect(copied).toEqual(['orders-0 shifted by 500', 'orders-1']);
    source.ranges.set('orders-2', { start: 7n, end: 9n });
    source.addTopic('orders', 3);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(copied.slice(2)).toEqual(['orders-2 shifted by 7']);
    await runner.stop();
  });

  it('copies nothing while no leader tells where a partition starts, and goes on when one does', async () => {
    source.ranges.delete('orders-1');
    await runner.start();
    expect(copied).toEqual([]);
    expect(topicStatus('orders')).toMatchObject({ state: 'Preparing' });
    expect(topicStatus('orders')?.reason).toContain('no leader tells where the log starts');
    source.ranges.set('orders-1', { start: 0n, end: 900n });
    destination.settings.set('orders', mirrorOf(sourceLike()));
    await vi.advanceTimersByTimeAsync(1_100);
    expect(copied).toEqual(['orders-0 shifted by 500', 'orders-1']);
    await runner.stop();
  });

  it('leaves a mirror alone whose shift is about a former source topic', async () => {
    await runner.start();
    await runner.stop();
    copied = [];
    running.clear();
    source.topics.set('orders', { topic: 'orders', topicId: 'another', partitionCount: 2 });
    runner = newRunner('shifted');
    await runner.start();
    expect(copied).toEqual([]);
    expect(topicStatus('orders')?.state).toBe('SourceRecreated');
    await runner.stop();
  });
});

it('ends the guard that another run left behind', async () => {
  const compacted = sourceLike({ 'cleanup.policy': 'compact' });
  source.addTopic('orders');
  source.settings.set('orders', compacted);
  source.ranges.set('orders-0', { start: 500n, end: 900n });
  destination.addTopic('orders');
  destination.ranges.set('orders-0', { start: 500n, end: 500n });
  destination.denied.add('orders');
  destination.settings.set(
    'orders',
    new Map([
      ...mirrorOf(compacted),
      ['cleanup.policy', { value: 'delete', isSetOnTopic: true }],
      ['message.timestamp.after.max.ms', { value: '9223372036854775806', isSetOnTopic: true }],
    ]),
  );
  status = [{ topic: 'orders', partition: 0, state: 'Settling', isStopped: false } as PartitionStatus];
  await runner.start();
  expect(destination.denied.has('orders')).toBe(false);
  expect(destination.settings.get('orders')).toEqual(mirrorOf(compacted));
  await runner.stop();
});

it('says what the mirror has lost as soon as a partition is mirrored, and keeps on looking', async () => {
  source.addTopic('orders');
  source.settings.set('orders', sourceLike({ 'retention.ms': '-1', 'retention.bytes': '1000' }));
  source.ranges.set('orders-0', { start: 0n, end: 90n });
  destination.ranges.set('orders-0', { start: 7n, end: 90n });
  await runner.start();
  const losses = () => notices.filter((text) => text.includes('that the source still has'));
  await vi.advanceTimersByTimeAsync(500);
  expect(losses()).toEqual([]);
  status = [{ topic: 'orders', partition: 0, state: 'Mirroring', shift: 0n, behindMs: 0 } as PartitionStatus];
  await vi.advanceTimersByTimeAsync(600);
  expect(losses()).toEqual([expect.stringContaining('took 7 offsets (0 to 6)')]);
  destination.ranges.set('orders-0', { start: 70n, end: 90n });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(losses()).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(31_000);
  expect(losses()[1]).toContain('took 70 offsets (0 to 69)');
  await runner.stop();
});

it('copies nothing from a source topic that was created again while nobody ran', async () => {
  source.addTopic('orders');
  destination.addTopic('orders');
  destination.settings.set('orders', mirrorOf(sourceLike()));
  const { topicId } = destination.topics.get('orders')!;
  const mirroredFrom = (_: string, mirrorTopicId: string) =>
    mirrorTopicId === topicId ? 'former' : undefined;
  runner = newRunner('fill', { mirroredFrom });
  await runner.start();
  expect(copied).toEqual([]);
  expect(topicStatus('orders')?.state).toBe('SourceRecreated');
  await runner.stop();
});
