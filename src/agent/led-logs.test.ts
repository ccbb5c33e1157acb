import { expect, test } from 'vitest';
import type { ClusterMetadata } from '../client/index.ts';
import { ledLogs } from './link-clusters.ts';

/** Leaders of the partitions of `orders`, with their epochs. */
function metadata(topicId: string, ...leaders: [leaderId: number, leaderEpoch: number][]): ClusterMetadata {
  const partitions = leaders.map(([leaderId, leaderEpoch], partition) => ({
    ...{ partition, leaderId, leaderEpoch },
  }));
  return { topics: new Map([['orders', { topicId, partitions }]]) } as unknown as ClusterMetadata;
}

test('a log is given by the newest metadata: other leaders, other epochs, another topic, more partitions', () => {
  const cluster = { knownMetadata: metadata('id', [1, 0], [-1, 0]) };
  const logOf = ledLogs(cluster);
  const log = { topic: 'orders', topicId: 'id', partition: 0, leader: 1, leaderEpoch: 0 };
  expect(logOf('orders', 0)).toEqual(log);
  expect(logOf('orders', 0)).toBe(logOf('orders', 0));
  expect(logOf('orders', 1)).toBeNull();
  expect(logOf('orders', 2)).toBeNull();
  expect(logOf('others', 0)).toBeNull();
  cluster.knownMetadata = metadata('id', [2, 1], [1, 3], [1, 0]);
  expect(logOf('orders', 0)).toEqual({ ...log, leader: 2, leaderEpoch: 1 });
  expect(logOf('orders', 1)).toEqual({ ...log, partition: 1, leaderEpoch: 3 });
  expect(logOf('orders', 2)).toMatchObject({ partition: 2 });
  cluster.knownMetadata = metadata('other', [2, 1]);
  expect(logOf('orders', 0)).toMatchObject({ topicId: 'other' });
  expect(logOf('orders', 1)).toBeNull();
});

test('a log that is led as before is the same one under newer metadata: nobody has to follow it anywhere', () => {
  const cluster = { knownMetadata: metadata('id', [1, 0], [1, 0], [1, 0]) };
  const logOf = ledLogs(cluster);
  const before = [0, 1, 2].map((partition) => logOf('orders', partition));
  cluster.knownMetadata = metadata('id', [1, 0], [2, 0], [1, 1]);
  expect(logOf('orders', 0)).toBe(before[0]);
  expect(logOf('orders', 1)).toMatchObject({ leader: 2 });
  expect(logOf('orders', 2)).toMatchObject({ leaderEpoch: 1 });
  cluster.knownMetadata = metadata('another', [1, 0], [2, 0], [1, 1]);
  expect(logOf('orders', 0)).toMatchObject({ topicId: 'another' });
});
