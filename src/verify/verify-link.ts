// Compares all topics of a link. The ends of all partitions are taken when it begins, and all that lag are waited for
// at the same time; those that have arrived are compared meanwhile, some at a time.

import type { Cluster } from '../client/index.ts';
import { Slots } from '../slots.ts';
import { type ClusterLogsOptions, clusterLogs } from './cluster-logs.ts';
import { type LinkProgress, ProgressSum } from './link-progress.ts';
import type { LogSource, TopicSize } from './log-source.ts';
import { Pacer, pacedLog } from './pacer.ts';
import { budgetedLog, ReadingBudget } from './reading-budget.ts';
import {
  type Difference,
  type LinkVerdict,
  type NotCompared,
  nothingCompared,
  outcomeOf,
  type PartitionVerdict,
  worst,
} from './verdict.ts';
import { PartitionVerification, type VerifyPartitionOptions } from './verify-partition.ts';

/** Comparing keeps one core busy; two partitions are enough for that, and each costs memory. */
export const partitionsInFlightDefault = 2;
export const heldBytesDefault = 16 * 1024 * 1024;

/** A topic by its names on both sides. */
export interface TopicPair {
  source: string;
  destination: string;
}

export interface VerifyTopicsOptions
  extends Pick<
    VerifyPartitionOptions,
    'gapsHoldCopies' | 'waitMsMax' | 'pollMs' | 'decompressedBytesMax' | 'waitingSlotsMax' | 'signal'
  > {
  topics: readonly TopicPair[];
  /** By how much a partition's offsets are lower in the destination (`start: shifted`); default 0 for all. */
  shiftOf?: (topic: string, partition: number) => bigint;
  /** The source's first offset that is mirrored (`startAt`); default 0 for all. */
  startOf?: (topic: string, partition: number) => bigint;
  /** Whether MirrorMaker 2 has copied what the destination holds below that; default of none. */
  isTakenOver?: (topic: string, partition: number) => boolean;
  /** Bytes read a second from both sides together; default no limit. */
  bytesPerSecondMax?: number;
  /** Partitions compared at a time; default 2. Each holds up to two answers and one opened batch of each side. */
  partitionsInFlightMax?: number;
  /** Bytes of answers held in memory over all partitions, but for what the first of them needs; default 16 MiB. */
  heldBytesMax?: number;
  onProgress?: (progress: LinkProgress) => void;
  /** Called with each verdict as soon as it stands. */
  onVerdict?: (verdict: PartitionVerdict) => void;
}

export interface VerifyLinkOptions extends VerifyTopicsOptions, ClusterLogsOptions {
  source: Cluster;
  destination: Cluster;
}

/**
 * Compares the topics of two clusters. What a cluster refuses for one partition is in that partition's verdict.
 * @throws LockstepError when a cluster cannot be asked which partitions there are.
 */
export async function verifyLink(options: VerifyLinkOptions): Promise<LinkVerdict> {
  const source = clusterLogs(options.source, options);
  const destination = clusterLogs(options.destination, options);
  try {
    return await verifyTopics(source, destination, options);
  } finally {
    source.close();
    destination.close();
  }
}

