// Looks at both regions and says what a restore would do, without changing anything.
//
//   1. topics by name and id on both sides, and where the new primary's mirrors were cut
//   2. the ends of all lost partitions, once their replicas are in sync
//   3. where the logs part
//   4. what it takes: bytes, disks
import {
  type Cluster,
  describeConfigs,
  describeLogDirs,
  type ListedOffset,
  listOffsets,
  listTopics,
  logEndOffsets,
  type TopicMetadata,
  type TopicPartition,
  unwrap,
} from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { earlier, later } from '../../offsets.ts';
import { Slots } from '../../slots.ts';
import { clusterLogs, type LogSource } from '../../verify/index.ts';
import { bytesFrom, type LogSize, sumOf } from './cost.ts';
import { gapsHoldCopies, isMirrored, knownCut, type RestoreGround } from './ground.ts';
import { findParting, type LostLog } from './parting.ts';
import { quarantineName } from './quarantine.ts';
import { reading } from './reading.ts';
import type { PartitionPlan, RestorePlan, TopicCost, TopicFate, TopicPlan } from './types.ts';

export interface LookOptions {
  /** Names the quarantine topics. */
  readonly atMs: number;
  /** How many offsets in front of the cut are compared at first; null: all. */
  readonly windowOffsets: bigint | null;
  readonly onPartition?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export const windowOffsetsDefault = 10_000n;
/** Each reads from both sides and holds a few megabytes. */
const partitionsAtOnceMax = 4;
/** How long replicas of a region that came back may take, ms. */
const inSyncMsMax = 30_000;

export async function lookForRestore(ground: RestoreGround, options: LookOptions): Promise<RestorePlan> {
  const { lost, home, topics } = ground;
  const [lostTopics, homeTopics] = await Promise.all([listTopics(lost.cluster), listTopics(home.cluster)]);
  const both = topics.map((topic) => ({ topic, lost: lostTopics.get(topic), home: homeTopics.get(topic) }));
  const ends = await lostLogs(
    lost.cluster,
    both.flatMap((found) => (found.home === undefined ? [] : partitionsOf(found.topic, found.lost))),
  );
  const lostSource = clusterLogs(lost.cluster);
  const homeSource = clusterLogs(home.cluster);
  try {
    const partitions = await partitionPlans(ground, both, { ends, lostSource, homeSource }, options);
    const facts = await factsOf(ground, both, partitions);
    const plans = both.map((found) =>
      topicPlan(
        { ...found, cuts: knownCut(ground, found.topic, { lost: '', home: '' }).cuts },
        partitions.get(found.topic) ?? [],
        facts,
        options,
      ),
    );
    return {
      ...{ region: lost.name, home: home.name, topics: plans },
      onlyHere: [...lostTopics.keys()].filter((topic) => !homeTopics.has(topic) && isMirrored(ground, topic)),
      usableBytes: facts.usableBytes,
    };
  } finally {
    lostSource.close();
    homeSource.close();
  }
}

interface FoundTopic {
  readonly topic: string;
  readonly lost: TopicMetadata | undefined;
  readonly home: TopicMetadata | undefined;
}

function partitionsOf(topic: string, metadata: TopicMetadata | undefined): TopicPartition[] {
  return metadata?.partitions.map((_, partition) => ({ topic, partition })) ?? [];
}

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/**
 * Where the lost logs stand, once all of each is on every in-sync replica: what is not can't be read, and so not saved.
 * @throws LockstepError KAFKA_ERROR, retriable, naming a partition whose replicas lack records.
 */
export async function lostLogs(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
): Promise<ReadonlyMap<string, LostLog>> {
  const logs = new Map<string, LostLog>();
  await cluster.retry(
    async () => {
      const open = partitions.filter((partition) => !logs.has(keyOf(partition)));
      if (open.length === 0) return;
      // In this order: the high watermark may have caught up with the end by then, never run ahead of it unseen.
      const starts = await offsetsOf(cluster, open, 'earliest', 'read_uncommitted');
      const ends = await logEndOffsets(cluster, open);
      const stable = await offsetsOf(cluster, open, 'latest', 'read_committed');
      const watermarks = await offsetsOf(cluster, open, 'latest', 'read_uncommitted');
      for (const [index, at] of open.entries()) {
        const logEnd = unwrap(ends[index]!.outcome).logEndOffset;
        if (watermarks[index]!.offset < logEnd) continue;
        const logStart = starts[index]!.offset;
        const lastStableOffset = earlier(stable[index]!.offset, logEnd);
        logs.set(keyOf(at), { ...{ partition: at.partition, logStart, logEnd }, lastStableOffset });
      }
      const missing = open.find((partition) => !logs.has(keyOf(partition)));
      if (missing === undefined) return;
      throw new LockstepError(
        'KAFKA_ERROR',
        `cluster ${cluster.name}: the end of ${missing.topic}-${missing.partition} is not on its in-sync replicas yet, and can't be read before; start the brokers that are missing, and try again`,
        { retriable: true },
      );
    },
    { timeoutMs: inSyncMsMax },
  );
  return logs;
}

async function offsetsOf(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  at: 'earliest' | 'latest',
  isolationLevel: 'read_uncommitted' | 'read_committed',
): Promise<ListedOffset[]> {
  const queries = partitions.map(({ topic, partition }) => ({ topic, partition, at }));
  return (await listOffsets(cluster, queries, { isolationLevel })).map(({ outcome }) => unwrap(outcome));
}

interface Logs {
  readonly ends: ReadonlyMap<string, LostLog>;
  readonly lostSource: LogSource;
  readonly homeSource: LogSource;
}

async function partitionPlans(
  ground: RestoreGround,
  both: readonly FoundTopic[],
  { ends, lostSource, homeSource }: Logs,
  options: LookOptions,
): Promise<ReadonlyMap<string, readonly PartitionPlan[]>> {
  const { windowOffsets, onPartition, signal } = options;
  const slots = new Slots(partitionsAtOnceMax);
  let done = 0;
  type Planned = [topic: string, partitions: readonly PartitionPlan[]];
  const plans = both.map(async ({ topic, lost, home }): Promise<Planned> => {
    if (lost === undefined || home === undefined) return [topic, []];
    const { cuts, isSameTopic } = knownCut(ground, topic, { lost: lost.topicId, home: home.topicId });
    const own = partitionsOf(topic, lost).map((at) =>
      slots.use(async (): Promise<PartitionPlan> => {
        signal?.throwIfAborted();
        const log = ends.get(keyOf(at))!;
        const { partition } = at;
        try {
          if (!isSameTopic) return whole(log, 'recreated');
          if (partition >= home.partitions.length) return whole(log, 'onlyHere');
          const logs = {
            lost: lostSource.partitionLog(topic, partition),
            home: homeSource.partitionLog(topic, partition),
          };
          return await reading(`${topic}-${partition}`, () =>
            findParting(logs, log, {
              cutOffset: cuts?.[partition] ?? null,
              gapsHoldCopies: gapsHoldCopies(ground),
              windowOffsets,
              ...(signal && { signal }),
            }),
          );
        } finally {
          done += 1;
          onPartition?.(done, ends.size);
        }
      }),
    );
    return [topic, await Promise.all(own)];
  });
  return new Map(await Promise.all(plans));
}

/** Nothing of the log is the new primary's. */
function whole({ partition, logStart, logEnd }: LostLog, standing: 'recreated' | 'onlyHere'): PartitionPlan {
  return {
    ...{ partition, standing, logStart, logEnd },
    ...{ partingOffset: logStart, cutOffset: null, compared: null },
  };
}

/** What brokers tell of the topics that are going to be copied. */
interface Facts {
  readonly homeLogs: ReadonlyMap<string, LogSize>;
  readonly lostBytes: ReadonlyMap<string, bigint>;
  readonly compacted: ReadonlySet<string>;
  readonly usableBytes: ReadonlyMap<number, bigint | null>;
}

async function factsOf(
  { lost, home }: RestoreGround,
  both: readonly FoundTopic[],
  plans: ReadonlyMap<string, readonly PartitionPlan[]>,
): Promise<Facts> {
  const copied = both.filter((found) => isCopied(fateOf(found, plans.get(found.topic) ?? [])));
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
function largestReplicas(dirs: Awaited<ReturnType<typeof describeLogDirs>>): Map<string, bigint> {
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

function isCopied(fate: TopicFate): boolean {
  return fate === 'copyAgain' || fate === 'copyAnew';
}

function fateOf({ lost, home }: FoundTopic, partitions: readonly PartitionPlan[]): TopicFate {
  if (home === undefined) return 'leaveAlone';
  if (lost === undefined) return 'copyAnew';
  return partitions.every(({ standing }) => standing === 'continues') ? 'continue' : 'copyAgain';
}

function topicPlan(
  found: FoundTopic & { readonly cuts: readonly bigint[] | null },
  partitions: readonly PartitionPlan[],
  facts: Facts,
  { atMs }: LookOptions,
): TopicPlan {
  const { topic, lost, home } = found;
  const fate = fateOf(found, partitions);
  const homePartitionCount = home?.partitions.length ?? 0;
  const beginsAt = Array.from({ length: isCopied(fate) ? homePartitionCount : 0 }, (_, partition) =>
    beginOf(partitions[partition], found.cuts?.[partition], facts.homeLogs.get(keyOf({ topic, partition }))),
  );
  return {
    ...{ topic, fate, partitions, homePartitionCount, beginsAt },
    topicId: lost?.topicId ?? null,
    homeTopicId: home?.topicId ?? null,
    isCompacted: facts.compacted.has(topic),
    savedTo: fate === 'copyAgain' ? quarantineName(topic, atMs) : null,
    cost: costOfTopic(found, partitions, beginsAt, facts),
  };
}

/** Where the logs part; at the cut where nothing is left of the lost log, and at the start where no cut is known. */
function beginOf(
  plan: PartitionPlan | undefined,
  cut: bigint | undefined,
  home: LogSize | undefined,
): bigint {
  const isWhole = plan === undefined || plan.standing === 'recreated' || plan.standing === 'onlyHere';
  const begin = isWhole ? (cut ?? 0n) : plan.partingOffset;
  return home === undefined ? begin : earlier(later(begin, home.start), home.end);
}

function costOfTopic(
  { topic, lost, home }: FoundTopic,
  partitions: readonly PartitionPlan[],
  beginsAt: readonly bigint[],
  { homeLogs, lostBytes }: Facts,
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
    freedBytes: isDeleted ? sumOf(partitions.map((plan) => lostSize(plan).sizeBytes)) : 0n,
    replicationFactor: (lost ?? home)?.partitions[0]?.replicas.length ?? 1,
  };
}
