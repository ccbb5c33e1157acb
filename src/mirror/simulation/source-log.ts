// A model of the source partition: what producers, transactions, the cleaner, retention and unclean elections leave
// there, what a read_committed fetch answers, and the truth that mirrors are measured by.
//
// A record is a number that says which one it is: its offset and how often the log had been truncated by then. So no
// two records are alike, and a record tells where it belongs.

/** A transaction at the source. */
interface Transaction {
  readonly firstOffset: number;
  outcome: 'open' | 'committed' | 'aborted';
}

export interface SourceBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** One per offset; `noRecord` where compaction took it, and for control batches. */
  readonly values: number[];
  readonly isControl: boolean;
  readonly transaction: Transaction | null;
  readonly leaderEpoch: number;
  readonly isCompressed: boolean;
  readonly isLogAppendTime: boolean;
  /** The cleaner has set a delete horizon (attribute bit 6). */
  hasDeleteHorizon: boolean;
}

export interface NewBatch {
  readonly count: number;
  readonly isCompressed: boolean;
  readonly isLogAppendTime: boolean;
  readonly transaction: Transaction | null;
}

export type SourceFetch =
  | { readonly kind: 'batches'; readonly batches: readonly SourceBatch[]; readonly lastStableOffset: number }
  | { readonly kind: 'diverging'; readonly epoch: number; readonly endOffset: number }
  | { readonly kind: 'refused'; readonly errorCode: number };

export const noRecord = -1;
const offsetsMax = 1_000_000;
/** The newest batches stand in the active segment, which the cleaner leaves alone. */
const activeBatchCount = 3;

/** The offset that a record was written for. */
export function offsetOf(value: number): number {
  return value % offsetsMax;
}

export class SourceLog {
  start = 0;
  leaderEpoch = 0;
  /** How often offsets were given away again. */
  truncationCount = 0;
  readonly open: Transaction[] = [];
  #batches: SourceBatch[] = [];
  #head = 0;
  /** By offset: the record that was written there; `noRecord` where none ever was, or where it was aborted. */
  readonly #written: number[] = [];
  /** By offset: whether a record of it is there for read_committed consumers. */
  readonly #isVisible: boolean[] = [];
  /** Where each leader epoch began. */
  #epochs: { epoch: number; start: number }[] = [{ epoch: 0, start: 0 }];

  get end(): number {
    return this.#written.length;
  }

  get lastStableOffset(): number {
    let offset = this.end;
    for (const transaction of this.open) offset = Math.min(offset, transaction.firstOffset);
    return offset;
  }

  // ── What consumers would see ────────────────────────────────────────────────────────────────────────

  /** Whether a decided record stands there for consumers. Transactions that are open count as seen. */
  isVisible(offset: number): boolean {
    return offset >= this.start && this.#isVisible[offset] === true;
  }

  /** The record that was written there and not aborted, whether it was compacted since or not. */
  written(offset: number): number {
    return this.#written[offset] ?? noRecord;
  }

  // ── What happens to the log ─────────────────────────────────────────────────────────────────────────

  append({ count, isCompressed, isLogAppendTime, transaction }: NewBatch): void {
    const baseOffset = this.end;
    const values = Array.from(
      { length: count },
      (_, i) => this.truncationCount * offsetsMax + baseOffset + i,
    );
    this.#push({ values, isControl: false, transaction, isCompressed, isLogAppendTime }, baseOffset);
    for (const value of values) {
      this.#written.push(value);
      this.#isVisible.push(true);
    }
  }

  begin(): Transaction {
    const transaction: Transaction = { firstOffset: this.end, outcome: 'open' };
    this.open.push(transaction);
    return transaction;
  }

  finish(transaction: Transaction, outcome: 'committed' | 'aborted'): void {
    transaction.outcome = outcome;
    this.open.splice(this.open.indexOf(transaction), 1);
    if (outcome === 'aborted') {
      for (let i = this.#indexOf(transaction.firstOffset); i < this.#batches.length; i++) {
        const batch = this.#batches[i] as SourceBatch;
        if (batch.transaction !== transaction) continue;
        for (let offset = batch.baseOffset; offset <= batch.lastOffset; offset++) this.#hide(offset);
      }
    }
    this.appendControl();
  }

  /** A marker of a transaction, maybe one without data here. */
  appendControl(): void {
    const plain = { isControl: true, transaction: null, isCompressed: false, isLogAppendTime: false };
    this.#push({ ...plain, values: [noRecord] }, this.end);
    this.#written.push(noRecord);
    this.#isVisible.push(false);
  }

