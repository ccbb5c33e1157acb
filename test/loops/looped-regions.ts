// What tests of loops ask real regions, with Kafka's own counts.

import { mirrorCluster } from '../../src/agent/link-clusters.ts';
import { type Cluster, systemClock } from '../../src/client/index.ts';
import { fencePartition, MarkerWriters } from '../../src/mirror/index.ts';
import { clusterLogs, readLog } from '../../src/verify/index.ts';
import type { RunningAgent } from '../mirror/running-agent.ts';
import { waitFor } from '../support/wait-for.ts';

/** How many records stand in each topic of a cluster, of those that have any; internal topics are left out. */
export async function recordsByTopic(cluster: Cluster): Promise<Record<string, number>> {
  const { topics } = await cluster.metadata();
  const logs = clusterLogs(cluster);
  const counts: Record<string, number> = {};
  try {
    for (const { name, partitions } of topics.values()) {
      if (name.startsWith('__')) continue;
      let count = 0;
      for (const partition of partitions.keys()) {
        const log = logs.partitionLog(name, partition);
        const { logStartOffset, highWatermark } = await log.offsets();
        for await (const { view } of readLog(log, logStartOffset, highWatermark))
          if (!view.isControl) count += view.recordCount;
      }
      if (count > 0) counts[name] = count;
    }
    return counts;
  } finally {
    logs.close();
  }
}

/** Names of the topics of a cluster, internal ones left out. */
export async function topicsOf(cluster: Cluster): Promise<string[]> {
  const { topics } = await cluster.metadata();
  return [...topics.keys()].filter((name) => !name.startsWith('__')).sort();
}

/** Waits until an agent has said why it makes no mirror of an empty topic whose name has grown by a lap. */
export async function holdsBack(agent: RunningAgent, topic: string): Promise<void> {
  const told = () => agent.status()?.links[0]?.topics.find((status) => status.topic === topic);
  await waitFor(() => /may be a mirror of .* that comes back/.test(told()?.reason ?? ''), {
    deadlineMs: 90_000,
    describe: () => `${topic} to be held back: ${JSON.stringify(told())}`,
  });
}

/** Closes a mirror's partition 0 as a promotion does. */
export async function closeWriters(cluster: Cluster, topic: string, writerId: bigint): Promise<void> {
  const sides = mirrorCluster(cluster, { purpose: 'test', readBufferBytes: 16_384 });
  await cluster.metadata({ topics: [topic] });
  const log = sides.leaderOf({ topic, partition: 0 })!;
  const writers = new MarkerWriters({
    open: (broker) => cluster.openConnection(broker, { purpose: 'test' }),
    answerTimeoutMs: 10_000,
    nowMs: () => performance.now(),
  });
  try {
    await fencePartition({
      ...{ log, writerIds: [writerId], ask: sides.ask(log.leader), writer: writers.to(log.leader) },
      ...{ clock: systemClock, timeoutMs: 10_000 },
    });
  } finally {
    writers.close();
  }
}
