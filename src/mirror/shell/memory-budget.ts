// How many bytes are in flight at once: answers that are being read, frames that are held, and copies made of their
// batches. Frames are large, pooled, and shared by the batches of many partitions, so the bound is on frames, not on
// batches: a single stuck batch keeps its whole frame. Backpressure goes to the source by not fetching.
//
//   agent   ├─────────── reads ───────────┼─────────── copies of what was read ───────────┤ bytesMax
//     link  ├───── reads ─────┤ bytesMax
//
// Readers reserve room before they ask, so that an answer counts while it is filled. Copies (merged, reshaped) are never
// waited for, since what holds a frame must come to its end; the bytes that they are made from are held already, so half
// of an agent's budget is left to them. Copies in the gaps of compacted logs alone are larger than what they are made from;
// so many are made of them as there is room for. Beyond the budget there is at most, once for each reader, a batch that is larger
// than what was asked for: it comes whole (KIP-74), and the next time there is room for it before it is asked for.
//
// Who waits is served in order, over all links, and partitions that are at the end of their logs before those that catch
// up: an eighth more is theirs alone. One answer reserves half of a link's budget at most, so that with nothing in flight
// one always goes on, also where a batch is larger than all of it.

/** Of a budget that others share, what may be read, and what of that is for live partitions alone. */
const readShare = { live: 1 / 2, behind: 7 / 16 } as const;
/** Of a link's own budget; copies count in it, too, and can go beyond it. */
const linkShare = { live: 9 / 8, behind: 1 } as const;
/** One answer reserves at most this part of either: others long-poll meanwhile, and nobody may need all of it. */
const answerShare = { agent: 1 / 4, link: 1 / 2 } as const;
/**
 * Copies in gaps can be thousands of times what they are made from. So all of them take this part at most of what all
 * share, which leaves the rest of `readShare` to others, and one batch this part of what is left of it, which leaves room to
 * whoever comes next.
 */
const gapCopiesShare = { all: 1 / 4, batch: 1 / 8 } as const;
/** Asked for where little comes, bytes: readers that long-poll reserve it all the time. */
const askedBytesMin = 64 * 1024;
/** That much of a link's budget at most. */
const askedShareMin = 1 / 16;
const askedGrowth = 4;
/**
 * An answer that takes longer is too large for its way, ms: a request is given up after 30 s and with it the connection,
 * and the one before it on a connection takes as long.
 */
const tookMsMax = 10_000;

export interface MemoryBudgetOptions {
  readonly bytesMax: number;
  /** What all links of the agent share; default: this link is alone. */
  readonly parent?: MemoryBudget;
}

/** Room for one answer. */
export interface RoomWanted {
  readonly bytes: number;
  /** For partitions at the end of their logs. */
  readonly isLive: boolean;
}

interface Waiting extends RoomWanted {
  /** Becomes less where the link's budget does. */
  bytes: number;
  readonly budget: MemoryBudget;
  readonly grant: (reservedBytes: number) => void;
}

export class MemoryBudget {
  #bytesMax: number;
  readonly #parent: MemoryBudget | null;
  #heldBytes = 0;
  #heldBytesPeak = 0;
  /** Of what all share. */
  #gapCopiesBytes = 0;
  /** Kept by the agent's budget, or by that of a link which is alone. */
  #waiting: Waiting[] = [];

  constructor({ bytesMax, parent }: MemoryBudgetOptions) {
    this.#bytesMax = bytesMax;
    this.#parent = parent ?? null;
  }

  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** In flight: held, or reserved for an answer that is awaited. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** The largest that `heldBytes` has been. */
  get heldBytesPeak(): number {
    return this.#heldBytesPeak;
  }

  /** Somebody would read more and must not. */
  get isExhausted(): boolean {
    return this.#root.#waiting.length > 0;
  }

  /** A link of the agent may hold more than half of what all share: then all share more. */
  growTo(bytesMax: number): void {
    this.#bytesMax = Math.max(this.#bytesMax, bytesMax);
    this.#serve();
  }

