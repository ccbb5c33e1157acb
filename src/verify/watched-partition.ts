// One partition under watch: what was found so far, and how the next round goes on from there.

import { LockstepError } from '../errors.ts';
import { earlier, later } from '../offsets.ts';
import { SideFailure } from './log-cursor.ts';
import { isExpectedFailure, type LogOffsets, type PartitionLog } from './partition-log.ts';
import { RunningDigest } from './running-digest.ts';
import { shiftedLog } from './shifted-log.ts';
import { Span } from './span.ts';
import { type Difference, type NotCompared, type Outcome, outcomeOf, type Side } from './verdict.ts';
import { PartitionVerification, type VerifyPartitionOptions } from './verify-partition.ts';

/** A digest of each side over the records that stand on both, from offset `from` on. */
export interface WatchedDigest extends Readonly<Record<Side, string>> {
  from: bigint;
  records: bigint;
}

export interface WatchedState {
  topic: string;
  destinationTopic: string;
  partition: number;
  shift: bigint;
  outcome: Outcome;
  differences: Difference[];
  notCompared: NotCompared[];
  /** Up to here everything was compared, but for what `notCompared` says; in the source's offsets. */
  comparedTo: bigint;
  /** The source's last stable offset when it was looked at last. */
  sourceEnd: bigint;
  /** How far the destination was from that. */
  lagOffsets: bigint;
  digest: WatchedDigest;
}

/** Why something was not compared that the next round may compare after all. */
export const passing: ReadonlySet<NotCompared['reason']> = new Set([
  'lagging',
  'openTransaction',
  'failed',
  'stalled',
  'cancelled',
]);

/** Runs some reading when it is its turn. */
export type InTurn = (work: () => Promise<void>) => Promise<void>;

export interface WatchedPartitionOptions extends VerifyPartitionOptions {
  /** Its place among the partitions of the watch. */
  index: number;
  /** Stands for its logs in the reading budget. */
  logs: object;
}

export class WatchedPartition {
  readonly #options: WatchedPartitionOptions;
  readonly #logs: Readonly<Record<Side, PartitionLog>>;
  readonly #differences: Difference[] = [];
  #lasting: NotCompared[] = [];
  #passing: NotCompared[] = [];
  /** null until the first pass came through. */
  #comparedTo: bigint | null = null;
  #offsets: Record<Side, LogOffsets> | null = null;
  #digests = { source: new RunningDigest(), destination: new RunningDigest() };
  #digest: WatchedDigest;
  /** Since when an end has not moved although it should, by performance.now(). */
  readonly #stillSinceMs = new Map<string, { at: bigint; sinceMs: number }>();

  /** A side that has no such partition, as the last look said. */
  missingOn: Side | null = null;
  /** Records compared and bytes read so far. */
  records = 0n;
  bytesRead = 0;

  constructor(options: WatchedPartitionOptions) {
    this.#options = options;
    const { source, destination, shift = 0n } = options;
    this.#logs = { source, destination: shiftedLog(destination, shift) };
    this.#digest = { from: 0n, records: 0n, ...this.#digestValues() };
  }

  get topic(): string {
    return this.#options.topic;
  }

  get index(): number {
    return this.#options.index;
  }

  get logs(): object {
    return this.#options.logs;
  }

  get shift(): bigint {
    return this.#options.shift ?? 0n;
  }

  get startOffset(): bigint {
    return this.#options.startOffset ?? 0n;
  }

  /** Whether nothing of it was compared yet. */
  get isNew(): boolean {
    return this.#comparedTo === null && this.#differences.length === 0;
  }

