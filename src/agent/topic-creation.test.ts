import { expect, test } from 'vitest';
import type { Cluster } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import { apis } from '../protocol/index.ts';
import { topicCreation } from './topic-creation.ts';

/** One broker that leads the one partition of `orders`; it answers questions for the end of its log by `ends`. */
function clusterOf(ends: () => Promise<number>): Cluster {
  const topic = { name: 'orders', topicId: 'id', numPartitions: 1, replicationFactor: 1 };
  const partitions = [{ leaderId: 1, leaderEpoch: 0, replicas: [1] }];
  return {
    metadata: async () => ({ topics: new Map([['orders', { name: 'orders', partitions }]]) }),
    request: async (api: unknown) => {
      if (api !== apis.ListOffsets)
        return { topics: [{ ...topic, errorCode: 0, errorMessage: null, configs: [] }] };
      return {
        topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, errorCode: await ends() }] }],
      };
    },
  } as unknown as Cluster;
}

test('a topic whose leader does not answer in time is not there: it is asked again', async () => {
  let asked = 0;
  const create = topicCreation(
    clusterOf(async () => {
      asked += 1;
      if (asked < 3) throw new LockstepError('REQUEST_TIMED_OUT', 'slow', { retriable: true });
      return 0;
    }),
  );
  const made = await create({
    name: 'orders',
    partitionCount: 1,
    replicationFactor: 1,
    settings: {},
  } as never);
  expect(made).toEqual({ topicId: 'id', replicationFactor: 1 });
  expect(asked).toBeGreaterThanOrEqual(3);
});

test('a leader that refuses to be asked holds up nobody: whoever begins there tells it', async () => {
  let asked = 0;
  const create = topicCreation(
    clusterOf(async () => {
      asked += 1;
      throw new LockstepError('CLUSTER_UNREACHABLE', 'away', { retriable: true });
    }),
  );
  await create({ name: 'orders', partitionCount: 1, replicationFactor: 1, settings: {} } as never);
  expect(asked).toBeLessThanOrEqual(2);
});