  /**
   * The cleaner goes over decided batches before the active segment. `decide` says for each record whether it goes,
   * and for each batch that is left empty whether it goes, too, or stays as a header.
   */
  compact(
    from: number,
    decide: { takesRecord: () => boolean; takesEmpty: () => boolean },
    batchCountMax: number,
  ): void {
    const stable = this.lastStableOffset;
    const first = Math.max(this.#indexOf(from), this.#head);
    const last = Math.min(first + batchCountMax, this.#batches.length - activeBatchCount);
    const kept: SourceBatch[] = [];
    for (let i = first; i < last; i++) {
      const batch = this.#batches[i] as SourceBatch;
      if (batch.lastOffset >= stable) {
        kept.push(batch);
        continue;
      }
      const cleaned = { ...batch, values: [...batch.values], hasDeleteHorizon: true };
      const isAborted = batch.transaction?.outcome === 'aborted';
      for (let k = 0; k < cleaned.values.length; k++) {
        if (cleaned.values[k] === noRecord || !(isAborted || decide.takesRecord())) continue;
        cleaned.values[k] = noRecord;
        this.#isVisible[batch.baseOffset + k] = false;
      }
      const isEmpty = cleaned.values.every((value) => value === noRecord);
      if (!isEmpty || !decide.takesEmpty()) kept.push(cleaned);
    }
    if (last > first) this.#batches.splice(first, last - first, ...kept);
  }

  /** Retention: whole batches go, up to `offset` at most. */
  retain(offset: number): void {
    const to = Math.min(offset, this.lastStableOffset);
    while (this.#head < this.#batches.length - 1) {
      const next = this.#batches[this.#head + 1] as SourceBatch;
      if (next.baseOffset > to) break;
      this.#head += 1;
      this.start = next.baseOffset;
    }
  }

  /** Whether the log can be cut there. */
  startsBatchAt(offset: number): boolean {
    return offset === this.end || (offset > this.start && this.batchFrom(offset)?.baseOffset === offset);
  }

  changeLeader(): void {
    this.leaderEpoch += 1;
    this.#epochs.push({ epoch: this.leaderEpoch, start: this.end });
  }

  /** An unclean election: what stood from `offset` on is gone, and other records will take its place. */
  truncate(offset: number): void {
    while (this.#batches.length > this.#head + 1 && endOf(this.#batches.at(-1)) > offset) this.#batches.pop();
    const end = Math.max(endOf(this.#batches.at(-1)), this.start);
    this.#written.length = end;
    this.#isVisible.length = end;
    this.#epochs = this.#epochs.filter(({ start }) => start < end);
    // The producers of open transactions begin again.
    for (const transaction of this.open.splice(0)) {
      if (transaction.firstOffset >= end) continue;
      this.open.push(transaction);
      this.finish(transaction, 'aborted');
    }
    this.truncationCount += 1;
    this.changeLeader();
  }

  // ── What consumers ask ──────────────────────────────────────────────────────────────────────────────

  fetch(asked: {
    offset: number;
    leaderEpoch: number;
    lastFetchedEpoch: number;
    batchCountMax: number;
  }): SourceFetch {
    const { offset, leaderEpoch, lastFetchedEpoch, batchCountMax } = asked;
    if (leaderEpoch !== this.leaderEpoch) return { kind: 'refused', errorCode: 74 };
    if (lastFetchedEpoch >= 0) {
      const known = this.#endOfEpoch(lastFetchedEpoch);
      if (known.epoch < lastFetchedEpoch || known.endOffset < offset) return { kind: 'diverging', ...known };
    }
    if (offset < this.start || offset > this.end) return { kind: 'refused', errorCode: 1 };
    const { lastStableOffset } = this;
    const batches: SourceBatch[] = [];
    for (let i = this.#indexOf(offset); i < this.#batches.length && batches.length < batchCountMax; i++) {
      const batch = this.#batches[i] as SourceBatch;
      if (batch.lastOffset >= lastStableOffset) break;
      batches.push(batch);
    }
    return { kind: 'batches', batches, lastStableOffset };
  }

  /** The batch that holds `offset`, or the next after it. */
  batchFrom(offset: number): SourceBatch | null {
    return this.#batches[this.#indexOf(offset)] ?? null;
  }

  /** UnifiedLog.endOffsetForEpoch: the newest epoch not above `epoch`, and where it ends. */
  #endOfEpoch(epoch: number): { epoch: number; endOffset: number } {
    for (let i = this.#epochs.length - 1; i >= 0; i--) {
      const entry = this.#epochs[i] as { epoch: number; start: number };
      if (entry.epoch <= epoch)
        return { epoch: entry.epoch, endOffset: this.#epochs[i + 1]?.start ?? this.end };
    }
    return { epoch: -1, endOffset: this.start };
  }

  #hide(offset: number): void {
    this.#written[offset] = noRecord;
    this.#isVisible[offset] = false;
  }

  #push(
    batch: Omit<SourceBatch, 'baseOffset' | 'lastOffset' | 'leaderEpoch' | 'hasDeleteHorizon'>,
    baseOffset: number,
  ): void {
    const lastOffset = baseOffset + batch.values.length - 1;
    const { leaderEpoch } = this;
    this.#batches.push({ ...batch, baseOffset, lastOffset, leaderEpoch, hasDeleteHorizon: false });
  }

  /** Of the first batch that ends at or above `offset`. */
  #indexOf(offset: number): number {
    let [low, high] = [this.#head, this.#batches.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#batches[middle] as SourceBatch).lastOffset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function endOf(batch: SourceBatch | undefined): number {
  return batch === undefined ? 0 : batch.lastOffset + 1;
}
