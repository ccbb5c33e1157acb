// Whose turn it is at one reader, and the room that its answer takes.
//
// The problem: partitions that are far behind fill every answer, and the budget with it; what is written live would wait for
// its turn among hundreds of them. The answer: as long as answers come full, those that are at the end of their logs are
// asked for alone now and then, which takes a moment, and the others in between. The same happens while there is no room
// for more of the backlog, since an eighth of a link's budget is kept for live ones.
//
//   all ──► an answer was full ──► live ──► behind ──► behind ──► live ──► ...
//    ▲                                        │ not full
//    └────────────────────────────────────────┘
import type { AskSize, MemoryBudget } from './memory-budget.ts';
import type { ReadScope } from './rate-limit.ts';

/** Live partitions are asked for alone so often while there is a backlog, ms. */
const liveEveryMs = 25;
/** A backlog that has nothing to give is none. */
const behindWaitMs = 2;

export interface Turn {
  readonly scope: ReadScope;
  /** Of the budget, for the answer. */
  readonly reservedBytes: number;
  /** To be asked for. */
  readonly askedBytes: number;
  /** The broker may wait for data so long: until it is somebody else's turn. */
  readonly waitMsMax: number;
  /** What it counts as. */
  readonly kind: 'live' | 'backlog';
}

/** Who is followed, as of the last look. */
export interface Followed {
  readonly hasLive: boolean;
  readonly hasBehind: boolean;
}

export interface ReadingTurnsOptions {
  readonly budget: MemoryBudget;
  readonly answerBytesMax: number;
  /** A clock that never goes back. */
  readonly nowMs?: () => number;
}

export class ReadingTurns {
  readonly #budget: MemoryBudget;
  readonly #sizes: Readonly<Record<'backlog' | 'live', AskSize>>;
  readonly #nowMs: () => number;
  /** The newest answer to whoever catches up had as much as was asked for. */
  #isBacklogged = false;
  #liveAtMs = Number.NEGATIVE_INFINITY;
  /** Room for the backlog that was asked for. */
  #awaited: { grantedBytes: number | null } | null = null;

  constructor({ budget, answerBytesMax, nowMs = () => performance.now() }: ReadingTurnsOptions) {
    this.#budget = budget;
    this.#sizes = { backlog: budget.askSize(answerBytesMax), live: budget.askSize(answerBytesMax) };
    this.#nowMs = nowMs;
  }

  /** Whether answers come full. */
  get isBacklogged(): boolean {
    return this.#isBacklogged;
  }

  /**
   * Resolves when there is room for the next answer.
   * @param bytesMax that an answer has.
   */
  async next({ hasLive, hasBehind }: Followed, bytesMax: number): Promise<Turn> {
    const isDue = this.#nowMs() - this.#liveAtMs >= liveEveryMs;
    if (!this.#isBacklogged || !hasLive || !hasBehind) {
      const kind = this.#isBacklogged && !hasBehind ? 'live' : 'backlog';
      const reservedBytes = await this.#reserve(kind, bytesMax, !this.#isBacklogged || kind === 'live');
      return this.#turnOf(
        { scope: 'all', kind, waitMsMax: Number.POSITIVE_INFINITY },
        reservedBytes,
        bytesMax,
      );
    }
    if (!isDue) {
      const reservedBytes = this.#roomForBacklog(bytesMax);
      if (reservedBytes !== null)
        return this.#turnOf(
          { scope: 'behind', kind: 'backlog', waitMsMax: behindWaitMs },
          reservedBytes,
          bytesMax,
        );
    }
    const reservedBytes = await this.#reserve('live', bytesMax, true);
    // Without room for the backlog there is nothing else to do.
    const waitMsMax = this.#awaited?.grantedBytes === null ? liveEveryMs : 0;
    return this.#turnOf({ scope: 'live', kind: 'live', waitMsMax }, reservedBytes, bytesMax);
  }

  /** What came. */
  note(
    { scope, kind }: Turn,
    { askedBytes, answerBytes }: { askedBytes: number; answerBytes: number },
  ): void {
    this.#sizes[kind].note({ askedBytes, answerBytes });
    if (kind === 'live') this.#liveAtMs = this.#nowMs();
    if (scope !== 'live') this.#isBacklogged = answerBytes >= askedBytes / 2;
  }

  #reserve(kind: Turn['kind'], bytesMax: number, isLive: boolean): Promise<number> | number {
    const granted = kind === 'backlog' ? this.#granted() : null;
    return granted ?? this.#budget.reserve({ bytes: this.#sizes[kind].reservedWithin(bytesMax), isLive });
  }

  #turnOf(turn: Pick<Turn, 'scope' | 'kind' | 'waitMsMax'>, reservedBytes: number, bytesMax: number): Turn {
    const askedBytes = Math.min(this.#sizes[turn.kind].bytes, reservedBytes, bytesMax);
    return { ...turn, reservedBytes, askedBytes };
  }

  /** Nothing came. */
  reset(): void {
    this.#isBacklogged = false;
    this.#sizes.backlog.reset();
    this.#sizes.live.reset();
  }

  /** Gives back what is still reserved, or will be. */
  close(): void {
    const awaited = this.#awaited;
    this.#awaited = null;
    if (awaited !== null && awaited.grantedBytes !== null) this.#budget.giveBack(awaited.grantedBytes);
  }

  #granted(): number | null {
    const bytes = this.#awaited?.grantedBytes ?? null;
    if (bytes !== null) this.#awaited = null;
    return bytes;
  }

  /** Waits in line with everybody else, but not here. */
  #roomForBacklog(bytesMax: number): number | null {
    if (this.#awaited === null) {
      const awaited: { grantedBytes: number | null } = { grantedBytes: null };
      this.#awaited = awaited;
      const bytes = this.#sizes.backlog.reservedWithin(bytesMax);
      this.#budget.whenRoom({ bytes, isLive: false }, (grantedBytes) => {
        if (this.#awaited === awaited) awaited.grantedBytes = grantedBytes;
        else this.#budget.giveBack(grantedBytes);
      });
    }
    return this.#granted();
  }
}
