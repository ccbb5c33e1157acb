// One writer of markers for each broker, on connections of their own.
import type { Connection } from '../../client/index.ts';
import { MarkerWriter, type MarkerWriterOptions } from './marker-writer.ts';

export interface MarkerWritersOptions extends Omit<MarkerWriterOptions, 'open' | 'onDone'> {
  open(broker: number): Promise<Connection>;
  /** Told when markers of a broker are answered, and what follows them could be sent. */
  readonly onDone?: (broker: number) => void;
}

export class MarkerWriters {
  readonly #options: MarkerWritersOptions;
  readonly #writers = new Map<number, MarkerWriter>();

  constructor(options: MarkerWritersOptions) {
    this.#options = options;
  }

  to(broker: number): MarkerWriter {
    let writer = this.#writers.get(broker);
    if (writer === undefined) {
      writer = new MarkerWriter({
        ...this.#options,
        open: () => this.#options.open(broker),
        onDone: () => this.#options.onDone?.(broker),
      });
      this.#writers.set(broker, writer);
    }
    return writer;
  }

  /** Partitions of a broker whose markers are in soon. */
  soonCount(broker: number): number {
    return this.#writers.get(broker)?.soonCount ?? 0;
  }

  close(): void {
    for (const writer of this.#writers.values()) writer.close();
  }
}
