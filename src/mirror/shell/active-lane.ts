// The lane of those that bring records all the time (active-partitions.ts says who): beside the others, and without a part in
// what they share out. It is there while somebody is active. A broker that does not allow its connection costs nobody
// anything: the other lanes read them.
import { ActivePartitions } from './active-partitions.ts';
import { ConnectionSlot } from './connection-slot.ts';
import type { Lane, LaneOptions } from './lane.ts';
import type { ReaderPace, SourceReaderOptions } from './source-reader-options.ts';

export interface ActiveLaneOptions
  extends Pick<SourceReaderOptions, 'open' | 'fetchResponseBytesMax' | 'fetchBytesMax' | 'fetchWaitMsMax'> {
  newLane(options: LaneOptions): Lane;
  /** `to` null: back to the others. */
  move(key: string, to: Lane | null): void;
  isClosed(): boolean;
}

/** How long a broker may wait for news of those that are active, ms, and for each of them. */
const waitMsMin = 50;
const waitMsEach = 0.5;
/** Where a reader has trouble again and again, one connection fewer is tried for so long, ms: a broker may allow no more. */
const withoutMs = 60_000;

export class ActiveLane {
  readonly #options: ActiveLaneOptions;
  readonly #partitions = new ActivePartitions();
  #lane: Lane | null = null;
  #isOpening = false;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(options: ActiveLaneOptions) {
    this.#options = options;
  }

  get lane(): Lane | null {
    return this.#lane;
  }

  /** The partition is read no more. */
  forget(key: string): void {
    this.#partitions.forget(key);
  }

  /** A partition has brought records; `followedCount`: how many the lanes read. */
  noted(key: string, followedCount: number): void {
    const nowMs = performance.now();
    if (nowMs < this.#notBeforeMs) return;
    if (!this.#partitions.noted(key, { nowMs, followedCount })) return;
    if (this.#lane === null) void this.#open();
    else this.#options.move(key, this.#lane);
  }

  /** Once a second: who has fallen quiet goes back. */
  look(nowMs: number, { isFar }: { readonly isFar: boolean }): void {
    for (const key of this.#partitions.fallenQuiet(nowMs)) this.#options.move(key, null);
    const lane = this.#lane;
    // Far away, who catches up is shared out among lanes.
    if (isFar) for (const [key, { isLive }] of lane?.keys ?? []) if (!isLive) this.#bringBack(key);
    if (lane === null) {
      if (this.#partitions.count > 0) void this.#open();
      return;
    }
    lane.paced.pace = this.#pace();
    if (this.#partitions.count === 0 && lane.keys.size === 0) void this.#end(lane);
  }

  /** None of them is to wait for a connection that a broker does not allow, nor those that are quiet for one that they hold. */
  doWithout(): void {
    this.#notBeforeMs = performance.now() + withoutMs;
    for (const key of [...this.#partitions.keys()]) this.#bringBack(key);
  }

  #bringBack(key: string): void {
    this.#partitions.forget(key);
    this.#options.move(key, null);
  }

  async #open(): Promise<void> {
    if (this.#isOpening) return;
    this.#isOpening = true;
    const { open, newLane, move, isClosed } = this.#options;
    const slot = new ConnectionSlot(open);
    try {
      const connection = await slot.get();
      if (isClosed()) return slot.close();
      const lane = newLane({ slot, pace: this.#pace(), connection });
      this.#lane = lane;
      for (const key of this.#partitions.keys()) move(key, lane);
    } catch {
      this.doWithout();
    } finally {
      this.#isOpening = false;
    }
  }

  async #end({ reader, slot }: Lane): Promise<void> {
    this.#lane = null;
    await reader.retire();
    slot.close();
  }

  /** Who enters waits for the answer under way, so that it should come soon, although each costs a look at all of them. */
  #pace(): ReaderPace {
    const { fetchResponseBytesMax: answerBytesMax, fetchBytesMax, fetchWaitMsMax } = this.#options;
    const waitMs = Math.max(waitMsMin, this.#partitions.count * waitMsEach);
    return {
      ...{ answerBytesMax, partitionBytesMax: fetchBytesMax },
      waitMsMax: Math.min(fetchWaitMsMax, Math.round(waitMs)),
    };
  }
}
