// Keeps verifying a link. After the first pass, which compares all there is, each round compares only what has come
// since, up to where both sides are: nothing is waited for, since a mirror that lags is seen again in the next round.
// A transaction that is open at the source makes each round incomplete in which it is, as it does a verification.
// What a partition's records were is kept as a running digest of each side, which starts where the first pass ended.
//
// A difference stays: its partition is not compared any further. All else may become well again in a later round.

import { createHash } from 'node:crypto';
import { LockstepError } from '../errors.ts';
import { Slots } from '../slots.ts';
import { clusterLogs } from './cluster-logs.ts';
import { jsonLine } from './json-line.ts';
import { ProgressSum } from './link-progress.ts';
import type { LogSource, TopicSize } from './log-source.ts';
import { Pacer, pacedLog } from './pacer.ts';
import type { PartitionLog } from './partition-log.ts';
import { pause } from './pause.ts';
import { budgetedLog, ReadingBudget } from './reading-budget.ts';
import { countOf, withReasons } from './report.ts';
import { type NotCompared, type Outcome, type Side, worst } from './verdict.ts';
import {
  heldBytesDefault,
  partitionsInFlightDefault,
  type TopicPair,
  type VerifyLinkOptions,
  type VerifyTopicsOptions,
} from './verify-link.ts';
import { passing, WatchedPartition, type WatchedState } from './watched-partition.ts';

export interface WatchTopicsOptions extends Omit<VerifyTopicsOptions, 'topics' | 'onVerdict'> {
  /** The topics there are now; asked again before each round. */
  topics: () => Promise<readonly TopicPair[]>;
  /** From the start of one round to the start of the next, ms; default 10,000. */
  everyMs?: number;
  /** Bytes read a second from both sides together, the first pass included; default 32 MiB. */
  bytesPerSecondMax?: number;
  /** Called after the first pass and after each round. */
  onRound?: (round: WatchRound) => void;
  /** Ends the watch. */
  signal: AbortSignal;
}

export interface WatchLinkOptions
  extends Omit<VerifyLinkOptions, 'topics' | 'onVerdict' | 'signal'>,
    WatchTopicsOptions {}

/** What a watch saw up to now. */
export interface WatchRound {
  /** 0 for the first pass. */
  number: number;
  atMs: number;
  outcome: Outcome;
  partitions: WatchedState[];
  /** Records compared in this round. */
  records: bigint;
  /** Bytes read in this round. */
  bytesRead: number;
  elapsedMs: number;
  /** Set when the clusters could not be asked for their topics; the partitions are as the round before left them. */
  failure: LockstepError | null;
}

export const watchDefaults = { everyMs: 10_000, bytesPerSecondMax: 32 * 1024 * 1024 } as const;

/** Resolves with the last round when the signal is given. */
export async function watchLink(options: WatchLinkOptions): Promise<WatchRound> {
  const source = clusterLogs(options.source, options);
  const destination = clusterLogs(options.destination, options);
  try {
    return await watchTopics(source, destination, options);
  } finally {
    source.close();
    destination.close();
  }
}

/** The same for any two sources of logs. */
export async function watchTopics(
  source: LogSource,
  destination: LogSource,
  options: WatchTopicsOptions,
): Promise<WatchRound> {
  const { signal, onRound, everyMs = watchDefaults.everyMs } = options;
  const watch = new Watch({ source, destination }, options);
  for (let number = 0; ; number++) {
    const startedMs = performance.now();
    const round = await watch.round(number);
    if (!signal.aborted) onRound?.(round);
    try {
      await pause(Math.max(0, everyMs - (performance.now() - startedMs)), signal);
    } catch {
      return round;
    }
  }
}

class Watch {
  readonly #sides: { source: LogSource; destination: LogSource };
  readonly #options: WatchTopicsOptions;
  readonly #partitions = new Map<string, WatchedPartition>();
  readonly #slots: Slots;
  readonly #pacer: Pacer;
  readonly #budget: ReadingBudget;
  readonly #progress: ProgressSum;

