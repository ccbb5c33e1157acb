// What one replica remembers of the producers that wrote to a partition, and what it accepts from them next.
//
// The problem: the mirror's exactness rests on a few rules of the broker that no public contract spells out. The
// answer: the rules once more, as small as they are, so that a simulator can run against them; a test replays random
// sequences here and on a real broker and wants every answer to agree (test/simulation/model-against-broker.test.ts).
//
// Follows ProducerAppendInfo, ProducerStateEntry and ProducerStateManager of Kafka 4.3.1 for producers without an open
// transaction. Offsets and times are plain numbers: simulated logs are short.

/** Who writes a data batch. */
export interface DataWriter {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly sequence: number;
}

/** Who writes a transaction marker. */
export interface MarkerWriter {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly coordinatorEpoch: number;
}

/** What DescribeProducers shows of one producer. */
export interface ProducerFacts {
  readonly producerId: bigint;
  readonly epoch: number;
  /** -1 when it wrote no data in this epoch. */
  readonly lastSequence: number;
  /** -1 when no marker was written for it. */
  readonly coordinatorEpoch: number;
  /** Of its newest batch or marker, ms. */
  readonly timestampMs: number;
}

interface RememberedBatch {
  readonly lastSequence: number;
  readonly baseOffset: number;
  readonly count: number;
}

interface Entry {
  epoch: number;
  coordinatorEpoch: number;
  timestampMs: number;
  /** The last data batches of this epoch, newest last. */
  batches: RememberedBatch[];
}

export type DataVerdict =
  | { readonly kind: 'accept' }
  /** One of the remembered batches again: answered with its offset, not appended. */
  | { readonly kind: 'duplicate'; readonly baseOffset: number }
  | { readonly kind: 'refuse'; readonly errorCode: number };

/** ProducerStateEntry.NUM_BATCHES_TO_RETAIN. */
const rememberedBatchesMax = 5;
const sequenceCount = 2 ** 31;
const outOfOrderSequence = 45;
const invalidProducerEpoch = 47;
const coordinatorFenced = 52;

/** The sequence `count` records further on; 0 follows 2147483647. */
export function sequencePlus(sequence: number, count: number): number {
  const sum = sequence + count;
  return sum >= sequenceCount ? sum - sequenceCount : sum;
}

export class ProducerState {
  readonly #entries = new Map<bigint, Entry>();

  /** UnifiedLog.analyzeAndValidateProducerState and ProducerAppendInfo.checkSequence, for a client's batch. */
  judgeData({ producerId, epoch, sequence }: DataWriter, count: number): DataVerdict {
    const entry = this.#entries.get(producerId);
    if (entry === undefined) return { kind: 'accept' };
    const lastSequence = sequencePlus(sequence, count - 1);
    if (epoch === entry.epoch) {
      for (const batch of entry.batches) {
        if (batch.lastSequence === lastSequence && batch.count === count)
          return { kind: 'duplicate', baseOffset: batch.baseOffset };
      }
    }
    if (epoch < entry.epoch) return { kind: 'refuse', errorCode: invalidProducerEpoch };
    const newest = epoch === entry.epoch ? entry.batches.at(-1) : undefined;
    const expected = newest === undefined ? 0 : sequencePlus(newest.lastSequence, 1);
    return sequence === expected ? { kind: 'accept' } : { kind: 'refuse', errorCode: outOfOrderSequence };
  }

  /** ProducerAppendInfo.appendEndTxnMarker; 0 when the marker is accepted. */
  judgeMarker({ producerId, epoch, coordinatorEpoch }: MarkerWriter): number {
    const entry = this.#entries.get(producerId);
    if (entry === undefined) return 0;
    if (epoch < entry.epoch) return invalidProducerEpoch;
    return coordinatorEpoch < entry.coordinatorEpoch ? coordinatorFenced : 0;
  }

  /** A data batch is in the log: of a leader after `judgeData`, of a follower in any case. */
  addData(writer: DataWriter, at: { baseOffset: number; count: number; timestampMs: number }): void {
    const entry = this.#entryOf(writer.producerId);
    setEpoch(entry, writer.epoch);
    entry.timestampMs = at.timestampMs;
    if (entry.batches.length === rememberedBatchesMax) entry.batches.shift();
    const lastSequence = sequencePlus(writer.sequence, at.count - 1);
    entry.batches.push({ lastSequence, baseOffset: at.baseOffset, count: at.count });
  }

  addMarker({ producerId, epoch, coordinatorEpoch }: MarkerWriter, timestampMs: number): void {
    const entry = this.#entryOf(producerId);
    setEpoch(entry, epoch);
    entry.coordinatorEpoch = coordinatorEpoch;
    entry.timestampMs = timestampMs;
  }

  /** The sweep of producer.id.expiration.ms: it goes by the newest timestamp of the producer's own records. */
  expire(nowMs: number, expirationMs: number): number {
    let count = 0;
    for (const [producerId, entry] of this.#entries) {
      if (nowMs - entry.timestampMs < expirationMs) continue;
      this.#entries.delete(producerId);
      count += 1;
    }
    return count;
  }

  /** What a snapshot file keeps: of the batches only the newest. */
  snapshot(): ProducerState {
    return this.#copy(1);
  }

  clone(): ProducerState {
    return this.#copy(rememberedBatchesMax);
  }

  #copy(batchesMax: number): ProducerState {
    const copy = new ProducerState();
    for (const [producerId, entry] of this.#entries)
      copy.#entries.set(producerId, { ...entry, batches: entry.batches.slice(-batchesMax) });
    return copy;
  }

  facts(producerId: bigint): ProducerFacts | null {
    const entry = this.#entries.get(producerId);
    return entry === undefined ? null : factsOf(producerId, entry);
  }

  allFacts(): ProducerFacts[] {
    return Array.from(this.#entries, ([producerId, entry]) => factsOf(producerId, entry));
  }

  #entryOf(producerId: bigint): Entry {
    let entry = this.#entries.get(producerId);
    if (entry === undefined) {
      entry = { epoch: -1, coordinatorEpoch: -1, timestampMs: -1, batches: [] };
      this.#entries.set(producerId, entry);
    }
    return entry;
  }
}

function setEpoch(entry: Entry, epoch: number): void {
  if (entry.epoch === epoch) return;
  entry.epoch = epoch;
  entry.batches = [];
}

function factsOf(producerId: bigint, entry: Entry): ProducerFacts {
  return {
    producerId,
    epoch: entry.epoch,
    lastSequence: entry.batches.at(-1)?.lastSequence ?? -1,
    coordinatorEpoch: entry.coordinatorEpoch,
    timestampMs: entry.timestampMs,
  };
}
