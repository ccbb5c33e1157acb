// A source batch inside a pooled frame. One frame serves many batches of many partitions; it goes back to its
// pool when the last of them has been given back.
//
// Some batches can't be appended as they lie there. What is made of them has memory of its own, which counts in the
// same budget as the frames, and is given back in the same way.
import { type Frame, FramePool } from '../../client/index.ts';
import { attributeBits, BatchView, mergeBatches, splitRuns, withoutGaps } from '../../records/index.ts';
import type { FetchedBatch } from '../partition/plan.ts';
import type { MemoryBudget } from './memory-budget.ts';

/** Counts the holders of one frame. Starts with one: the reader that cuts it into batches. */
export class FrameLease {
  #holders = 1;
  readonly #giveBack: () => void;
  readonly #budget: MemoryBudget | null;

  /** @param budget where memory counts that is taken later, beside the frame. */
  constructor(giveBack: () => void, budget: MemoryBudget | null = null) {
    this.#giveBack = giveBack;
    this.#budget = budget;
  }

  retain(): void {
    if (this.#holders === 0) throw new Error('a frame was used after it was given back');
    this.#holders += 1;
  }

  release(): void {
    if (this.#holders === 0) throw new Error('a frame was given back twice');
    this.#holders -= 1;
    if (this.#holders === 0) this.#giveBack();
  }

  /**
   * A lease of new memory, held by the caller. It is never waited for: what holds a frame must come to its end.
   * @param giveBack called once, when nobody holds it any more.
   */
  another(bytes: number, giveBack?: () => void): FrameLease {
    const budget = this.#budget;
    budget?.take(bytes);
    return new FrameLease(() => {
      budget?.giveBack(bytes);
      giveBack?.();
    }, budget);
  }

  /** What a batch of copies in gaps may take, in bytes: nobody has to make a large one. */
  gapCopiesRoom(bytesMax: number): number {
    return Math.min(bytesMax, this.#budget?.gapCopiesRoom() ?? bytesMax);
  }

  /** As `another`, of such a batch. */
  anotherOfGapCopies(bytes: number): FrameLease {
    const budget = this.#budget;
    budget?.takeGapCopies(bytes);
    return new FrameLease(() => budget?.giveBackGapCopies(bytes), budget);
  }
}

/**
 * What compressed batches that are put together take before compression, in bytes, each of them and all: half a megabyte of
 * them can be gigabytes. All together have to fit into what a batch may have when it is compressed by half, as texts are.
 */
const decompressedBytesMax = 1024 * 1024;
const plainBytesMax = 2_000_000;
/** What they take together when they are compressed anew, in bytes: brokers accept 1,048,588 by default. */
const compressedBytesMax = 1_000_000;

/** Where batches stand that were put together: in fresh memory each append would leave up to a megabyte of garbage. */
const mergedMemory = new FramePool({ keptBytesMax: 4 * 1024 * 1024 });
/** Less than this (in bytes) is no burden to the collector, and buffers that go round are no smaller than 4 KiB. */
const pooledBytesMin = 16 * 1024;

/** Memory for one batch that is put together. */
export class MergedMemory {
  /** What was taken, to be given back with the batch; undefined where that is left to the collector. */
  frame: Frame | undefined;

  readonly take = (bytes: number): Buffer => {
    if (bytes < pooledBytesMin) return Buffer.allocUnsafe(bytes);
    this.frame = mergedMemory.take(bytes);
    return this.frame.bytes;
  };
}

/** What a batch's own bytes don't tell. */
export interface BatchFacts {
  /** It holds what were several batches at the source; default false. */
  readonly isMerged?: boolean;
  /** Data of an aborted transaction; default false. */
  readonly isAborted?: boolean;
  /** Source offset - offset at the mirror; default 0. All offsets of the batch are given at the mirror. */
  readonly shift?: bigint;
}

/**
 * A batch on its way. The header's facts are read once, at the start, because appending rewrites the header in
 * place. The partition machine holds it from fetch to acknowledgement; a writer holds it in addition while its
 * bytes may still be on their way into a socket.
 */
export class LeasedBatch implements FetchedBatch {
  readonly view: BatchView;
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly magic: number;
  readonly attributes: number;
  readonly isControl: boolean;
  readonly isTransactional: boolean;
  readonly isAborted: boolean;
  readonly codec: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly recordCount: number;
  readonly sizeBytes: number;
  readonly partitionLeaderEpoch: number;
  readonly maxTimestamp: bigint;
  readonly producerId: bigint;
  readonly isMerged: boolean;
  readonly #shift: bigint;
  readonly #lease: FrameLease;

  constructor(
    view: BatchView,
    lease: FrameLease,
    { isAborted = false, isMerged = false, shift = 0n }: BatchFacts = {},
  ) {
    lease.retain();
    this.#lease = lease;
    this.#shift = shift;
    this.view = view;
    this.isAborted = isAborted;
    this.isMerged = isMerged;
    this.magic = view.magic;
    this.sizeBytes = view.sizeBytes;
    this.baseOffset = view.baseOffset - shift;
    // Of formats v0 and v1 only size, magic and first offset stand where v2 has them.
    const isV2 = this.magic === 2;
    this.attributes = isV2 ? view.attributes : 0;
    this.isControl = isV2 && view.isControl;
    this.isTransactional = isV2 && view.isTransactional;
    this.codec = this.attributes & attributeBits.compression;
    this.timestampType = isV2 ? view.timestampType : 'CreateTime';
    this.lastOffset = isV2 ? this.baseOffset + BigInt(view.lastOffsetDelta) : this.baseOffset;
    this.recordCount = isV2 ? view.recordCount : 0;
    this.partitionLeaderEpoch = isV2 ? view.partitionLeaderEpoch : -1;
    this.maxTimestamp = isV2 ? view.maxTimestamp : -1n;
    this.producerId = isV2 ? view.producerId : -1n;
  }

  /** Neighbours that lie in a frame as one batch, with memory of its own. @throws as `mergeBatches`. */
  static merged(views: readonly BatchView[], frame: FrameLease, shift: bigint): LeasedBatch {
    return LeasedBatch.ofMerged(mergeBatches(views), frame, shift);
  }

  /** The same, where that is done. `memory`: what `bytes` are, where they are to be given back; its buffer counts. */
  static ofMerged(bytes: Buffer, frame: FrameLease, shift: bigint, memory?: Frame): LeasedBatch {
    const heldBytes = memory?.bytes.buffer.byteLength ?? bytes.length;
    const lease = frame.another(heldBytes, () => memory?.release());
    try {
      return new LeasedBatch(new BatchView(bytes, 0), lease, { isMerged: true, shift });
    } finally {
      lease.release();
    }
  }

  retain(): void {
    this.#lease.retain();
  }

  release(): void {
    this.#lease.release();
  }

  /**
   * The records from `from` on that consumers see, as batches without gaps and with CreateTime: those of the first
   * `runsMax` stretches. They share memory apart from this batch's, and each is given back once.
   * @throws LockstepError BATCH_CORRUPT when the records can't be read, or don't have the checksum they were stored
   * with.
   */
  reshape(from: bigint, runsMax: number): readonly this[] {
    if (this.isControl || this.isAborted) return [];
    return this.#made(splitRuns(this.#unappended(), { from: from + this.#shift, runsMax }));
  }

  /**
   * This batch and the neighbours behind it, of the same codec, as one with memory of its own: as many of them as may go
   * together. Null where none may.
   */
  mergeWith(next: readonly this[]): this | null {
    const views = [this, ...next].map((batch) => batch.#unappended());
    const { compression } = this.view;
    const isCompressed = compression !== 'none';
    const limits = isCompressed ? { decompressedBytesMax, plainBytesMax } : {};
    const memory = new MergedMemory();
    const bytes = mergeBatches(views, { compression, ...limits, memory: memory.take });
    const { frame } = memory;
    // Their producer compressed them better than we do.
    if (isCompressed && bytes.length > compressedBytesMax && next.length > 1) {
      frame?.release();
      return this.mergeWith(next.slice(0, next.length >>> 1));
    }
    if (next.length > 0 && new BatchView(bytes, 0).recordCount === this.recordCount) {
      frame?.release();
      return null;
    }
    return LeasedBatch.ofMerged(bytes, this.#lease, this.#shift, frame) as this;
  }

  /**
   * The records of this batch and its neighbours from `from` on, with copies of each in the gap before it, as one batch
   * with memory of its own: of `bytesMax` in bytes at most, or what there is room for, or one record. Null where no record
   * is left.
   */
  withoutGaps(from: bigint, next: readonly this[], bytesMax: number): this | null {
    const views = [this, ...next].map((batch) => batch.#unappended());
    const options = { from: from + this.#shift, bytesMax: this.#lease.gapCopiesRoom(bytesMax) };
    const bytes = withoutGaps(views, options);
    if (bytes === null) return null;
    const view = new BatchView(bytes, 0);
    const lease = this.#lease.anotherOfGapCopies(bytes.length);
    try {
      return new LeasedBatch(view, lease, { isMerged: view.recordCount > 1, shift: this.#shift }) as this;
    } finally {
      lease.release();
    }
  }

  /** Appending rewrites the header, so nothing can be made of a batch afterwards. */
  #unappended(): BatchView {
    const { view } = this;
    if (view.baseOffset !== this.baseOffset + this.#shift) {
      throw new Error(`the batch at offset ${this.baseOffset} was reshaped after it was appended`);
    }
    return view;
  }

  #made(batches: readonly Buffer[]): this[] {
    const lease = this.#lease.another(batches.reduce((bytes, batch) => bytes + batch.length, 0));
    try {
      return batches.map(
        (bytes) => new LeasedBatch(new BatchView(bytes, 0), lease, { shift: this.#shift }) as this,
      );
    } finally {
      lease.release();
    }
  }
}