  /** @param isPresent whether `missingOn` is of now */
  async round(inTurn: InTurn, isPresent: boolean): Promise<void> {
    if (this.#differences.length > 0 || this.#options.signal?.aborted === true) return;
    const before = this.#passing;
    this.#passing = [];
    if (this.missingOn !== null) {
      if (isPresent) this.#noteMissing(this.missingOn);
      return;
    }
    this.#stillSinceMs.delete('missing');
    if (this.#comparedTo === null) await this.#firstPass(inTurn);
    else await this.#goOn(this.#comparedTo, before, inTurn);
  }

  state(): WatchedState {
    const { topic, destinationTopic = topic, partition, shift = 0n } = this.#options;
    const notCompared = [...this.#lasting, ...this.#passing];
    const isPending = this.#comparedTo === null && this.#differences.length === 0 && notCompared.length === 0;
    if (isPending) notCompared.push({ reason: 'cancelled', side: null, start: 0n, end: 0n });
    const sourceEnd = this.#offsets?.source.lastStableOffset ?? 0n;
    return {
      topic,
      destinationTopic,
      partition,
      shift,
      outcome: outcomeOf(this.#differences, notCompared),
      differences: this.#differences,
      notCompared,
      comparedTo: this.#comparedTo ?? 0n,
      sourceEnd,
      lagOffsets: later(0n, sourceEnd - (this.#offsets?.destination.lastStableOffset ?? 0n)),
      digest: this.#digest,
    };
  }

  /** All there is, as a plain verification sees it. */
  async #firstPass(inTurn: InTurn): Promise<void> {
    const verification = new PartitionVerification(this.#options);
    await verification.arrive();
    await inTurn(() => verification.compare());
    const verdict = verification.verdict();
    this.bytesRead += verdict.bytesRead;
    this.records += verdict.compared.records;
    // A destination that ends too low may go on.
    this.#differences.push(
      ...verdict.differences.filter((difference) => !isShort(difference, verdict.shift)),
    );
    this.#lasting = verdict.notCompared.filter(({ reason }) => !passing.has(reason));
    this.#passing = verdict.notCompared.filter(({ reason }) => passing.has(reason));
    const hasFailed = this.#passing.some(
      ({ reason }) => reason !== 'lagging' && reason !== 'openTransaction',
    );
    if (hasFailed) return;
    this.#comparedTo = verdict.compared.end;
    this.#digest = { from: verdict.compared.end, records: 0n, ...this.#digestValues() };
    try {
      await this.#look();
    } catch (error) {
      this.#noteFailure(error);
    }
  }

  /**
   * What has come since, as far as both sides have it.
   * @param before what the round before left out; when this one is cancelled, nobody knows whether it passed
   */
  async #goOn(comparedTo: bigint, before: readonly NotCompared[], inTurn: InTurn): Promise<void> {
    try {
      const { source, destination } = await this.#look();
      this.#noteOpen(source);
      const end = earlier(source.lastStableOffset, destination.lastStableOffset);
      if (source.highWatermark < comparedTo || destination.highWatermark < comparedTo)
        return this.#differsAtEnd(source, destination);
      if (end > comparedTo) await inTurn(() => this.#compare(comparedTo, end));
      if (destination.highWatermark > source.highWatermark) return this.#differsAtEnd(source, destination);
      this.#noteStandstill(source, destination);
    } catch (error) {
      this.#noteFailure(error);
      if (this.#passing.length > 0 || before.length === 0) return;
      const end = before.reduce((most, entry) => later(most, entry.end), comparedTo);
      this.#passing.push({ reason: 'cancelled', side: null, start: comparedTo, end });
    }
  }

  async #compare(start: bigint, end: bigint): Promise<void> {
    const { gapsHoldCopies, decompressedBytesMax, waitingSlotsMax, signal } = this.#options;
    // Copies, so that a span that fails can be compared again.
    const digests = { source: this.#digests.source.copy(), destination: this.#digests.destination.copy() };
    const span = new Span(
      { start, end },
      {
        ...this.#logs,
        ...(gapsHoldCopies !== undefined && { gapsHoldCopies }),
        ...(decompressedBytesMax !== undefined && { decompressedBytesMax }),
        ...(waitingSlotsMax !== undefined && { waitingSlotsMax }),
        ...(signal !== undefined && { signal }),
        digests,
      },
    );
    try {
      await span.run();
    } finally {
      this.bytesRead += span.bytesRead;
    }
    for (const entry of span.notCompared) this.#noteLasting(entry);
    if (span.difference !== null) {
      this.#differences.push(span.difference);
      return;
    }
    this.#comparedTo = end;
    this.records += span.compared.records;
    this.#digests = digests;
    this.#digest = {
      from: this.#digest.from,
      records: this.#digest.records + span.compared.records,
      ...this.#digestValues(),
    };
    if (this.#digest.source !== this.#digest.destination)
      throw new LockstepError('INTERNAL', `${this.#name}: the digests differ, though every record was equal`);
  }

  /** One entry for each reason and side, however long the watch lasts. */
  #noteLasting(entry: NotCompared): void {
    const index = this.#lasting.findIndex(
      ({ reason, side, message }) =>
        reason === entry.reason && side === entry.side && message === entry.message,
    );
    const before = this.#lasting[index];
    if (before === undefined) this.#lasting.push(entry);
    else this.#lasting[index] = together(before, entry);
  }

  /** The destination's offsets first: a mirror never leads. */
  async #look(): Promise<Record<Side, LogOffsets>> {
    const destination = await this.#offsetsOf('destination');
    const source = await this.#offsetsOf('source');
    this.#offsets = { source, destination };
    return this.#offsets;
  }

  async #offsetsOf(side: Side): Promise<LogOffsets> {
    try {
      return await this.#logs[side].offsets(this.#options.signal);
    } catch (error) {
      throw new SideFailure(side, this.#comparedTo ?? 0n, error);
    }
  }

  /** Records of transactions that are open now can't be compared now: no round passes over them in silence. */
  #noteOpen({ lastStableOffset: start, highWatermark: end }: LogOffsets): void {
    if (start < end) this.#passing.push({ reason: 'openTransaction', side: 'source', start, end });
  }

  /** A mirror that has not moved for long although there is something to come. */
  #noteStandstill(source: LogOffsets, destination: LogOffsets): void {
    const lag = { start: destination.lastStableOffset, end: source.lastStableOffset };
    if (this.#hasStoodStill('destination', lag.start, lag.end))
      this.#passing.push({ reason: 'lagging', side: 'destination', ...lag });
  }

  #hasStoodStill(what: string, at: bigint, end: bigint): boolean {
    const before = this.#stillSinceMs.get(what);
    const nowMs = performance.now();
    if (at >= end) {
      this.#stillSinceMs.delete(what);
      return false;
    }
    if (before?.at === at) return nowMs - before.sinceMs >= (this.#options.waitMsMax ?? 30_000);
    this.#stillSinceMs.set(what, { at, sinceMs: nowMs });
    return false;
  }

  /** A partition that is new gets some time to be created on the other side, and a broker to learn of it. */
  #noteMissing(side: Side): void {
    if (this.#hasStoodStill('missing', 0n, 1n))
      this.#differences.push({ kind: 'partitionMissing', offset: null, missingOn: side });
    else this.#passing.push({ reason: 'lagging', side, start: 0n, end: 0n });
  }

  #differsAtEnd(source: LogOffsets, destination: LogOffsets): void {
    const sourceOffset = source.highWatermark;
    const destinationOffset = destination.highWatermark - (this.#options.shift ?? 0n);
    this.#differences.push({
      kind: 'end',
      offset: earlier(sourceOffset, destination.highWatermark),
      sourceOffset,
      destinationOffset,
    });
  }

  #noteFailure(error: unknown): void {
    const isCancelled = this.#options.signal?.aborted === true;
    const side = error instanceof SideFailure ? error.side : null;
    const cause = error instanceof SideFailure ? error.cause : error;
    if (isCancelled) return;
    if (!isExpectedFailure(cause) || (cause instanceof LockstepError && cause.code === 'INTERNAL'))
      throw cause;
    const start = this.#comparedTo ?? 0n;
    this.#passing.push({
      reason: 'failed',
      side,
      start,
      end: later(start, this.#offsets?.source.lastStableOffset ?? start),
      ...(cause instanceof LockstepError && { errorCode: cause.code }),
      ...(cause instanceof Error && { message: cause.message }),
    });
  }

  #digestValues(): Record<Side, string> {
    return { source: this.#digests.source.value(), destination: this.#digests.destination.value() };
  }

  get #name(): string {
    return `${this.#options.topic}-${this.#options.partition}`;
  }
}

function together(one: NotCompared, other: NotCompared): NotCompared {
  const [before, more] = [one, other].map(({ start, end, records }) => records ?? end - start);
  return {
    ...one,
    start: earlier(one.start, other.start),
    end: later(one.end, other.end),
    records: before! + more!,
  };
}

function isShort({ kind, sourceOffset, destinationOffset }: Difference, shift: bigint): boolean {
  return kind === 'end' && destinationOffset! + shift < sourceOffset!;
}
