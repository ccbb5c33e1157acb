// What is particular about an unplanned move: what is lost by it is shown, and a person types the new primary's name.
import type { MoveRecord } from '../../control/index.ts';
import { type ExitCode, LockstepError } from '../../errors.ts';
import { checkedLine, failoverSteps, lookBeforeFailover, type MoveContext } from '../../failover/index.ts';
import type { CommandContext } from '../program.ts';
import { lossTable } from './loss-table.ts';
import { moveCommand } from './move-command.ts';
import type { MoveOptions } from './move-options.ts';

/** A region that is lost or hangs must not cost the time of the one that is left, ms. */
const patienceMs = { target: 3_000, others: 800 } as const;

export function failover(file: string, options: MoveOptions, context: CommandContext): Promise<ExitCode> {
  return moveCommand(
    {
      kind: 'failover',
      steps: failoverSteps,
      facts: {},
      patienceMs: (region, to) => (region === to ? patienceMs.target : patienceMs.others),
      show: (move, record) => show(move, record, context),
      decide: async (record) => options.yes === true || isConfirmed(record, context),
      confirm: async (move, record) => {
        if (!(await show(move, record, context))) return 'no';
        if (options.yes) return 'go';
        return (await isConfirmed(record, context)) ? 'go' : 'no';
      },
    },
    ...[file, options, context],
  );
}

/** The loss that is known of, and what speaks against it; false: it can't be done. */
async function show(move: MoveContext, record: MoveRecord, { output }: CommandContext): Promise<boolean> {
  const { lags, checks, loss } = await lookBeforeFailover(move, record);
  for (const line of lossTable(lags).trimEnd().split('\n')) output.message(line);
  for (const checked of checks) if (checked.mark !== 'ok') output.message(checkedLine(checked));
  output.message(`lost by a failover from ${record.from} to ${record.to} now: ${loss}`);
  const failed = checks.some(({ mark }) => mark === 'FAIL');
  if (failed) output.message('lockstep: refused; nothing was done');
  return !failed;
}

/** A person types the region's name: `yes` is typed too fast. */
async function isConfirmed({ from, to }: MoveRecord, { ask, output }: CommandContext): Promise<boolean> {
  if (ask === undefined)
    throw new LockstepError(
      'USAGE',
      `a failover to ${to} has to be confirmed, and there is no terminal: add --yes`,
    );
  const answer = await ask(`fail over from ${from} to ${to}? Type the name of the new primary to go on: `);
  if (answer.trim() === to) return true;
  output.message('lockstep: nothing was done');
  return false;
}
