// Records that only one side has, on a topic that the other side compacts. Each cleaner runs in its own time, so
// either side may lack what the other still has. What must hold all the same:
//
// 1. The cleaner removes a record only when a later one with the same key exists. So of every key, the last record
//    must stand on both sides; a record that one side lacks needs a later one with its key. It does not matter on
//    which side that one stands, since a record that only one side has is held to the same rule.
// 2. A tombstone itself is removed when it is older than delete.retention.ms. By then the cleaner has removed all
//    earlier records of its key, so the side that lacks the tombstone must not have any.
// 3. Records without a key are removed at once.
//
// Records that still wait for a later one are kept by a hash of their key, in bounded memory. When it is full, the rest
// of the side that lacks them is read for their keys, a bounded number of times. What does not fit even so is counted,
// and makes the verdict incomplete.

import { earlier, later } from '../offsets.ts';
import { parseTail, type RawRecord, type ReadOptions } from '../records/index.ts';
import { type KeyHash, keyHash } from './key-hash.ts';
import { KeyTable, type WaitingRecord } from './key-table.ts';
import { type LogBatch, SideFailure } from './log-cursor.ts';
import type { LogSettings } from './log-settings.ts';
import type { Difference, NotCompared, OffsetRange, Side } from './verdict.ts';
import { visibleRecords } from './visible-records.ts';

export interface CompactionOptions extends ReadOptions {
  settingsOf(side: Side): Promise<LogSettings>;
  /** Reads what a side has now from `start` on. */
  readLater(side: Side, start: bigint): Promise<LogSpan>;
  /** Places for records that wait for a later one, a power of two; default 2^17 (91,000 records in 3.3 MB). */
  waitingSlotsMax?: number;
}

export interface SettleOptions {
  /** What was compared; a later record may stand behind it, and an earlier one must not stand in it. */
  range: OffsetRange;
  /** Reads a side again. */
  read(side: Side, start: bigint, end: bigint): Promise<LogSpan>;
  /** Whether retention deleted some of the range meanwhile, so that later records may be gone. */
  isIncomplete: boolean;
  nowMs: bigint;
}

export interface LogSpan {
  batches: AsyncIterable<LogBatch>;
  range: OffsetRange;
}

export interface Settled {
  difference: Difference | null;
  notCompared: NotCompared[];
}

const waitingSlotsMaxDefault = 2 ** 17;
/** How often the rest of a log is read because there is no room. */
const scansMax = 32;
/** A scan that makes less room than this is the last one. */
const freedShareMin = 1 / 8;

export class CompactionLedger {
  readonly #options: CompactionOptions;
  readonly #waiting: KeyTable;
  readonly #isCompacted = new Map<Side, boolean>();
  #scansLeft = scansMax;
  /** Records for which there was no room, by the side that lacks them. */
  readonly #unplaced = new Map<Side, { records: bigint; range: OffsetRange }>();

  constructor(options: CompactionOptions) {
    this.#options = options;
    this.#waiting = new KeyTable(options.waitingSlotsMax ?? waitingSlotsMaxDefault);
  }

  /** Whether records wait for a later one, which `saw` must hear of. */
  get isWaiting(): boolean {
    return this.#waiting.count > 0;
  }

  /** Whether a side may lack records. */
  async isCompacted(side: Side): Promise<boolean> {
    const known = this.#isCompacted.get(side);
    if (known !== undefined) return known;
    const { isCompacted } = await this.#options.settingsOf(side);
    this.#isCompacted.set(side, isCompacted);
    return isCompacted;
  }

  /** A record that `lacking` does not have. False when there is no room; then call `makeRoomFor`. */
  note(lacking: Side, record: RawRecord): boolean {
    const { key, value } = this.#parsed(lacking, record);
    if (key === null) return true;
    const tombstoneMs = value === null ? record.timestamp : null;
    return this.#waiting.set(keyHash(key), { offset: record.offset, lacking, tombstoneMs });
  }

  /** Looks ahead for the keys that are waited for, then notes the record or counts it. @throws SideFailure */
  async makeRoomFor(lacking: Side, record: RawRecord): Promise<void> {
    if (this.#scansLeft > 0) {
      this.#scansLeft -= 1;
      const before = this.#waiting.count;
      await this.#forgetSuperseded(record.offset + 1n);
      if (before - this.#waiting.count < before * freedShareMin) this.#scansLeft = 0;
    }
    if (!this.note(lacking, record)) this.#countUnplaced(lacking, record.offset);
  }

  /** A record that stands on both sides. */
  saw(record: RawRecord): void {
    const { key } = this.#parsed('destination', record);
    if (key !== null) this.#waiting.delete(keyHash(key));
  }

  /** Judges what still waits when all was compared. @throws SideFailure */
  async settle(options: SettleOptions): Promise<Settled> {
    const notCompared: NotCompared[] = [...this.#unplaced].map(([side, { records, range }]) => ({
      ...range,
      reason: 'compaction',
      side,
      records,
      message: 'there are too many to prove that a later record has the key of each',
    }));
    if (!this.isWaiting) return { difference: null, notCompared };

