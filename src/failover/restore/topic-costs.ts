// What brokers tell of the topics that are going to be copied: how large they are, and how much room there is.
import { describeConfigs, describeLogDirs, unwrap } from '../../client/index.ts';
import { earlier, later } from '../../offsets.ts';
import { type BothSides, partitionsOf } from './both-sides.ts';
import { bytesBetween, bytesFrom, type LogSize, sumOf } from './cost.ts';
import type { RestoreGround } from './ground.ts';
import { keyOf, offsetsOf } from './lost-logs.ts';
import type { PartitionPlan, TopicCost } from './types.ts';

/** What brokers tell of the topics that are going to be copied. */
export interface CostFacts {
  readonly homeLogs: ReadonlyMap<string, LogSize>;
  readonly lostBytes: ReadonlyMap<string, bigint>;
  readonly compacted: ReadonlySet<string>;
  readonly usableBytes: ReadonlyMap<number, bigint | null>;
}

export async function costFactsOf(
  { lost, home }: RestoreGround,
  copied: readonly BothSides[],
): Promise<CostFacts> {
  const partitions = copied.flatMap(({ topic, home: metadata }) => partitionsOf(topic, metadata));
  const counts = (side: 'lost' | 'home') =>
    new Map(copied.map((found): [string, number] => [found.topic, found[side]?.partitions.length ?? 0]));
  const [starts, ends, homeDirs, lostDirs, settings] = await Promise.all([
    offsetsOf(home.cluster, partitions, 'earliest', 'read_uncommitted'),
    offsetsOf(home.cluster, partitions, 'latest', 'read_uncommitted'),
    describeLogDirs(home.cluster, counts('home')),
    describeLogDirs(lost.cluster, counts('lost')),
    describeConfigs(
      home.cluster,
      copied.map(({ topic }) => ({ type: 'topic', name: topic }) as const),
      { names: ['cleanup.policy'] },
    ),
  ]);
  const sizes = largestReplicas(homeDirs);
  const usable = lostDirs.map(({ brokerId, outcome }): [number, bigint | null] => [
    brokerId,
    outcome.ok ? sumOf(outcome.value.map(({ usableBytes }) => usableBytes)) : null,
  ]);
  // Taken for another one, a compacted topic would lose the older values of its keys.
  const hidden = settings.find(({ outcome }) => !outcome.ok && outcome.error.code === 'NOT_AUTHORIZED');
  if (hidden !== undefined) unwrap(hidden.outcome);
  const compacted = settings.filter(
    ({ outcome }) => outcome.ok && outcome.value.get('cleanup.policy')?.value?.includes('compact') === true,
  );
  return {
    homeLogs: new Map(
      partitions.map((at, index) => [
        keyOf(at),
        {
          start: starts[index]!.offset,
          end: ends[index]!.offset,
          sizeBytes: sizes.get(keyOf(at)) ?? null,
        },
      ]),
    ),
    lostBytes: largestReplicas(lostDirs),
    compacted: new Set(compacted.map(({ resource }) => resource.name)),
    usableBytes: new Map(usable),
  };
}

/** Of each partition the largest replica: the others may still be catching up. */
export function largestReplicas(dirs: Awaited<ReturnType<typeof describeLogDirs>>): Map<string, bigint> {
  const sizes = new Map<string, bigint>();
  for (const { outcome } of dirs) {
    for (const { replicas } of outcome.ok ? outcome.value : []) {
      for (const replica of replicas) {
        const key = keyOf(replica);
        if (replica.sizeBytes >= (sizes.get(key) ?? 0n)) sizes.set(key, replica.sizeBytes);
      }
    }
  }
  return sizes;
}

/** Where the logs part; at the cut where nothing is left of the lost log, and at the start where no cut is known. */
export function beginOf(
  plan: PartitionPlan | undefined,
  cut: bigint | undefined,
  home: LogSize | undefined,
): bigint {
  const isWhole = plan === undefined || plan.standing === 'recreated' || plan.standing === 'onlyHere';
  const begin = isWhole ? (cut ?? 0n) : plan.partingOffset;
  return home === undefined ? begin : earlier(later(begin, home.start), home.end);
}

export function costOfTopic(
  { topic, lost, home }: BothSides,
  partitions: readonly PartitionPlan[],
  beginsAt: readonly bigint[],
  { homeLogs, lostBytes }: CostFacts,
): TopicCost {
  const copied = (from: (partition: number) => bigint) =>
    sumOf(
      beginsAt.map((_, partition) => {
        const log = homeLogs.get(keyOf({ topic, partition }));
        return log === undefined ? null : bytesFrom(log, from(partition));
      }),
    );
  const lostSize = ({ partition, logStart, logEnd }: PartitionPlan): LogSize => ({
    ...{ start: logStart, end: logEnd },
    sizeBytes: lostBytes.get(keyOf({ topic, partition })) ?? null,
  });
  const diverged = partitions.filter(({ standing }) => standing !== 'continues');
  const isDeleted = diverged.length > 0;
  return {
    copyBytes: {
      all: copied(() => 0n),
      'from-divergence': copied((partition) => beginsAt[partition]!),
    },
    tailBytes: sumOf(diverged.map((plan) => bytesFrom(lostSize(plan), plan.partingOffset))),
    olderBytes: isDeleted
      ? sumOf(partitions.map((plan) => bytesBetween(lostSize(plan), plan.logStart, plan.olderEnd)))
      : 0n,
    freedBytes: isDeleted ? sumOf(partitions.map((plan) => lostSize(plan).sizeBytes)) : 0n,
    replicationFactor: (lost ?? home)?.partitions[0]?.replicas.length ?? 1,
  };
}
