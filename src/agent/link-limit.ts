// What this agent may read of a link's source in a second: as much of the link's limit as it has of its partitions.
import { ReadLimit } from '../mirror/index.ts';

export class LinkLimit {
  /** What the link's readers go by. */
  readonly reading = new ReadLimit();
  #bytesPerSecondMax: number | undefined;
  #share = 1;

  /** Of the whole link; undefined: as much as there is. */
  setMax(bytesPerSecondMax: number | undefined): void {
    this.#bytesPerSecondMax = bytesPerSecondMax;
    this.#set();
  }

  /** How many of the link's partitions are this agent's. */
  setOwned({ owned, all }: { owned: number; all: number }): void {
    // Without partitions nothing is read; a limit of nothing would stop those that come next.
    this.#share = Math.max(owned, 1) / Math.max(all, owned, 1);
    this.#set();
  }

  #set(): void {
    const bytesPerSecondMax = this.#bytesPerSecondMax;
    this.reading.set(bytesPerSecondMax === undefined ? null : { bytesPerSecondMax, share: this.#share });
  }
}