  /** A link's own: what is held beyond it stays until it is given back, and who waits asks for no more than it allows. */
  resizeTo(bytesMax: number): void {
    if (bytesMax === this.#bytesMax) return;
    this.#bytesMax = bytesMax;
    for (const waiting of this.#root.#waiting)
      if (waiting.budget === this) waiting.bytes = this.#reservable(waiting.bytes);
    this.#root.#serve();
  }

  /**
   * Resolves with how many bytes are reserved, which are fewer than wanted where the budget is small: given back later,
   * or turned into what came by `settle`.
   */
  reserve(wanted: RoomWanted): Promise<number> {
    return new Promise((resolve) => {
      this.whenRoom(wanted, resolve);
    });
  }

  /**
   * As `reserve`; `grant` is called at once where there is room.
   * @returns what leaves the line; nothing happens where room was granted before.
   */
  whenRoom({ bytes: wantedBytes, isLive }: RoomWanted, grant: (reservedBytes: number) => void): () => void {
    const root = this.#root;
    const waiting: Waiting = { bytes: this.#reservable(wantedBytes), isLive, budget: this, grant };
    root.#waiting.push(waiting);
    root.#serve();
    return () => {
      const index = root.#waiting.indexOf(waiting);
      if (index === -1) return;
      root.#waiting.splice(index, 1);
      root.#serve();
    };
  }

  /** How much to ask for, by what came: at first as little as one asks for who waits for news. */
  askSize(bytesMax: number): AskSize {
    return new AskSize({ bytesMin: Math.min(askedBytesMin, this.bytesMax * askedShareMin), bytesMax });
  }

  /** The answer is here: it holds `heldBytes` in place of what was reserved. */
  settle({ reservedBytes, heldBytes }: { reservedBytes: number; heldBytes: number }): void {
    this.#add(heldBytes - reservedBytes);
    if (heldBytes < reservedBytes) this.#root.#serve();
  }

  /** Counts what is there already, and waits for nothing. */
  take(bytes: number): void {
    this.#add(bytes);
  }

  giveBack(bytes: number): void {
    this.#add(-bytes);
    this.#root.#serve();
  }

  /** What the next batch of copies in gaps may take, in bytes. */
  gapCopiesRoom(): number {
    const root = this.#root;
    const leftBytes = root.#bytesMax * gapCopiesShare.all - root.#gapCopiesBytes;
    return Math.max(0, Math.floor(leftBytes * gapCopiesShare.batch));
  }

  takeGapCopies(bytes: number): void {
    this.#root.#gapCopiesBytes += bytes;
    this.take(bytes);
  }

  giveBackGapCopies(bytes: number): void {
    this.#root.#gapCopiesBytes -= bytes;
    this.giveBack(bytes);
  }

  /** Of what one answer wants. */
  #reservable(wantedBytes: number): number {
    const ownMax = this.bytesMax * answerShare.link;
    const bytesMax =
      this.#parent === null ? ownMax : Math.min(ownMax, this.#parent.bytesMax * answerShare.agent);
    return Math.max(1, Math.min(wantedBytes, Math.floor(bytesMax)));
  }

  get #root(): MemoryBudget {
    return this.#parent ?? this;
  }

  #add(bytes: number): void {
    this.#heldBytes += bytes;
    if (this.#heldBytes > this.#heldBytesPeak) this.#heldBytesPeak = this.#heldBytes;
    if (this.#parent !== null) this.#parent.#add(bytes);
  }

  /** In order, live ones first: what is small must not overtake what is large for ever. */
  #serve(): void {
    if (this.#waiting.length === 0) return;
    const full = new Set<MemoryBudget>();
    if (this.#serveKind(true, full)) this.#serveKind(false, full);
  }

  /**
   * Only who waits for its own link's budget is passed over, with all that wait behind it there.
   * @param full the budgets of such links
   * @returns whether nobody waits for what all share.
   */
  #serveKind(isLive: boolean, full: Set<MemoryBudget>): boolean {
    for (let index = 0; index < this.#waiting.length; ) {
      const waiting = this.#waiting[index]!;
      const { budget } = waiting;
      if (budget !== this && !budget.#hasRoom(waiting, linkShare) && waiting.isLive === isLive)
        full.add(budget);
      if (waiting.isLive !== isLive || full.has(budget)) {
        index += 1;
        continue;
      }
      if (!this.#hasRoom(waiting, budget === this ? linkShare : readShare)) return false;
      this.#waiting.splice(index, 1);
      budget.#add(waiting.bytes);
      waiting.grant(waiting.bytes);
    }
    return true;
  }

  #hasRoom(
    { bytes, isLive }: RoomWanted,
    share: { readonly live: number; readonly behind: number },
  ): boolean {
    return this.#heldBytes + bytes <= this.#bytesMax * (isLive ? share.live : share.behind);
  }
}

export interface AnswerSize {
  readonly askedBytes: number;
  readonly answerBytes: number;
  /** From the question to the end of the answer, ms. Default 0. */
  readonly tookMs?: number;
}

/** How many bytes one reader asks for, and reserves: much while much comes, little while it waits for news. */
export class AskSize {
  readonly #bytesMin: number;
  readonly #bytesMax: number;
  #bytes: number;
  /** What the newest answer took, where that was more than was asked for: a large batch, and more of them may follow. */
  #largeBytes = 0;

  constructor({ bytesMin, bytesMax }: { bytesMin: number; bytesMax: number }) {
    this.#bytesMin = Math.min(bytesMin, bytesMax);
    this.#bytesMax = bytesMax;
    this.#bytes = this.#bytesMin;
  }

  get bytes(): number {
    return Math.floor(this.#bytes);
  }

  /** The room that an answer takes which is asked for with `bytesMax` at most: large batches come whole. */
  reservedWithin(bytesMax: number): number {
    return Math.max(Math.min(this.bytes, bytesMax), this.#largeBytes);
  }

  note({ askedBytes, answerBytes, tookMs = 0 }: AnswerSize): void {
    this.#largeBytes = answerBytes > askedBytes ? answerBytes : Math.floor(this.#largeBytes / 2);
    if (tookMs > tookMsMax || answerBytes < askedBytes / (2 * askedGrowth))
      this.#bytes = Math.max(this.#bytesMin, this.#bytes / askedGrowth);
    else if (answerBytes >= askedBytes / 2 && tookMs * askedGrowth <= tookMsMax)
      this.#bytes = Math.min(this.#bytesMax, this.#bytes * askedGrowth);
  }

  /** Nothing came. */
  reset(): void {
    this.#bytes = this.#bytesMin;
  }
}