/** The same for any two sources of logs. Verdicts are in the order of `topics` and of the partitions. */
export async function verifyTopics(
  source: LogSource,
  destination: LogSource,
  options: VerifyTopicsOptions,
): Promise<LinkVerdict> {
  const startedMs = performance.now();
  const { topics, onVerdict, bytesPerSecondMax } = options;
  const pacer = bytesPerSecondMax === undefined ? null : new Pacer(bytesPerSecondMax);
  const budget = new ReadingBudget(options.heldBytesMax ?? heldBytesDefault);
  const logOf = (side: LogSource, task: Task, topic: string) => {
    const log = budgetedLog(side.partitionLog(topic, task.partition), task, budget);
    return pacer === null ? log : pacedLog(log, pacer);
  };
  const sourceSizes = await source.topicSizes(topics.map((pair) => pair.source));
  const destinationSizes = await destination.topicSizes(topics.map((pair) => pair.destination));
  const tasks = topics.flatMap((pair) =>
    tasksOf(pair, sourceSizes.get(pair.source) ?? null, destinationSizes.get(pair.destination) ?? null),
  );
  const progress = new ProgressSum(tasks.length, options.onProgress);

  const slots = new Slots(options.partitionsInFlightMax ?? partitionsInFlightDefault);
  const partitions = await Promise.all(
    tasks.map(async (task, index) => {
      const verdict =
        task.verdict ??
        (await verifyOne(
          new PartitionVerification({
            source: logOf(source, task, task.pair.source),
            destination: logOf(destination, task, task.pair.destination),
            topic: task.pair.source,
            destinationTopic: task.pair.destination,
            partition: task.partition,
            shift: options.shiftOf?.(task.pair.source, task.partition) ?? 0n,
            startOffset: options.startOf?.(task.pair.source, task.partition) ?? 0n,
            isTakenOver: options.isTakenOver?.(task.pair.source, task.partition) ?? false,
            ...pick(options),
            onProgress: (now) => progress.note(index, now),
          }),
          (compare) =>
            slots.use(async () => {
              budget.begin(task);
              await compare().finally(() => budget.end(task));
            }),
        ));
      progress.done(index);
      onVerdict?.(verdict);
      return verdict;
    }),
  );
  return { outcome: worst(partitions), partitions, elapsedMs: Math.round(performance.now() - startedMs) };
}

async function verifyOne(
  verification: PartitionVerification,
  inTurn: (compare: () => Promise<void>) => Promise<void>,
): Promise<PartitionVerdict> {
  await verification.arrive();
  await inTurn(() => verification.compare());
  return verification.verdict();
}

/** A partition to compare, or a verdict that needs no comparison. */
interface Task {
  pair: TopicPair;
  partition: number;
  verdict: PartitionVerdict | null;
}

function tasksOf(pair: TopicPair, source: TopicSize, destination: TopicSize): Task[] {
  const whole = (differences: Difference[], notCompared: NotCompared[]): Task[] => [
    { pair, partition: 0, verdict: settledVerdict(pair, null, differences, notCompared) },
  ];
  if (source instanceof Error) return whole([], [failed('source', source)]);
  if (destination instanceof Error) return whole([], [failed('destination', destination)]);
  if (source === null) return whole([{ kind: 'topicMissing', offset: null, missingOn: 'source' }], []);
  if (destination === null)
    return whole([{ kind: 'topicMissing', offset: null, missingOn: 'destination' }], []);
  return Array.from({ length: Math.max(source, destination) }, (_, partition): Task => {
    if (partition < source && partition < destination) return { pair, partition, verdict: null };
    const missingOn = partition < source ? 'destination' : 'source';
    const difference: Difference = { kind: 'partitionMissing', offset: null, missingOn };
    return { pair, partition, verdict: settledVerdict(pair, partition, [difference], []) };
  });
}

function failed(side: 'source' | 'destination', error: Exclude<TopicSize, number | null>): NotCompared {
  return { reason: 'failed', side, start: 0n, end: 0n, errorCode: error.code, message: error.message };
}

function settledVerdict(
  pair: TopicPair,
  partition: number | null,
  differences: Difference[],
  notCompared: NotCompared[],
): PartitionVerdict {
  return {
    topic: pair.source,
    destinationTopic: pair.destination,
    partition,
    outcome: outcomeOf(differences, notCompared),
    differences,
    notCompared,
    compared: nothingCompared(0n),
    source: null,
    destination: null,
    shift: 0n,
    bytesRead: 0,
    elapsedMs: 0,
  };
}

function pick(options: VerifyTopicsOptions) {
  const { gapsHoldCopies, waitMsMax, pollMs, decompressedBytesMax, waitingSlotsMax, signal } = options;
  return {
    ...(gapsHoldCopies !== undefined && { gapsHoldCopies }),
    ...(waitMsMax !== undefined && { waitMsMax }),
    ...(pollMs !== undefined && { pollMs }),
    ...(decompressedBytesMax !== undefined && { decompressedBytesMax }),
    ...(waitingSlotsMax !== undefined && { waitingSlotsMax }),
    ...(signal !== undefined && { signal }),
  };
}
