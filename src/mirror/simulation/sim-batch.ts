// A batch on its way through a simulated worker: numbers instead of bytes, and an account of who holds it.
import type { FetchedBatch } from '../partition/plan.ts';
import { noRecord, type SourceBatch } from './source-log.ts';

/** Counts what a worker was given and what it gave back. */
export class Holdings {
  held = 0;
  /** Batches that were given back twice, or used afterwards. */
  readonly misuses: string[] = [];
}

interface Facts {
  readonly baseOffset: number;
  /** One per offset; `noRecord` in gaps. */
  readonly values: readonly number[];
  readonly isControl: boolean;
  readonly isTransactional: boolean;
  readonly isAborted: boolean;
  readonly isCompressed: boolean;
  readonly isLogAppendTime: boolean;
  readonly hasDeleteHorizon: boolean;
  readonly partitionLeaderEpoch: number;
  /** Put together by the shell. */
  readonly isMerged?: boolean;
}

const recordBytes = 100;
const compressedRecordBytes = 60;
/** Small enough that batches and gaps are filled part by part, too. */
const filledBytesMax = 700;

export class SimBatch implements FetchedBatch {
  readonly magic = 2;
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly recordCount: number;
  readonly sizeBytes: number;
  readonly isControl: boolean;
  readonly isTransactional: boolean;
  readonly isAborted: boolean;
  readonly codec: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly partitionLeaderEpoch: number;
  readonly producerId = -1n;
  isMerged: boolean;
  readonly hasDeleteHorizon: boolean;
  readonly #facts: Facts;
  readonly #holdings: Holdings;
  #isHeld = true;

  constructor(facts: Facts, holdings: Holdings) {
    this.#facts = facts;
    this.#holdings = holdings;
    holdings.held += 1;
    this.baseOffset = BigInt(facts.baseOffset);
    this.lastOffset = BigInt(facts.baseOffset + facts.values.length - 1);
    let recordCount = facts.isControl ? 1 : 0;
    for (const value of facts.values) if (value !== noRecord) recordCount += 1;
    this.recordCount = recordCount;
    this.sizeBytes = 61 + recordCount * (facts.isCompressed ? compressedRecordBytes : recordBytes);
    this.isControl = facts.isControl;
    this.isTransactional = facts.isTransactional;
    this.isAborted = facts.isAborted;
    this.codec = facts.isCompressed ? 3 : 0;
    this.timestampType = facts.isLogAppendTime ? 'LogAppendTime' : 'CreateTime';
    this.partitionLeaderEpoch = facts.partitionLeaderEpoch;
    this.hasDeleteHorizon = facts.hasDeleteHorizon;
    this.isMerged = facts.isMerged === true;
  }

