// What one batch after another says of a log: how many records there are for consumers, and which transactions began and
// ended where. Fed batch by batch by `tail.ts`.
import { type MarkedBatch, readRecords } from '../../records/index.ts';

/** A transaction's part in one partition. */
export interface TransactionPart {
  readonly producerId: bigint;
  /** Of its data. */
  readonly producerEpoch: number;
  /** Its first offset in this log, and its last one with data. */
  readonly from: bigint;
  readonly to: bigint;
  /** Null: no marker was read, it is open or ended later. */
  readonly end: {
    readonly isCommit: boolean;
    /** One higher than the data's, when every transaction has an epoch of its own (KIP-890). */
    readonly epoch: number;
    /** By the broker's clock, ms. */
    readonly atMs: bigint;
  } | null;
}

/** Marker types in the key of a control record (Kafka: ControlRecordType): version int16, type int16. */
const commitType = 1;

export class LogScan {
  readonly #from: bigint;
  readonly #open = new Map<bigint, TransactionPart>();
  readonly #ended: TransactionPart[] = [];
  records = 0n;
  abortedRecords = 0n;

  /** Records below `from` are not counted; transactions are noted wherever they begin. */
  constructor(from: bigint) {
    this.#from = from;
  }

  /** The batch may be given back afterwards. */
  take({ view, isAborted }: MarkedBatch): void {
    if (view.isControl) {
      if (view.isTransactional) this.#end(view);
      return;
    }
    if (view.nextOffset > this.#from) {
      const count = BigInt(view.baseOffset >= this.#from ? view.recordCount : this.#countFrom(view));
      if (isAborted) this.abortedRecords += count;
      else this.records += count;
    }
    if (view.isTransactional) this.#note(view);
  }

  /** In the order of their ends; those without one last. */
  get transactions(): TransactionPart[] {
    return [...this.#ended, ...this.#open.values()];
  }

  #countFrom(view: MarkedBatch['view']): number {
    let count = 0;
    for (const { offset } of readRecords(view)) if (offset >= this.#from) count += 1;
    return count;
  }

  #note(view: MarkedBatch['view']): void {
    const { producerId, producerEpoch, baseOffset, lastOffset } = view;
    const known = this.#open.get(producerId);
    this.#open.set(producerId, {
      ...(known ?? { producerId, from: baseOffset, end: null }),
      producerEpoch,
      to: lastOffset,
    });
  }

  #end(view: MarkedBatch['view']): void {
    const part = this.#open.get(view.producerId);
    const [marker] = readRecords(view);
    // Markers of a transaction that wrote nothing here, or began before what is read.
    if (part === undefined || marker?.key == null || marker.key.length < 4) return;
    this.#open.delete(view.producerId);
    this.#ended.push({
      ...part,
      end: {
        isCommit: marker.key.readInt16BE(2) === commitType,
        epoch: view.producerEpoch,
        atMs: marker.timestamp,
      },
    });
  }
}
