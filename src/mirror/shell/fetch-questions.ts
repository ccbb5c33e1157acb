// What a reader's next request asks for: all partitions, or while a limit or the memory binds, those that are at the end of
// their logs alone, or those that catch up alone. Each of the three has a fetch session of its own, so that none has to be
// told anew what it follows.
import { FetchSession } from './fetch-session.ts';
import type { Asked } from './fetch-target.ts';
import type { FollowedTargets } from './followed-targets.ts';
import type { ReadScope } from './rate-limit.ts';
import type { ReadLimit } from './read-limit.ts';
import type { Followed, ReadingTurns, Turn } from './reading-turns.ts';

/** How long a fetch may wait while partitions are left out only because their queues are full. */
export const pausedWaitMs = 5;

/** What requests of one scope ask for, all in all. Kept from one to the next: of thousands of partitions few change. */
export interface Following {
  readonly scope: ReadScope;
  readonly session: FetchSession;
  readonly asked: ReadonlyMap<string, Asked>;
}

/** Of those that are live, or those that catch up, alone. */
interface Narrow extends Following {
  readonly asked: Map<string, Asked>;
}

/** One request. */
export interface Question extends Following {
  readonly bytesMax: number;
  readonly waitMs: number;
  /** Whose turn it is; default: of the scope. */
  readonly turn?: ReadScope;
}

export interface FetchQuestionsOptions {
  readonly targets: FollowedTargets;
  readonly limit: Pick<ReadLimit, 'isSet' | 'plan' | 'leave'>;
  readonly turns: Pick<ReadingTurns, 'isBacklogged'>;
  /** Whom the limit knows. */
  readonly reader: object;
}

export class FetchQuestions {
  readonly #options: FetchQuestionsOptions;
  readonly #all: Following;
  readonly #narrow: Readonly<Record<'live' | 'behind', Narrow>> = {
    live: { scope: 'live', session: new FetchSession(), asked: new Map() },
    behind: { scope: 'behind', session: new FetchSession(), asked: new Map() },
  };
  /** As of the last look while there was a backlog. */
  #followed: Followed = { hasLive: false, hasBehind: false };

  constructor(options: FetchQuestionsOptions) {
    this.#options = options;
    this.#all = { scope: 'all', session: new FetchSession(), asked: options.targets.asked };
  }

  get followed(): Followed {
    return this.#followed;
  }

  /** The broker knows nothing of them any more: everything is told anew. */
  forgetSessions(): void {
    for (const { session } of [this.#all, this.#narrow.live, this.#narrow.behind]) session.reset();
  }

  /** What to ask now; a number: nothing for so many ms; null: nothing until somebody rings. */
  next(turn: Turn, waitMsMax: number): Question | number | null {
    const { isAnyFull, isAnyBack } = this.#options.targets.look();
    if (isAnyBack) this.forgetSessions();
    if (this.#all.asked.size > 0) return this.#question(turn, isAnyFull ? pausedWaitMs : waitMsMax);
    this.#options.limit.leave(this.#options.reader);
    return null;
  }

  /** What may be asked now; a number: nothing for so many ms. */
  #question(turn: Turn, waitMs: number): Question | number {
    const { limit, turns, reader } = this.#options;
    const { askedBytes: answerBytesMax } = turn;
    const all = { ...this.#all, bytesMax: answerBytesMax, waitMs };
    if (!limit.isSet && !turns.isBacklogged) return all;
    let hasLive = false;
    let hasBehind = false;
    for (const { target } of this.#all.asked.values()) {
      if (target.isLive) hasLive = true;
      else hasBehind = true;
    }
    this.#followed = { hasLive, hasBehind };
    if (!limit.isSet) {
      if (!hasLive || !hasBehind) return all;
      const own = { bytesMax: answerBytesMax, waitMs: Math.min(waitMs, turn.waitMsMax) };
      return { ...this.#narrowed(turn.scope), ...own };
    }
    const plan = limit.plan(reader, { hasLive, hasBehind, answerBytesMax });
    if (plan === null) return all;
    if (plan.kind === 'pause') return plan.pauseMs;
    const { bytesMax, waitMsMax } = plan;
    // All of them are of one kind, and known to the session for all.
    const scope = hasLive && hasBehind ? plan.scope : 'all';
    return {
      ...this.#narrowed(scope),
      ...{ bytesMax, waitMs: Math.min(waitMs, waitMsMax), turn: plan.scope },
    };
  }

  #narrowed(scope: ReadScope): Following {
    if (scope === 'all') return this.#all;
    const all = this.#all;
    const narrow = this.#narrow[scope];
    const isWanted = ({ target }: Asked): boolean => target.isLive === (scope === 'live');
    for (const [key, asked] of all.asked) if (isWanted(asked)) narrow.asked.set(key, asked);
    for (const key of narrow.asked.keys()) {
      const asked = all.asked.get(key);
      if (asked === undefined || !isWanted(asked)) narrow.asked.delete(key);
    }
    return narrow;
  }
}
