// Batches for the tests of the machine: offsets instead of bytes. All that is handed out is counted until given back.
import type { FetchedBatch } from './plan.ts';

/** Of a record in a batch whose gaps are filled. */
const recordBytes = 100;

export class TestBatch implements FetchedBatch {
  readonly magic: number = 2;
  readonly isControl: boolean = false;
  readonly isTransactional: boolean = false;
  readonly isAborted: boolean = false;
  readonly codec: number = 3;
  readonly timestampType: 'CreateTime' | 'LogAppendTime' = 'CreateTime';
  readonly sizeBytes: number = 100;
  readonly partitionLeaderEpoch: number = 0;
  readonly producerId: bigint = -1n;
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly recordCount: number;
  readonly offsets: readonly bigint[];
  /** How many records go together at most. */
  readonly togetherMax: number = Number.POSITIVE_INFINITY;
  /** Batches that were made of this one, and of what those made. */
  readonly made: TestBatch[] = [];
  releases = 0;

  constructor(
    baseOffset: bigint,
    recordCount: number,
    overrides: Partial<FetchedBatch> & { togetherMax?: number } = {},
  ) {
    this.baseOffset = baseOffset;
    this.recordCount = recordCount;
    this.lastOffset = baseOffset + BigInt(recordCount) - 1n;
    this.offsets = Array.from({ length: recordCount }, (_, index) => baseOffset + BigInt(index));
    Object.assign(this, overrides);
  }

  /** A batch that the cleaner went through: `offsets` are left of the range. */
  static compacted(range: { from: bigint; to: bigint }, offsets: readonly bigint[]): TestBatch {
    return new TestBatch(range.from, 0, {
      lastOffset: range.to,
      recordCount: offsets.length,
      offsets,
    } as Partial<FetchedBatch>);
  }

  release(): void {
    this.releases += 1;
  }

  reshape(from: bigint, runsMax: number): readonly this[] {
    const runs: bigint[][] = [];
    for (const offset of this.offsets) {
      if (offset < from) continue;
      if (runs.at(-1)?.at(-1) !== offset - 1n) runs.push([]);
      runs.at(-1)!.push(offset);
    }
    return runs.slice(0, runsMax).map((run) => this.#make(run[0]!, run.length));
  }

  mergeWith(next: readonly this[]): this | null {
    let { recordCount, sizeBytes } = this;
    for (const batch of next) {
      if (recordCount + batch.recordCount > this.togetherMax) break;
      recordCount += batch.recordCount;
      sizeBytes += batch.sizeBytes;
    }
    if (recordCount === this.recordCount) return null;
    return this.#make(this.baseOffset, recordCount, { isMerged: true, sizeBytes });
  }

  withoutGaps(from: bigint, next: readonly this[], bytesMax: number): this | null {
    const last = [this, ...next].flatMap(({ offsets }) => offsets).at(-1);
    if (last === undefined || last < from) return null;
    const count = Math.max(1, Math.min(Number(last - from) + 1, Math.floor(bytesMax / recordBytes)));
    return this.#make(from, count, { isMerged: count > 1, sizeBytes: count * recordBytes });
  }

  #make(baseOffset: bigint, recordCount: number, facts: Partial<FetchedBatch> = {}): this {
    const batch = new TestBatch(baseOffset, recordCount, { isMerged: false, codec: this.codec, ...facts });
    this.made.push(batch);
    return batch as this;
  }
}

/** How often each batch, and each that was made of it, was given back. */
export function releasesOf(batches: readonly TestBatch[]): number[] {
  return batches.flatMap((batch) => [batch.releases, ...releasesOf(batch.made)]);
}
