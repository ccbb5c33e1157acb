// The record of one move, as the process that drives it writes it. Every write names the revision that it saw, so of two
// terminals one is refused; and a beat every few seconds tells others that somebody is still at it.
//
// Nobody's clock is believed for that: whoever wants to know watches whether the revision grows.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { type MoveRecord, moveKey } from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import type { OpenRegion } from './types.ts';

/** Who drives a move: a process on some machine. */
export interface Driver {
  readonly id: string;
  readonly by: string;
  readonly host: string;
  readonly pid: number;
}

/** A driver writes at least so often, ms. */
const beatEveryMs = 2_000;
/** One try to write, ms: a fleet whose leader was killed has the next one by then, or soon. */
const tryMsMax = 8_000;
/** All tries of one write, ms: a leader's session has to end before another one takes over. */
const writeMsMax = 45_000;
const retryMs = 250;

export const thisProcess = (by: string): Driver => ({
  ...{ id: randomUUID(), by, host: hostname(), pid: process.pid },
});

/** Who drives the move now, as far as its record tells; null: nobody. */
export function driverOf({ facts }: MoveRecord): Driver | null {
  const { driver } = facts;
  return typeof driver === 'object' && driver !== null ? (driver as Driver) : null;
}

/** Beats that may be late before a driver counts as dead. */
const silentBeatsMax = 2.5;
const lookEveryMs = 100;

/** Who drives the move and is alive: watched until the next beat, for a few seconds at most. Null: nobody. */
export async function livingDriver(home: OpenRegion, move: MoveRecord): Promise<Driver | null> {
  const driver = driverOf(move);
  if (driver === null || isDeadHere(driver)) return null;
  const current = (): MoveRecord | undefined => home.state?.moves.get(keyOf(move));
  const deadlineMs = performance.now() + beatEveryMs * silentBeatsMax;
  while (performance.now() < deadlineMs) {
    const now = current();
    if (now !== undefined && now.revision > move.revision) return driverOf(now);
    await pause(lookEveryMs);
  }
  return null;
}

/** A process of this machine that is not there any more. */
function isDeadHere({ host, pid }: Driver): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Somebody else goes on with the move, or has ended it. */
export class MoveTaken extends LockstepError {
  readonly now: MoveRecord;

  constructor(now: MoveRecord) {
    const who = driverOf(now);
    const state = now.state === 'running' ? 'is driven by another terminal' : `was ended as ${now.state}`;
    super(
      'USAGE',
      `the move ${now.id} ${state} now${who === null ? '' : ` (${who.by})`}; nothing more is done here`,
    );
    this.now = now;
  }
}

export class MoveLog {
  readonly #home: OpenRegion;
  readonly #driver: Driver;
  readonly #nowMs: () => number;
  #move: MoveRecord;
  /** Null: it does not stand in the topic yet. */
  #revision: number | null;
  #writing: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(home: OpenRegion, move: MoveRecord, options: { driver: Driver; nowMs: () => number }) {
    this.#home = home;
    this.#move = move;
    this.#revision = home.state?.moves.has(`${move.group}/${move.id}`) === true ? move.revision : null;
    this.#driver = options.driver;
    this.#nowMs = options.nowMs;
  }

  /** As it was written last. */
  get move(): MoveRecord {
    return this.#move;
  }

  /**
   * Begins the move or takes it over, and beats from then on.
   * @param onTaken told by a beat that finds that somebody else has the move now, or has ended it
   * @throws LockstepError of a leader that refuses.
   */
  async take(
    facts: Readonly<Record<string, unknown>> = {},
    onTaken?: (taken: MoveTaken) => void,
  ): Promise<void> {
    await this.write({ facts });
    this.#timer = setInterval(() => {
      // A beat that fails otherwise is followed by another one; a real write tells what is wrong.
      this.write({}).catch((error: unknown) => {
        if (error instanceof MoveTaken) onTaken?.(error);
      });
    }, beatEveryMs);
  }

  /** Others may go on with it from now on. */
  async release(change: Partial<MoveRecord> = {}): Promise<void> {
    this.stop();
    await this.#inTurn({ ...change, facts: { ...change.facts, driver: null } });
  }

  /** Beats no more. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** Facts are added to those that stand; everything else replaces. @throws MoveTaken, LockstepError */
  write(change: Partial<MoveRecord>): Promise<void> {
    return this.#inTurn({ ...change, facts: { ...change.facts, driver: this.#driver } });
  }

  #inTurn(change: Partial<MoveRecord>): Promise<void> {
    const written = this.#writing.then(() => this.#write(change));
    this.#writing = written.catch(() => {});
    return written;
  }

  async #write(change: Partial<MoveRecord>): Promise<void> {
    const deadlineMs = performance.now() + writeMsMax;
    const next: MoveRecord = {
      ...{ ...this.#move, ...change },
      facts: { ...this.#move.facts, ...change.facts },
      revision: this.#revision === null ? 1 : this.#revision + 1,
      changedAtMs: this.#nowMs(),
    };
    for (;;) {
      const failure = await this.#try(next);
      if (failure === null || this.#stands(next)) break;
      const now = this.#home.state?.moves.get(keyOf(next));
      if (now !== undefined && now.revision > (this.#revision ?? 0)) throw new MoveTaken(now);
      if (!isPassing(failure) || performance.now() >= deadlineMs) throw failure;
      await pause(retryMs);
    }
    this.#move = next;
    this.#revision = next.revision;
  }

  /** What was refused or did not work; null: it is written. */
  async #try(move: MoveRecord): Promise<LockstepError | null> {
    try {
      const answer = await this.#home.send(
        { do: 'writeMove', move, ifRevision: this.#revision },
        { timeoutMs: tryMsMax },
      );
      return answer.state === 'done' ? null : new LockstepError(answer.code ?? 'USAGE', answer.message);
    } catch (error) {
      if (error instanceof LockstepError) return error;
      throw error;
    }
  }

  /** A try whose answer did not come may have been written all the same. */
  #stands(next: MoveRecord): boolean {
    const now = this.#home.state?.moves.get(keyOf(next));
    return (
      now?.revision === next.revision &&
      now.changedAtMs === next.changedAtMs &&
      driverOf(now)?.id === driverOf(next)?.id
    );
  }
}

/** Whether the next leader may do it. */
function isPassing({ code, retriable }: LockstepError): boolean {
  return retriable || code === 'NO_AGENT' || code === 'REQUEST_TIMED_OUT';
}

const keyOf = (move: MoveRecord): string => moveKey(move).slice('move/'.length);
