// What becomes of single topics that make trouble, with clusters played by hand.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LockstepError } from '../errors.ts';
import type { LinkMirror, TopicPartition } from '../mirror/index.ts';
import { type LinkDestination, LinkRunner, type TopicFacts } from './link-runner.ts';
import type { TopicSettings } from './mirror-topic.ts';

type Settings = TopicSettings | LockstepError;

class FakeCluster implements LinkDestination {
  readonly name: string;
  readonly clusterId: string;
  readonly brokerCount = 1;
  readonly topics = new Map<string, TopicFacts>();
  readonly settings = new Map<string, Settings>();
  readonly failures = new Map<string, LockstepError>();
  isHanging = false;

  constructor(name: string) {
    this.name = name;
    this.clusterId = name;
  }
  addTopic(topic: string, partitionCount = 1): void {
    this.topics.set(topic, { topic, topicId: `${this.name}-${topic}`, partitionCount });
  }
  async listTopics(): Promise<readonly TopicFacts[]> {
    if (this.isHanging) await new Promise(() => {});
    return [...this.topics.values()];
  }
  async topicSettings(topics: readonly string[]): Promise<ReadonlyMap<string, Settings>> {
    return new Map(topics.map((topic) => [topic, this.settings.get(topic) ?? new Map()]));
  }
  async createTopic({ name, partitionCount }: { name: string; partitionCount: number }) {
    this.#fail(name);
    this.addTopic(name, partitionCount);
    return { replicationFactor: 1 };
  }
  async addPartitions(topic: string, partitionCount: number): Promise<void> {
    this.#fail(topic);
    this.addTopic(topic, partitionCount);
  }
  #fail(topic: string): void {
    const failure = this.failures.get(topic);
    if (failure !== undefined) throw failure;
  }
}

const policy = new LockstepError('KAFKA_ERROR', 'POLICY_VIOLATION');
const right = new LockstepError('NOT_AUTHORIZED', 'CREATE is missing');

let source: FakeCluster;
let destination: FakeCluster;
let copied: string[];
let notices: string[];
let runner: LinkRunner;

beforeEach(() => {
  vi.useFakeTimers();
  source = new FakeCluster('source');
  destination = new FakeCluster('destination');
  copied = [];
  notices = [];
  const mirror = {
    heldBytes: 0,
    status: () => [],
    followLeaders: () => {},
    topicRecreated: () => {},
    stop: async () => {},
    add: ({ topic, partition }: TopicPartition) => copied.push(`${topic}-${partition}`),
  } as unknown as LinkMirror;
  runner = new LinkRunner({
    name: 'us-to-eu',
    source,
    destination,
    mirror,
    selects: () => true,
    namedTopics: ['named'],
    replicationFactor: -1,
    discoverEveryMs: 1_000,
    onNotice: ({ text }) => notices.push(text),
    nowMs: () => 0,
  });
});

afterEach(async () => {
  await vi.advanceTimersByTimeAsync(0);
  vi.useRealTimers();
});

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
