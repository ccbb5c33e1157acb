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
import type { AnswerSize, AskSize, MemoryBudget } from './memory-budget.ts';
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

type Kind = Turn['kind'];

/** Room that was asked for; `bytes` when it was granted. */
interface Room {
  bytes: number | null;
  readonly granted: Promise<void>;
  /** Waits for it no more. */
  leave(): void;
}

export class ReadingTurns {
  readonly #budget: MemoryBudget;
  readonly #sizes: Readonly<Record<Kind, AskSize>>;
  readonly #nowMs: () => number;
  /** The newest answer to whoever catches up had as much as was asked for. */
  #isBacklogged = false;
  #liveAtMs = Number.NEGATIVE_INFINITY;
  /** The newest turn was theirs: where an answer takes longer than they wait, the backlog still has every other one. */
  #wasLive = false;
  /** Asked for, and not used yet. Nobody waits for one while another is granted, or readers would wait for each other. */
  readonly #rooms: Record<Kind, Room | null> = { live: null, backlog: null };

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
    if (!this.#isBacklogged || !hasLive || !hasBehind) {
      const only = this.#isBacklogged && !hasBehind ? 'live' : 'backlog';
      this.#forgo(only === 'live' ? 'backlog' : 'live');
      const [kind, reservedBytes] = await this.#roomFor([only], bytesMax);
      return this.#turnOf(
        { scope: 'all', kind, waitMsMax: Number.POSITIVE_INFINITY },
        reservedBytes,
        bytesMax,
      );
    }
    const isDue = !this.#wasLive && this.#nowMs() - this.#liveAtMs >= liveEveryMs;
    const order: readonly Kind[] = isDue ? ['live', 'backlog'] : ['backlog', 'live'];
    const [kind, reservedBytes] = await this.#roomFor(order, bytesMax);
    if (kind === 'backlog')
      return this.#turnOf({ scope: 'behind', kind, waitMsMax: behindWaitMs }, reservedBytes, bytesMax);
    // Without room for the backlog there is nothing else to do.
    const waitMsMax = isDue ? 0 : liveEveryMs;
    return this.#turnOf({ scope: 'live', kind, waitMsMax }, reservedBytes, bytesMax);
  }

  /** What came. */
  note({ scope, kind }: Turn, answer: AnswerSize): void {
    const { askedBytes, answerBytes } = answer;
    this.#sizes[kind].note(answer);
    this.#wasLive = kind === 'live';
    if (this.#wasLive) this.#liveAtMs = this.#nowMs();
    if (scope !== 'live') this.#isBacklogged = answerBytes >= askedBytes / 2;
  }

  /** Nothing came. */
  reset(): void {
    this.#isBacklogged = false;
    this.#sizes.backlog.reset();
    this.#sizes.live.reset();
  }

  /** Gives back what is still reserved, or will be: nothing is asked for now. */
  rest(): void {
    this.#forgo('live');
    this.#forgo('backlog');
  }

  #forgo(kind: Kind): void {
    const room = this.#rooms[kind];
    this.#rooms[kind] = null;
    room?.leave();
    if (room?.bytes != null) this.#budget.giveBack(room.bytes);
  }

  /** The first of these for which there is room; what else was asked for before counts, too. */
  async #roomFor(order: readonly Kind[], bytesMax: number): Promise<[Kind, number]> {
    for (;;) {
      for (const kind of order) {
        const bytes = this.#taken(kind, this.#rooms[kind] ?? this.#ask(kind, bytesMax));
        if (bytes !== null) return [kind, bytes];
      }
      for (const kind of ['live', 'backlog'] as const) {
        const bytes = this.#taken(kind, this.#rooms[kind]);
        if (bytes !== null) return [kind, bytes];
      }
      await Promise.race(Object.values(this.#rooms).flatMap((room) => room?.granted ?? []));
    }
  }

  #taken(kind: Kind, room: Room | null): number | null {
    if (room === null || room.bytes === null) return null;
    this.#rooms[kind] = null;
    return room.bytes;
  }

  /** Waits in line with everybody else, but not here. */
  #ask(kind: Kind, bytesMax: number): Room {
    const { promise: granted, resolve } = Promise.withResolvers<void>();
    const room: Room = { bytes: null, granted, leave: () => {} };
    this.#rooms[kind] = room;
    const bytes = this.#sizes[kind].reservedWithin(bytesMax);
    const isLive = kind === 'live' || !this.#isBacklogged;
    room.leave = this.#budget.whenRoom({ bytes, isLive }, (reservedBytes) => {
      room.bytes = reservedBytes;
      resolve();
    });
    return room;
  }

  #turnOf(turn: Pick<Turn, 'scope' | 'kind' | 'waitMsMax'>, reservedBytes: number, bytesMax: number): Turn {
    const askedBytes = Math.min(this.#sizes[turn.kind].bytes, reservedBytes, bytesMax);
    return { ...turn, reservedBytes, askedBytes };
  }
}
