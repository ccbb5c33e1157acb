// How much a partition that catches up may have waiting for its appends.
//
// The problem: each marker is a round trip of its own, so where the source is written by transactions a queue of some
// megabytes lasts long, and longest for partitions of the slowest broker. Their queues, and the frames in which they share
// memory with others, used up what a link may hold, and the partitions of quick brokers had nothing to append. The
// answer: whoever has some markers ahead of it takes its share of the link's memory and no more.
//
//   budget │ an answer on its way │ share of p0 │ share of p1 │ ...      share = a queue and one more answer's part
import type { Step } from '../partition/plan.ts';

/** A queue longer than this, in bytes, is enough for everybody. */
const queuedBytesMax = 2 * 1024 * 1024;
/** So many markers ahead keep a partition busy until the next answer: each takes two round trips to the destination. */
const markersAheadMin = 4;

export interface QueueSharesOptions {
  /** What the link holds at most just now. */
  readonly budget: { readonly bytesMax: number };
  /** Of one answer, and of one partition's part in it, in bytes. */
  readonly fetchResponseBytesMax: number;
  readonly fetchBytesMax: number;
}

/** What waits in a partition. */
export interface Queued {
  readonly queue: readonly Pick<Step<unknown>, 'kind'>[];
  readonly queuedBytes: number;
}

export class QueueShares {
  readonly #options: QueueSharesOptions;
  readonly #behind = new Set<object>();

  constructor(options: QueueSharesOptions) {
    this.#options = options;
  }

  /** Whether this partition catches up; one that leaves does not. */
  note(partition: object, isBehind: boolean): void {
    if (isBehind) this.#behind.add(partition);
    else this.#behind.delete(partition);
  }

  /** Whether so much waits that nothing is to be fetched. */
  isEnough({ queue, queuedBytes }: Queued): boolean {
    if (queuedBytes > queuedBytesMax) return true;
    return queuedBytes > this.#shareBytes && hasMarkers(queue, markersAheadMin);
  }

  /** Of which fetching begins again: what comes then belongs to the share, too. */
  get #shareBytes(): number {
    const { budget, fetchResponseBytesMax, fetchBytesMax } = this.#options;
    const queuesBytesMax = budget.bytesMax - fetchResponseBytesMax;
    return Math.max(0, queuesBytesMax / this.#behind.size - fetchBytesMax);
  }
}

function hasMarkers(queue: Queued['queue'], countMin: number): boolean {
  let count = 0;
  for (const { kind } of queue) if (kind === 'hole' && ++count === countMin) return true;
  return false;
}