    // 1. Later records of the same key behind what was compared.
    await this.#forgetSuperseded(options.range.end);
    // 2. Old tombstones are right to be gone when nothing is left of their key.
    await this.#forgetOldTombstones(options);

    // 3. The rest is wrong; where that can't be said for sure, it is counted.
    let difference: Difference | null = null;
    for (const [, { offset, lacking, tombstoneMs }] of this.#waiting.entries()) {
      const isFuture = tombstoneMs !== null && tombstoneMs > options.nowMs;
      if (isFuture || options.isIncomplete) {
        const message = isFuture
          ? 'a tombstone whose timestamp lies in the future is gone'
          : 'retention deleted records in which a later one with the same key may have been';
        notCompared.push({
          reason: 'compaction',
          side: lacking,
          start: offset,
          end: offset + 1n,
          records: 1n,
          message,
        });
      } else if (difference === null || offset < difference.offset!) {
        difference = { kind: lacking === 'destination' ? 'missing' : 'extra', offset };
      }
    }
    return { difference, notCompared: summedUp(notCompared) };
  }

  async #forgetSuperseded(start: bigint): Promise<void> {
    for (const side of this.#sidesWaiting(() => true)) {
      const later = await this.#options.readLater(side, start);
      for await (const [hash, , waiting] of this.#waitingKeys(side, later)) {
        if (waiting.lacking === side) this.#waiting.delete(hash);
      }
    }
  }

  async #forgetOldTombstones({ range, read, nowMs }: SettleOptions): Promise<void> {
    for (const side of ['source', 'destination'] as const) {
      if (!this.#sidesWaiting(({ tombstoneMs }) => tombstoneMs !== null).has(side)) continue;
      const { deleteRetentionMs } = await this.#options.settingsOf(side);
      const isOld = ({ lacking, tombstoneMs }: WaitingRecord) =>
        lacking === side && tombstoneMs !== null && tombstoneMs + deleteRetentionMs <= nowMs;
      const old = [...this.#waiting.entries()].filter(([, waiting]) => isOld(waiting));
      if (old.length === 0) continue;
      const wrong = new Set<bigint>();
      const end = old.reduce((last, [, { offset }]) => later(last, offset), range.start);
      for await (const [, offset, waiting] of this.#waitingKeys(side, await read(side, range.start, end))) {
        if (isOld(waiting) && offset < waiting.offset) wrong.add(waiting.offset);
      }
      for (const [hash, { offset }] of old) if (!wrong.has(offset)) this.#waiting.delete(hash);
    }
  }

  #sidesWaiting(which: (waiting: WaitingRecord) => boolean): Set<Side> {
    const sides = new Set<Side>();
    for (const [, waiting] of this.#waiting.entries()) if (which(waiting)) sides.add(waiting.lacking);
    return sides;
  }

  /** The records of a side whose keys are waited for. */
  async *#waitingKeys(
    side: Side,
    { batches, range }: LogSpan,
  ): AsyncGenerator<[KeyHash, bigint, WaitingRecord], void, undefined> {
    for await (const record of visibleRecords(side, batches, range, this.#options)) {
      const { key } = this.#parsed(side, record);
      if (key === null) continue;
      const hash = keyHash(key);
      const waiting = this.#waiting.get(hash);
      if (waiting !== null) yield [hash, record.offset, waiting];
    }
  }

  #countUnplaced(lacking: Side, offset: bigint): void {
    const before = this.#unplaced.get(lacking);
    this.#unplaced.set(lacking, {
      records: (before?.records ?? 0n) + 1n,
      range: {
        start: before === undefined ? offset : earlier(before.range.start, offset),
        end: before === undefined ? offset + 1n : later(before.range.end, offset + 1n),
      },
    });
  }

  #parsed(side: Side, record: RawRecord): ReturnType<typeof parseTail> {
    try {
      return parseTail(record.offset, record.tail);
    } catch (error) {
      throw new SideFailure(side, record.offset, error);
    }
  }
}

/** One entry for each side and message, in place of one a record. */
function summedUp(entries: readonly NotCompared[]): NotCompared[] {
  const sums = new Map<string, NotCompared>();
  for (const entry of entries) {
    const name = `${entry.side} ${entry.message}`;
    const sum = sums.get(name);
    sums.set(
      name,
      sum === undefined
        ? entry
        : {
            ...sum,
            start: earlier(sum.start, entry.start),
            end: later(sum.end, entry.end),
            records: (sum.records ?? 0n) + (entry.records ?? 0n),
          },
    );
  }
  return [...sums.values()];
}