  /** The records in the order of their offsets, as a broker gets them. */
  get records(): number[] {
    if (!this.#isHeld)
      this.#holdings.misuses.push(`the batch at ${this.baseOffset} was used after it was given back`);
    return this.#facts.values.filter((value) => value !== noRecord);
  }

  release(): void {
    if (!this.#isHeld) this.#holdings.misuses.push(`the batch at ${this.baseOffset} was given back twice`);
    else this.#holdings.held -= 1;
    this.#isHeld = false;
  }

  reshape(from: bigint, runsMax: number): readonly this[] {
    const { baseOffset, values } = this.#facts;
    const pieces: this[] = [];
    let piece: number[] = [];
    let pieceAt = 0;
    const finish = (): void => {
      if (piece.length > 0) pieces.push(this.#made(pieceAt, piece));
      piece = [];
    };
    for (let i = Math.max(0, Number(from) - baseOffset); i < values.length && pieces.length < runsMax; i++) {
      const value = values[i] as number;
      if (value === noRecord) {
        finish();
        continue;
      }
      if (piece.length === 0) pieceAt = baseOffset + i;
      piece.push(value);
    }
    if (pieces.length < runsMax) finish();
    return pieces;
  }

  mergeWith(next: readonly this[]): this | null {
    const fitting = this.isCompressed ? next.slice(0, Math.max(0, together(this, next) - 1)) : next;
    return fitting.length === 0 ? null : this.#mergedWith(fitting);
  }

  get isCompressed(): boolean {
    return this.#facts.isCompressed;
  }

  #mergedWith(next: readonly this[]): this {
    if (next.some(({ codec }) => codec !== this.codec))
      this.#holdings.misuses.push(
        `the batch at ${this.baseOffset} was put together with others of another codec`,
      );
    const values = [...this.#facts.values, ...next.flatMap((batch) => batch.#facts.values)];
    const last = next.at(-1) ?? this;
    const merged = this.#made(this.#facts.baseOffset, values, last.partitionLeaderEpoch);
    merged.isMerged = true;
    return merged;
  }

  /** As the shell puts fetched batches together, before anything is made of them; gives the originals back. */
  mergedWithin(next: readonly this[], isTold: boolean): this {
    const merged = this.#mergedWith(next);
    for (const batch of [this, ...next]) batch.release();
    merged.isMerged = isTold;
    return merged;
  }

  withoutGaps(from: bigint, next: readonly this[], bytesMax: number): this | null {
    const countMax = Math.max(1, Math.floor(Math.min(bytesMax, filledBytesMax) / recordBytes));
    const filled: number[] = [];
    let partitionLeaderEpoch = this.partitionLeaderEpoch;
    for (const batch of [this, ...next]) {
      const { baseOffset } = batch.#facts;
      // Who was given back has no records any more.
      const { length } = batch.records;
      for (const [index, value] of length === 0 ? [] : batch.#facts.values.entries()) {
        if (value === noRecord) continue;
        while (filled.length < countMax && Number(from) + filled.length <= baseOffset + index) {
          filled.push(value);
          partitionLeaderEpoch = batch.partitionLeaderEpoch;
        }
      }
    }
    if (filled.length === 0) return null;
    const made = this.#made(Number(from), filled, partitionLeaderEpoch);
    made.isMerged = filled.length > 1;
    return made;
  }

  /** New bytes: dense, CreateTime, no delete horizon. */
  #made(baseOffset: number, values: number[], partitionLeaderEpoch = this.partitionLeaderEpoch): this {
    const plain = { isLogAppendTime: false, hasDeleteHorizon: false, partitionLeaderEpoch };
    return new SimBatch({ ...this.#facts, ...plain, baseOffset, values }, this.#holdings) as this;
  }
}

/** What compressed batches that are put together hold at most, in records: a few, so that others are left out. */
const togetherRecordsMax = 4;

function together(first: SimBatch, next: readonly SimBatch[]): number {
  let count = 1;
  let records = first.recordCount;
  for (const { recordCount } of next) {
    records += recordCount;
    if (records > togetherRecordsMax) break;
    count += 1;
  }
  return count;
}

export function fetchedBatch(batch: SourceBatch, holdings: Holdings): SimBatch {
  const { transaction, leaderEpoch, ...facts } = batch;
  return new SimBatch(
    {
      ...facts,
      isTransactional: transaction !== null || batch.isControl,
      isAborted: transaction?.outcome === 'aborted',
      partitionLeaderEpoch: leaderEpoch,
    },
    holdings,
  );
}

const mergedCountMin = 3;

/** Small neighbours of one answer as one, where they could be appended as they are (`leaseBatches` of the shell). */
export function mergedNeighbours(
  batches: readonly SimBatch[],
  { from, bytesMax, isTold }: { from: number; bytesMax: number; isTold: boolean },
): SimBatch[] {
  const merged: SimBatch[] = [];
  let group: SimBatch[] = [];
  const endGroup = (): void => {
    const [first, ...next] = group;
    if (first === undefined) return;
    if (group.length < mergedCountMin) merged.push(...group);
    else merged.push(first.mergedWithin(next, isTold));
    group = [];
  };
  for (const batch of batches) {
    const last = group.at(-1);
    const isNext =
      last === undefined ||
      (batch.baseOffset === last.lastOffset + 1n &&
        batch.partitionLeaderEpoch === last.partitionLeaderEpoch &&
        [...group, batch].reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0) <= bytesMax);
    const isPlain =
      !batch.isControl &&
      !batch.isAborted &&
      batch.codec === 0 &&
      batch.timestampType === 'CreateTime' &&
      batch.baseOffset >= BigInt(from) &&
      BigInt(batch.recordCount) === batch.lastOffset - batch.baseOffset + 1n;
    if (!isPlain || !isNext) endGroup();
    group.push(batch);
    if (!isPlain || bytesMax === 0) endGroup();
  }
  endGroup();
  return merged;
}
