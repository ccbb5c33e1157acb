// One writer of markers for each broker, on connections of their own.
import type { Connection } from '../../client/index.ts';
import { MarkerWriter, type MarkerWriterOptions } from './marker-writer.ts';

export interface MarkerWritersOptions extends Omit<MarkerWriterOptions, 'open'> {
  open(broker: number): Promise<Connection>;
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
      writer = new MarkerWriter({ ...this.#options, open: () => this.#options.open(broker) });
      this.#writers.set(broker, writer);
    }
    return writer;
  }

  close(): void {
    for (const writer of this.#writers.values()) writer.close();
  }
}
