import { expect, test } from 'vitest';
import { type Clock, sleep, type TopicMetadata } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import { LedWatch } from './led-watch.ts';

/** Time passes as fast as it is waited for. */
class Hurry implements Clock {
  #nowMs = 0;
  nowMs(): number {
    return this.#nowMs;
  }
  after(delayMs: number, run: () => void): () => void {
    setImmediate(() => {
      this.#nowMs += delayMs;
      run();
    });
    return () => {};
  }
}

/** One broker that knows the partition `n` of each topic from `atMs(topic, n)` on. */
function broker(atMs: (topic: string, partition: number) => number, partitionCount = 10) {
  const clock = new Hurry();
  const asked = { logs: 0, metadata: 0 };
  let leaderEpoch = 0;
  const metadataOf = (name: string): TopicMetadata => {
    const partitions = Array.from({ length: partitionCount }, () => ({
      leaderId: 1,
      leaderEpoch,
      replicas: [1],
    }));
    return { name, topicId: name, isInternal: false, partitions } as unknown as TopicMetadata;
  };
  const watch = new LedWatch({
    clock,
    metadata: async (topics) => {
      asked.metadata += topics.length;
      return { topics: new Map(topics.map((name) => [name, metadataOf(name)])) };
    },
    missing: async (_leader, logs) => {
      asked.logs += logs.length;
      return new Set(
        logs.filter(
          (log) => log.leaderEpoch !== leaderEpoch || clock.nowMs() < atMs(log.topic, log.partition),
        ),
      );
    },
  });
  const elect = () => {
    leaderEpoch += 1;
  };
  return { watch, clock, asked, elect };
}

test('each topic is there as soon as all of its own logs are', async () => {
  const { watch, clock } = broker((topic, partition) => (topic === 'early' ? 10 : 500) * partition);
  const late = watch.until('late').then(() => clock.nowMs());
  const early = watch.until('early').then(() => clock.nowMs());
  expect(await early).toBe(100);
  expect(await late).toBe(4_500);
});

test('logs that come in any order are asked about little: one of a topic, as a rule', async () => {
  const partitionCount = 1_000;
  const { watch, asked, clock } = broker(
    (_topic, partition) => ((partition * 7_919) % 1_000) * 10,
    partitionCount,
  );
  await watch.until('orders');
  expect(clock.nowMs()).toBeLessThanOrEqual(9_990 + 100);
  // A hundred looks of a thousand each would be a hundred thousand.
  expect(asked.logs).toBeLessThan(20 * partitionCount);
});

test('a broker that makes one log a second is waited for, however many there are', async () => {
  const { watch, clock } = broker((_topic, partition) => partition * 1_000, 60);
  await watch.until('orders');
  expect(clock.nowMs()).toBe(59_000);
});

test('a log that never comes holds up its topic for ten seconds after the newest of all, and then tells it itself', async () => {
  const { watch, clock } = broker((topic, partition) =>
    topic === 'broken' ? Number.POSITIVE_INFINITY : partition * 2_000,
  );
  const [broken, whole] = await Promise.all(
    ['broken', 'whole'].map((topic) =>
      watch.until(topic).then((metadata) => ({ metadata, atMs: clock.nowMs() })),
    ),
  );
  expect(whole!.atMs).toBe(18_000);
  expect(broken!.atMs).toBeGreaterThan(28_000);
  expect(broken!.atMs).toBeLessThan(29_000);
  expect(broken!.metadata?.partitions.length).toBe(10);
});

/** One partition each; no question is answered in time before `answersFromMs`, and each topic is there one second after. */
function slowBroker(answersFromMs: number) {
  const clock = new Hurry();
  const partitions = [{ leaderId: 1, leaderEpoch: 0, replicas: [1] }];
  const watch = new LedWatch({
    clock,
    metadata: async (topics) => ({
      topics: new Map(topics.map((name) => [name, { name, partitions } as unknown as TopicMetadata])),
    }),
    missing: async (_leader, logs) => {
      const isAnswered = clock.nowMs() >= answersFromMs;
      if (!isAnswered) await sleep(clock, 15_000);
      return isAnswered ? new Set(clock.nowMs() >= answersFromMs + 1_000 ? [] : logs) : null;
    },
  });
  return { clock, there: watch.until('orders').then(() => clock.nowMs()) };
}

test('a leader that is too slow to answer is asked again: its logs are not there for that', async () => {
  expect(await slowBroker(30_000).there).toBeGreaterThanOrEqual(31_000);
});

test('a leader that never answers in time holds up its topics for a minute', async () => {
  const atMs = await slowBroker(Number.POSITIVE_INFINITY).there;
  expect(atMs).toBeGreaterThan(60_000);
  expect(atMs).toBeLessThan(80_000);
});

test('a leader that answers now and then that nothing has come holds up nobody for longer', async () => {
  const clock = new Hurry();
  const partitions = [0, 1].map(() => ({ leaderId: 1, leaderEpoch: 0, replicas: [1] }));
  let scans = 0;
  const watch = new LedWatch({
    clock,
    metadata: async () => ({
      topics: new Map([['orders', { name: 'orders', partitions } as unknown as TopicMetadata]]),
    }),
    missing: async (_leader, logs) => {
      if (logs.length === 2) scans += 1;
      if (logs.length === 2 && scans % 2 === 0) return null;
      return new Set(logs.filter(({ partition }) => partition === 1));
    },
  });
  await watch.until('orders');
  expect(scans).toBeGreaterThan(4);
  expect(clock.nowMs()).toBeLessThan(80_000);
});

test('a leader that moved meanwhile is asked', async () => {
  const { watch, clock, elect } = broker(() => 1_000);
  const there = watch.until('orders').then(() => clock.nowMs());
  clock.after(0, elect);
  expect(await there).toBeLessThanOrEqual(2_100);
});

test('a cluster that is away is asked until patience ends', async () => {
  const clock = new Hurry();
  let asked = 0;
  const watch = new LedWatch({
    clock,
    metadata: async () => {
      asked += 1;
      throw new LockstepError('CLUSTER_UNREACHABLE', 'away', { retriable: true });
    },
    missing: async () => new Set(),
  });
  expect(await watch.until('orders')).toBeUndefined();
  expect(asked).toBeGreaterThan(50);
});

test('nothing is asked any more when all are there, and topics that come later are waited for, too', async () => {
  const { watch, asked, clock } = broker(() => 300);
  await watch.until('orders');
  const before = asked.logs;
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked.logs).toBe(before);
  await watch.until('bills');
  expect(clock.nowMs()).toBeGreaterThanOrEqual(300);
});