  constructor(sides: { source: LogSource; destination: LogSource }, options: WatchTopicsOptions) {
    this.#sides = sides;
    this.#options = options;
    this.#slots = new Slots(options.partitionsInFlightMax ?? partitionsInFlightDefault);
    this.#pacer = new Pacer(options.bytesPerSecondMax ?? watchDefaults.bytesPerSecondMax);
    this.#budget = new ReadingBudget(options.heldBytesMax ?? heldBytesDefault);
    this.#progress = new ProgressSum(0, options.onProgress);
  }

  async round(number: number): Promise<WatchRound> {
    const startedMs = performance.now();
    const before = this.#sums();
    let failure: LockstepError | null = null;
    try {
      await this.#findPartitions();
    } catch (error) {
      if (!(error instanceof LockstepError)) {
        if (!this.#options.signal.aborted) throw error;
      } else failure = error;
    }
    const isPresent = failure === null;
    await Promise.all(
      [...this.#partitions.values()].map(async (partition) => {
        const { isNew } = partition;
        await partition.round((work) => this.#inTurn(partition, work), isPresent);
        if (isNew && !partition.isNew) this.#progress.done(partition.index);
      }),
    );
    const partitions = [...this.#partitions.values()].map((partition) => partition.state());
    const after = this.#sums();
    return {
      number,
      atMs: Date.now(),
      outcome: failure === null ? worst(partitions) : worst([...partitions, { outcome: 'incomplete' }]),
      partitions,
      records: after.records - before.records,
      bytesRead: after.bytesRead - before.bytesRead,
      elapsedMs: Math.round(performance.now() - startedMs),
      failure,
    };
  }

  /** Notices new topics and partitions, and which of the known ones a side lacks now. */
  async #findPartitions(): Promise<void> {
    const pairs = await this.#options.topics();
    const sourceSizes = await this.#sides.source.topicSizes(pairs.map((pair) => pair.source));
    const destinationSizes = await this.#sides.destination.topicSizes(pairs.map((pair) => pair.destination));
    for (const pair of pairs) {
      const known = [...this.#partitions.values()].filter(({ topic }) => topic === pair.source).length;
      const source = sizeOf(sourceSizes.get(pair.source), known);
      const destination = sizeOf(destinationSizes.get(pair.destination), known);
      // A topic that is nowhere has no partitions, and is told as its partition 0.
      for (let partition = 0; partition < Math.max(source, destination, known, 1); partition++) {
        const missingOn = partition >= source ? 'source' : partition >= destination ? 'destination' : null;
        this.#partition(pair, partition).missingOn = missingOn;
      }
    }
  }

  #partition(pair: TopicPair, partition: number): WatchedPartition {
    const name = `${partition} ${pair.source}`;
    const shift = this.#options.shiftOf?.(pair.source, partition) ?? 0n;
    const startOffset = this.#options.startOf?.(pair.source, partition) ?? 0n;
    const known = this.#partitions.get(name);
    // Where a mirror lies is settled when it is created, which may be after the source was seen first.
    const isAsKnown = known?.shift === shift && known.startOffset === startOffset;
    if (known !== undefined && (isAsKnown || !known.isNew)) return known;
    const index = known?.index ?? this.#partitions.size;
    const { gapsHoldCopies, waitMsMax, pollMs, decompressedBytesMax, waitingSlotsMax, signal } =
      this.#options;
    const logs = {};
    const added = new WatchedPartition({
      logs,
      source: this.#log(this.#sides.source, pair.source, partition, logs),
      destination: this.#log(this.#sides.destination, pair.destination, partition, logs),
      topic: pair.source,
      destinationTopic: pair.destination,
      partition,
      shift,
      startOffset,
      ...(gapsHoldCopies !== undefined && { gapsHoldCopies }),
      ...(waitMsMax !== undefined && { waitMsMax }),
      ...(pollMs !== undefined && { pollMs }),
      ...(decompressedBytesMax !== undefined && { decompressedBytesMax }),
      ...(waitingSlotsMax !== undefined && { waitingSlotsMax }),
      signal,
      onProgress: (now) => this.#progress.note(index, now),
      index,
    });
    this.#partitions.set(name, added);
    if (known === undefined) this.#progress.grow();
    return added;
  }

  #inTurn(partition: WatchedPartition, work: () => Promise<void>): Promise<void> {
    return this.#slots.use(async () => {
      this.#budget.begin(partition.logs);
      await work().finally(() => this.#budget.end(partition.logs));
    });
  }

  #log(side: LogSource, topic: string, partition: number, owner: object): PartitionLog {
    return pacedLog(budgetedLog(side.partitionLog(topic, partition), owner, this.#budget), this.#pacer);
  }

  #sums(): { records: bigint; bytesRead: number } {
    let [records, bytesRead] = [0n, 0];
    for (const partition of this.#partitions.values()) {
      records += partition.records;
      bytesRead += partition.bytesRead;
    }
    return { records, bytesRead };
  }
}

