// A source batch inside a pooled frame. One frame serves many batches of many partitions; it goes back to its
// pool when the last of them has been given back.
import type { BatchView } from '../../records/index.ts';
import type { FetchedBatch } from '../partition/state.ts';

/** Counts the holders of one frame. Starts with one: the reader that cuts it into batches. */
export class FrameLease {
  #holders = 1;
  readonly #giveBack: () => void;

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack;
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
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly recordCount: number;
  readonly sizeBytes: number;
  readonly partitionLeaderEpoch: number;
  readonly maxTimestamp: bigint;
  readonly #lease: FrameLease;

  constructor(view: BatchView, lease: FrameLease) {
    lease.retain();
    this.#lease = lease;
    this.view = view;
    this.magic = view.magic;
    this.sizeBytes = view.sizeBytes;
    this.baseOffset = view.baseOffset;
    // Of formats v0 and v1 only size, magic and first offset stand where v2 has them.
    const isV2 = this.magic === 2;
    this.attributes = isV2 ? view.attributes : 0;
    this.isControl = isV2 && view.isControl;
    this.isTransactional = isV2 && view.isTransactional;
    this.timestampType = isV2 ? view.timestampType : 'CreateTime';
    this.lastOffset = isV2 ? view.lastOffset : this.baseOffset;
    this.recordCount = isV2 ? view.recordCount : 0;
    this.partitionLeaderEpoch = isV2 ? view.partitionLeaderEpoch : -1;
    this.maxTimestamp = isV2 ? view.maxTimestamp : -1n;
  }

  retain(): void {
    this.#lease.retain();
  }

  release(): void {
    this.#lease.release();
  }
}
