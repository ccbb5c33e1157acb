// Takes a move back that has not reached its point of no return: the steps in reverse order, from the one that is under way.
import type { MoveRecord } from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import { within } from '../patience.ts';
import { contextOf, type RunOptions, reasonOf, stepIndex, toldStep } from './engine.ts';
import { MoveLog, thisProcess } from './move-log.ts';
import type { Step } from './types.ts';

/** For each step, ms. */
const undoLimitMs = 60_000;

/**
 * Resolves when the move is `undone`. The same again goes on with it after a crash.
 * @throws LockstepError USAGE behind the point of no return; what a step's undoing throws.
 */
export async function undoMove(options: RunOptions): Promise<MoveRecord> {
  const { move, steps, teller, signal, nowMs = Date.now } = options;
  const at = stepIndex(steps, move);
  requireReturn(steps, at);
  const log = new MoveLog(options.home, move, { driver: thisProcess(options.by), nowMs });
  const context = contextOf(options, log, signal);
  await log.take();
  try {
    for (const step of steps.slice(0, at + 1).reverse()) {
      if (step.undo === undefined) continue;
      const told = toldStep(steps, step, log.move);
      teller.begins({ ...told, title: `take back: ${told.title}`, isPointOfNoReturn: false });
      const beganMs = performance.now();
      const tookMs = () => Math.round(performance.now() - beganMs);
      try {
        const remark = await within(step.undo(context, log.move), undoLimitMs, `taking back: ${told.title}`);
        teller.ends({ ...told, title: `take back: ${told.title}`, tookMs: tookMs(), remark });
      } catch (error) {
        teller.fails({
          ...told,
          title: `take back: ${told.title}`,
          tookMs: tookMs(),
          reason: reasonOf(error),
        });
        await log.release().catch(() => {});
        throw error;
      }
    }
    await log.release({ state: 'undone' });
    return log.move;
  } finally {
    log.stop();
  }
}

/** The step that is the point of no return may know that nothing has happened yet; those behind it can't. */
function requireReturn(steps: readonly Step[], at: number): void {
  const point = steps.findIndex(({ isPointOfNoReturn }) => isPointOfNoReturn);
  if (point < 0 || at < point || (at === point && steps[point]!.undo !== undefined)) return;
  throw new LockstepError(
    'USAGE',
    `step ${at + 1}/${steps.length} is under way, behind the point of no return (step ${point + 1}): the move can only ` +
      'go on; afterwards a switchover leads back',
  );
}
