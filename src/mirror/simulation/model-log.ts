// A model of one destination partition: the broker's rules for idempotent appends as PARITY tells them and
// ProducerAppendInfo / ProducerStateManager have them, a leader whose followers lag, and leader changes that
// lose what followers lack.

/** A batch as the model sees it: `content` stands for all record bytes. */
export interface ModelBatch {
  readonly content: string;
  readonly recordCount: number;
}

export interface StoredBatch extends ModelBatch {
  readonly baseOffset: bigint;
  readonly producerId: bigint;
  readonly epoch: number;
  readonly sequence: number;
}

interface ProducerEntry {
  readonly epoch: number;
  /** The last batches, newest last; the broker keeps five. */
  readonly recent: readonly StoredBatch[];
}

export type AppendAnswer = { readonly baseOffset: bigint } | { readonly errorCode: number };

const recentMax = 5;

export class ModelLog {
  batches: StoredBatch[] = [];
  leaderEpoch = 0;
  /** Offsets below are on every in-sync replica. */
  highWatermark = 0n;
  #producers = new Map<bigint, ProducerEntry>();

  get logEnd(): bigint {
    const last = this.batches.at(-1);
    return last === undefined ? 0n : last.baseOffset + BigInt(last.recordCount);
  }

  append(batch: ModelBatch, writer: { producerId: bigint; epoch: number; sequence: number }): AppendAnswer {
    const entry = this.#producers.get(writer.producerId);
    if (entry !== undefined) {
      if (writer.epoch < entry.epoch) return { errorCode: 47 };
      if (writer.epoch > entry.epoch) {
        if (writer.sequence !== 0) return { errorCode: 45 };
      } else {
        const same = entry.recent.find(
          (stored) => stored.sequence === writer.sequence && stored.recordCount === batch.recordCount,
        );
        if (same !== undefined) return { baseOffset: same.baseOffset };
        const last = entry.recent.at(-1);
        if (last !== undefined && writer.sequence !== last.sequence + last.recordCount)
          return { errorCode: 45 };
      }
    }
    const stored: StoredBatch = { ...batch, ...writer, baseOffset: this.logEnd };
    this.batches.push(stored);
    this.#remember(stored);
    return { baseOffset: stored.baseOffset };
  }

  /** Followers catch up. */
  replicate(): void {
    this.highWatermark = this.logEnd;
  }

  /** Another replica leads: what only the old leader had is gone, producer state is rebuilt from the log. */
  changeLeader(options: { forgetProducers: boolean }): void {
    this.batches = this.batches.filter((batch) => batch.baseOffset < this.highWatermark);
    this.leaderEpoch += 1;
    this.#producers = new Map();
    if (options.forgetProducers) return;
    for (const batch of this.batches) this.#remember(batch);
  }

  /** The sweep that drops producers whose newest record is older than producer.id.expiration.ms. */
  forgetProducers(): void {
    this.#producers = new Map();
  }

  lastWrites(): { producerId: bigint; epoch: number; lastSequence: number }[] {
    return [...this.#producers].map(([producerId, entry]) => {
      const last = entry.recent.at(-1);
      return {
        producerId,
        epoch: entry.epoch,
        lastSequence: last === undefined ? -1 : last.sequence + last.recordCount - 1,
      };
    });
  }

  #remember(stored: StoredBatch): void {
    const entry = this.#producers.get(stored.producerId);
    const recent = entry !== undefined && entry.epoch === stored.epoch ? entry.recent : [];
    this.#producers.set(stored.producerId, {
      epoch: stored.epoch,
      recent: [...recent, stored].slice(-recentMax),
    });
  }
}
