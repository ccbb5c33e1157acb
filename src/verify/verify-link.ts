// Compares all topics of a link. The ends of all partitions are taken when it begins, and all that lag are waited for
// at the same time; those that have arrived are compared meanwhile, some at a time.

import type { Cluster } from '../client/index.ts';
import { type ClusterLogsOptions, clusterLogs } from './cluster-logs.ts';
import type { LogSource, TopicSize } from './log-source.ts';
import { Slots } from './slots.ts';
import {
  type Difference,
  type LinkVerdict,
  type NotCompared,
  nothingCompared,
  outcomeOf,
  type PartitionVerdict,
} from './verdict.ts';
import {
  type PartitionProgress,
  PartitionVerification,
  type VerifyPartitionOptions,
  type Waiting,
} from './verify-partition.ts';

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
  /** Partitions that wait for something, and what the first of them waits for. */
  waiting: { partitions: number; first: (Waiting & { topic: string; partition: number }) | null };
}

export interface VerifyTopicsOptions
  extends Pick<
    VerifyPartitionOptions,
    'gapsHoldCopies' | 'waitMsMax' | 'pollMs' | 'decompressedBytesMax' | 'waitingSlotsMax' | 'signal'
  > {
  topics: readonly TopicPair[];
  /** By how much a partition's offsets are lower in the destination (`start: shifted`); default 0 for all. */
  shiftOf?: (topic: string, partition: number) => bigint;
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

  const slots = new Slots(options.partitionsInFlightMax ?? 4);
  const partitions = await Promise.all(
    tasks.map(async (task, index) => {
      const verdict =
        task.verdict ??
        (await verifyOne(
          new PartitionVerification({
            source: source.partitionLog(task.pair.source, task.partition),
            destination: destination.partitionLog(task.pair.destination, task.partition),
            topic: task.pair.source,
            destinationTopic: task.pair.destination,
            partition: task.partition,
            shift: options.shiftOf?.(task.pair.source, task.partition) ?? 0n,
            ...pick(options),
            onProgress: (now) => progress.note(index, now),
          }),
          slots,
        ));
      progress.done(index);
      onVerdict?.(verdict);
      return verdict;
    }),
  );
  return { outcome: worst(partitions), partitions, elapsedMs: Math.round(performance.now() - startedMs) };
}

async function verifyOne(verification: PartitionVerification, slots: Slots): Promise<PartitionVerdict> {
  await verification.arrive();
  await slots.use(() => verification.compare());
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

function worst(partitions: readonly PartitionVerdict[]): LinkVerdict['outcome'] {
  if (partitions.some(({ outcome }) => outcome === 'different')) return 'different';
  return partitions.some(({ outcome }) => outcome === 'incomplete') ? 'incomplete' : 'identical';
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

/** Adds up the progress of partitions. */
class ProgressSum {
  readonly #byPartition = new Map<number, PartitionProgress>();
  readonly #waiting = new Map<number, Waiting & { topic: string; partition: number }>();
  readonly #report: ((progress: LinkProgress) => void) | undefined;
  readonly #sum: LinkProgress;

  constructor(partitionsTotal: number, report: ((progress: LinkProgress) => void) | undefined) {
    this.#report = report;
    this.#sum = {
      partitionsDone: 0,
      partitionsTotal,
      offsetsCompared: 0n,
      offsetsTotal: 0n,
      bytesRead: 0,
      waiting: { partitions: 0, first: null },
    };
  }

  note(index: number, now: PartitionProgress): void {
    const before = this.#byPartition.get(index);
    this.#byPartition.set(index, now);
    this.#sum.offsetsCompared += now.offsetsCompared - (before?.offsetsCompared ?? 0n);
    this.#sum.offsetsTotal += now.offsetsTotal - (before?.offsetsTotal ?? 0n);
    this.#sum.bytesRead += now.bytesRead - (before?.bytesRead ?? 0);
    if (now.waitingFor === null) this.#waiting.delete(index);
    else this.#waiting.set(index, { ...now.waitingFor, topic: now.topic, partition: now.partition });
    this.#tell();
  }

  done(index: number): void {
    this.#sum.partitionsDone += 1;
    this.#waiting.delete(index);
    this.#tell();
  }

  #tell(): void {
    const [first = null] = this.#waiting.values();
    this.#report?.({ ...this.#sum, waiting: { partitions: this.#waiting.size, first } });
  }
}
