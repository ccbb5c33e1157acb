// What a site wants to be told or done before and after a move, as steps.
import path from 'node:path';
import type { MoveRecord } from '../../control/index.ts';
import type { HookPoint } from '../../topology/index.ts';
import { CheckFailed, fail } from '../checked.ts';
import { hookEvent, hookPlanLine, hooksOf, runHooks } from '../hooks/index.ts';
import type { MoveContext, Step, StepOutcome } from '../types.ts';

export const hooksBefore: Step = hookStep('hooksBefore', 'before');
export const hooksAfter: Step = hookStep('hooksAfter', 'after');

/** A move that has failed is told as well; never throws because of a hook. */
export async function tellFailure(context: MoveContext, move: MoveRecord, reason: string): Promise<void> {
  await run(context, move, 'failure', reason);
}

function hookStep(name: string, point: 'before' | 'after'): Step {
  return {
    name,
    title: () => `hooks ${point}`,
    limitMs: () => 30 * 60_000,
    preview: async ({ group }, { kind }) =>
      hooksOf(group.config.hooks, point, kind).map(hookPlanLine).join('; ') || 'none',
    run: (context, move) => run(context, move, point, null),
  };
}

async function run(
  { group, say, signal }: MoveContext,
  move: MoveRecord,
  point: HookPoint,
  message: string | null,
): Promise<StepOutcome> {
  const outcomes = await runHooks(group.config.hooks, point, hookEvent(move, message), {
    folder: path.dirname(path.resolve(group.topology.file)),
    canStop: point === 'before',
    say,
    signal,
  });
  signal.throwIfAborted();
  const stopping = outcomes.find(({ stopsMove }) => stopsMove);
  if (stopping !== undefined) throw new CheckFailed([fail('hooks', stopping.line)]);
  if (outcomes.length === 0) return { remark: 'none' };
  const failed = outcomes.filter(({ state }) => state !== 'done');
  const names = failed.map(({ name }) => name).join(', ');
  return { remark: failed.length === 0 ? `${outcomes.length} done` : `FAILED: ${names}; see above` };
}
