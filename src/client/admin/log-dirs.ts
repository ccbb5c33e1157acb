// What brokers say about their disks (DescribeLogDirs, KIP-113): how large each replica is, and, since Kafka 3.3 (KIP-827),
// how much room a volume has. Each broker speaks of itself only. Needs Describe on the cluster; who lacks it is told
// nothing of topics, without an error.
import { apis } from '../../protocol/index.ts';
import type { Cluster } from '../cluster.ts';
import { inParallel, type Outcome, outcomeOf, settle, unwrap } from './outcome.ts';

export interface ReplicaSize {
  readonly topic: string;
  readonly partition: number;
  /** Of the log's segments, bytes. */
  readonly sizeBytes: bigint;
}

export interface LogDir {
  readonly path: string;
  /** Of the volume; null where the broker does not tell (before Kafka 3.3). */
  readonly totalBytes: bigint | null;
  readonly usableBytes: bigint | null;
  readonly replicas: readonly ReplicaSize[];
}

/** The disks of one broker, or why they are unknown. */
export interface LogDirs {
  readonly brokerId: number;
  readonly outcome: Outcome<readonly LogDir[]>;
}

/** Brokers asked at a time. */
const parallelMax = 8;

/** The disks of all brokers, with the replicas of these topics. */
export function describeLogDirs(
  cluster: Cluster,
  partitions: ReadonlyMap<string, number>,
): Promise<LogDirs[]> {
  const topics = Array.from(partitions, ([topic, count]) => ({
    topic,
    partitions: Array.from({ length: count }, (_, partition) => partition),
  }));
  return inParallel(cluster.brokers, parallelMax, async ({ id: brokerId }) => ({
    brokerId,
    outcome: await settle(() => dirsOf(cluster, brokerId, topics)),
  }));
}

async function dirsOf(
  cluster: Cluster,
  brokerId: number,
  topics: { topic: string; partitions: number[] }[],
): Promise<LogDir[]> {
  const what = `asking broker ${brokerId} about its disks`;
  const answer = await cluster.request(apis.DescribeLogDirs, { topics }, { to: brokerId, what });
  return answer.results.map((dir) =>
    unwrap(
      outcomeOf(cluster, dir, what, () => ({
        path: dir.logDir,
        totalBytes: dir.totalBytes < 0n ? null : dir.totalBytes,
        usableBytes: dir.usableBytes < 0n ? null : dir.usableBytes,
        replicas: dir.topics.flatMap(({ name, partitions: replicas }) =>
          replicas
            .filter(({ isFutureKey }) => !isFutureKey)
            .map(({ partitionIndex, partitionSize }) => ({
              topic: name,
              partition: partitionIndex,
              sizeBytes: partitionSize,
            })),
        ),
      })),
    ),
  );
}