/** Of a topic that can't be described the partitions that are known are looked at, and say what is wrong. */
function sizeOf(size: TopicSize | undefined, known: number): number {
  return size instanceof Error ? Math.max(known, 1) : (size ?? 0);
}

/** One JSON value on one line. Offsets are numbers written exactly. */
export function watchRoundAsJson(link: string, { failure, ...round }: WatchRound): string {
  const at = new Date(round.atMs).toISOString();
  return jsonLine({
    link,
    at,
    ...round,
    partitions: round.partitions.map(withReasons),
    ...(failure && { failure: failure.message }),
  });
}

/** One line for people. */
export function describeRound(round: WatchRound): string {
  const { partitions, records, failure } = round;
  const bad = partitions.filter(({ outcome }) => outcome !== 'identical').length;
  return [
    round.outcome,
    `${partitions.length - bad} of ${partitions.length} partitions identical`,
    `${countOf(records, 'record')} more`,
    ...describeLag(partitions),
    `digest ${digestOfAll(partitions, 'source')}${isSame(partitions) ? '' : ` / ${digestOfAll(partitions, 'destination')}`}`,
    ...(failure === null ? [] : [failure.message]),
  ].join('  ');
}

/** How far mirrors are behind, and what is not decided yet. That there is no lag is said only where all is known. */
function describeLag(partitions: readonly WatchedState[]): string[] {
  const said: string[] = [];
  const behind = partitions.filter(({ lagOffsets }) => lagOffsets > 0n);
  const lag = behind.reduce((sum, { lagOffsets }) => sum + lagOffsets, 0n);
  if (lag > 0n) said.push(`${countOf(lag, 'offset')} behind in ${countOf(behind.length, 'partition')}`);
  const open = partitions.filter(({ notCompared }) => notCompared.some(isOpen));
  const undecided = open
    .flatMap(({ notCompared }) => notCompared.filter(isOpen))
    .reduce((sum, { start, end }) => sum + end - start, 0n);
  if (open.length > 0)
    said.push(
      `${countOf(undecided, 'offset')} held back by open transactions in ${countOf(open.length, 'partition')}`,
    );
  const isKnown = partitions.every(({ notCompared }) =>
    notCompared.every(({ reason }) => !passing.has(reason)),
  );
  return said.length === 0 && isKnown ? ['no lag'] : said;
}

function isOpen({ reason }: NotCompared): boolean {
  return reason === 'openTransaction';
}

/** A short digest over the partitions' digests. */
function digestOfAll(partitions: readonly WatchedState[], side: Side): string {
  const all = createHash('sha256');
  for (const { topic, partition, digest } of partitions)
    all.update(`${topic}\n${partition} ${digest[side]}\n`);
  return all.digest('hex').slice(0, 16);
}

function isSame(partitions: readonly WatchedState[]): boolean {
  return partitions.every(({ digest }) => digest.source === digest.destination);
}
