// A move as numbered steps, driven by the command line and written down in the control topic of the region that becomes
// primary: before a step begins the record names it, and when it is done the record holds what was seen. So the same
// command goes on where one that was killed has stopped, and agents may die at any step: every step can be run again.
//
//   1. take the record: begin the move, or take over one whose driver is dead
//   2. run the steps from the one that it names, each within its limit
//   3. failure: the failure hooks; the move stands where it is, and what to type next is said
import type { MoveRecord, MoveStepDone } from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import { within } from '../patience.ts';
import { MoveLog, MoveTaken, thisProcess } from './move-log.ts';
import type { MoveContext, OpenGroup, OpenRegion, Step } from './types.ts';

/** What a move tells while it runs. */
export interface MoveTeller {
  /** A step begins; `number` counts from 1. */
  begins(step: ToldStep): void;
  ends(step: ToldStep & { readonly tookMs: number; readonly remark: string }): void;
  fails(step: ToldStep & { readonly tookMs: number; readonly reason: string }): void;
  /** A line below the step that is under way. */
  say(line: string): void;
}

export interface ToldStep {
  readonly number: number;
  readonly count: number;
  readonly title: string;
  readonly isPointOfNoReturn: boolean;
}

export interface RunOptions {
  readonly group: OpenGroup;
  readonly home: OpenRegion;
  /** A new move, or the one that is gone on with. */
  readonly move: MoveRecord;
  readonly steps: readonly Step[];
  readonly by: string;
  readonly teller: MoveTeller;
  /** A person's Ctrl-C: the step that is under way is left, and the move can be gone on with. */
  readonly signal: AbortSignal;
  /** Told of a step that failed, and when a move fails that had begun; hooks are run here. */
  onFailure?(context: MoveContext, move: MoveRecord, reason: string): Promise<void>;
  readonly nowMs?: () => number;
}

export type MoveEnd =
  | { readonly kind: 'done'; readonly move: MoveRecord }
  /** `error` is what the step threw. */
  | { readonly kind: 'failed'; readonly move: MoveRecord; readonly step: Step; readonly error: unknown }
  | { readonly kind: 'interrupted'; readonly move: MoveRecord; readonly step: Step };

/** Unless a step says otherwise, ms. */
const stepLimitMs = 60_000;
/** What a person who has pressed Ctrl-C waits for at most, ms. */
const releaseMsMax = 1_500;

/**
 * Runs the steps that are left.
 * @throws MoveTaken when another terminal has taken the move; LockstepError when its record can't be written.
 */
export async function runMove(options: RunOptions): Promise<MoveEnd> {
  const { steps, teller, signal, nowMs = Date.now } = options;
  const log = new MoveLog(options.home, options.move, { driver: thisProcess(options.by), nowMs });
  const ended = new AbortController();
  const context = contextOf(options, log, AbortSignal.any([signal, ended.signal]));
  let takenAway: MoveTaken | null = null;
  // Whoever slept through it must not go on with what somebody else does now, or has taken back.
  const onTaken = (error: MoveTaken): void => {
    takenAway = error;
    ended.abort(error);
  };
  await log.take({ failure: null }, onTaken);
  try {
    for (let index = stepIndex(steps, log.move); index < steps.length; index++) {
      const step = steps[index]!;
      const told = toldStep(steps, step, log.move);
      teller.begins(told);
      const startedAtMs = nowMs();
      const beganMs = performance.now();
      const tookMs = () => Math.round(performance.now() - beganMs);
      try {
        const { remark, facts } = await runStep(step, context, log.move, signal);
        const done: MoveStepDone = { step: step.name, startedAtMs, tookMs: tookMs(), remark };
        const next = steps[index + 1];
        const change = {
          done: [...log.move.done.filter((other) => other.step !== step.name), done],
          ...(facts !== undefined && { facts }),
        };
        if (next === undefined) await log.release({ ...change, state: 'done' });
        else await log.write({ ...change, step: next.name });
        teller.ends({ ...told, tookMs: done.tookMs, remark });
      } catch (error) {
        const byOthers = takenAway ?? (error instanceof MoveTaken ? error : null);
        if (byOthers !== null) throw await taken(byOthers, step, { ...context, signal }, log.move);
        if (signal.aborted) {
          await within(log.release(), releaseMsMax, 'leaving the move').catch(() => {});
          return { kind: 'interrupted', move: log.move, step };
        }
        const reason = reasonOf(error);
        teller.fails({ ...told, tookMs: tookMs(), reason });
        const move = await fail(log, step, reason, index === 0);
        if (index > 0) await options.onFailure?.(context, move, reason);
        return { kind: 'failed', move, step, error };
      }
    }
    return { kind: 'done', move: log.move };
  } finally {
    ended.abort();
    log.stop();
  }
}

/** A step whose move is taken away ends by itself: what it did may have to be taken back, and nothing may follow that. */
function runStep(step: Step, context: MoveContext, move: MoveRecord, signal: AbortSignal) {
  const limitMs = step.limitMs?.(move) ?? stepLimitMs;
  const interrupted = new Promise<never>((_resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  return within(Promise.race([step.run(context, move), interrupted]), limitMs, step.title(move));
}

/** Nothing was done by a move whose first step fails: it is over. Any other stands where it is. */
async function fail(log: MoveLog, step: Step, reason: string, isFirst: boolean): Promise<MoveRecord> {
  const failure = { step: step.name, reason, atMs: Date.now() };
  // Also when the record can't be written: then the last one stands, at the same step.
  await log.release({ ...(isFirst && { state: 'failed' }), facts: { failure } }).catch(() => {});
  return log.move;
}

/** Whoever was frozen while the move was undone takes back what it did when it woke up. */
async function taken(
  error: MoveTaken,
  step: Step,
  context: MoveContext,
  move: MoveRecord,
): Promise<MoveTaken> {
  if (error.now.state === 'undone') await step.undo?.(context, move).catch(() => {});
  return error;
}

/** The index of the step that the record names. @throws LockstepError for a record of another version's steps. */
export function stepIndex(steps: readonly Step[], move: MoveRecord): number {
  const index = steps.findIndex(({ name }) => name === move.step);
  if (index >= 0) return index;
  throw new LockstepError(
    'UNSUPPORTED_VERSION',
    `the move ${move.id} stands at step ${move.step}, which this version of Lockstep does not know; go on with the version that began it`,
  );
}

export function toldStep(steps: readonly Step[], step: Step, move: MoveRecord): ToldStep {
  return {
    number: steps.indexOf(step) + 1,
    count: steps.length,
    title: step.title(move),
    isPointOfNoReturn: step.isPointOfNoReturn === true,
  };
}

export function contextOf(
  { group, home, by, teller, nowMs = Date.now }: Omit<RunOptions, 'signal' | 'move' | 'steps'>,
  log: MoveLog | null,
  signal: AbortSignal,
): MoveContext {
  return {
    ...{ group, home, by, nowMs, signal },
    say: (line) => teller.say(line),
    note: async (facts) => log?.write({ facts }),
  };
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
