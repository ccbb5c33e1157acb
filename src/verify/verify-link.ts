// Compares all topics of a link, some partitions at a time.

import type { Cluster } from '../client/index.ts';
import { type ClusterLogsOptions, clusterLogs } from './cluster-logs.ts';
import type { LogSource, TopicSize } from './log-source.ts';
import {
  type Difference,
  type LinkVerdict,
  type NotCompared,
  nothingCompared,
  outcomeOf,
  type PartitionVerdict,
} from './verdict.ts';
import { type PartitionProgress, type VerifyPartitionOptions, verifyPartition } from './verify-partition.ts';

/** A topic by its names on both sides. */
export interface TopicPair {
  source: string;
  destination: string;
}

export interface LinkProgress {
  partitionsDone: number;
  partitionsTotal: number;
  /** Of the partitions that were begun. */
  offsetsCompared: bigint;
  offsetsTotal: bigint;
  bytesRead: number;
}

export interface VerifyTopicsOptions
  extends Pick<VerifyPartitionOptions, 'waitMsMax' | 'pollMs' | 'decompressedBytesMax' | 'signal'> {
  topics: readonly TopicPair[];
  /** Partitions compared at a time; default 4. Each holds up to two fetches of each side. */
  partitionsInFlightMax?: number;
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
  const { topics, onVerdict } = options;
  const sourceSizes = await source.topicSizes(topics.map((pair) => pair.source));
  const destinationSizes = await destination.topicSizes(topics.map((pair) => pair.destination));
  const tasks = topics.flatMap((pair) =>
    tasksOf(pair, sourceSizes.get(pair.source) ?? null, destinationSizes.get(pair.destination) ?? null),
  );
  const progress = new ProgressSum(tasks.length, options.onProgress);

  const partitions: PartitionVerdict[] = [];
  await inParallel(tasks, options.partitionsInFlightMax ?? 4, async (task, index) => {
    const verdict =
      task.verdict ??
      (await verifyPartition({
        source: source.partitionLog(task.pair.source, task.partition),
        destination: destination.partitionLog(task.pair.destination, task.partition),
        topic: task.pair.source,
        destinationTopic: task.pair.destination,
        partition: task.partition,
        ...pick(options),
        onProgress: (now) => progress.note(index, now),
      }));
    partitions[index] = verdict;
    progress.done();
    onVerdict?.(verdict);
  });
  return { outcome: worst(partitions), partitions, elapsedMs: Math.round(performance.now() - startedMs) };
}

/** A partition to compare, or a verdict that needs no comparison. */
interface Task {
  pair: TopicPair;
  partition: number;
  verdict: PartitionVerdict | null;
}

function tasksOf(pair: TopicPair, source: TopicSize, destination: TopicSize): Task[] {
  const whole = (differences: Difference[], notCompared: NotCompared[]): Task[] => [
    { pair, partition: 0, verdict: settled(pair, null, differences, notCompared) },
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
    return { pair, partition, verdict: settled(pair, partition, [difference], []) };
  });
}

function failed(side: 'source' | 'destination', error: Exclude<TopicSize, number | null>): NotCompared {
  return { reason: 'failed', side, start: 0n, end: 0n, errorCode: error.code, message: error.message };
}

function settled(
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
    bytesRead: 0,
    elapsedMs: 0,
  };
}

function worst(partitions: readonly PartitionVerdict[]): LinkVerdict['outcome'] {
  if (partitions.some(({ outcome }) => outcome === 'different')) return 'different';
  return partitions.some(({ outcome }) => outcome === 'incomplete') ? 'incomplete' : 'identical';
}

function pick(options: VerifyTopicsOptions) {
  const { waitMsMax, pollMs, decompressedBytesMax, signal } = options;
  return {
    ...(waitMsMax !== undefined && { waitMsMax }),
    ...(pollMs !== undefined && { pollMs }),
    ...(decompressedBytesMax !== undefined && { decompressedBytesMax }),
    ...(signal !== undefined && { signal }),
  };
}

/** Runs `work` for each item, at most `inFlightMax` at a time; ends when all have, or with the first error. */
async function inParallel<T>(
  items: readonly T[],
  inFlightMax: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < items.length; index = next++) await work(items[index]!, index);
  };
  await Promise.all(Array.from({ length: Math.min(inFlightMax, items.length) }, worker));
}

/** Adds up the progress of partitions. */
class ProgressSum {
  readonly #byPartition = new Map<number, PartitionProgress>();
  readonly #report: ((progress: LinkProgress) => void) | undefined;
  readonly #sum: LinkProgress;

  constructor(partitionsTotal: number, report: ((progress: LinkProgress) => void) | undefined) {
    this.#report = report;
    this.#sum = { partitionsDone: 0, partitionsTotal, offsetsCompared: 0n, offsetsTotal: 0n, bytesRead: 0 };
  }

  note(index: number, now: PartitionProgress): void {
    const before = this.#byPartition.get(index);
    this.#byPartition.set(index, now);
    this.#sum.offsetsCompared += now.offsetsCompared - (before?.offsetsCompared ?? 0n);
    this.#sum.offsetsTotal += now.offsetsTotal - (before?.offsetsTotal ?? 0n);
    this.#sum.bytesRead += now.bytesRead - (before?.bytesRead ?? 0);
    this.#report?.({ ...this.#sum });
  }

  done(): void {
    this.#sum.partitionsDone += 1;
    this.#report?.({ ...this.#sum });
  }
}
