// What is particular about a planned move: its options and its question.
import type { ExitCode } from '../../errors.ts';
import { switchoverSteps, toldStep } from '../../failover/index.ts';
import type { SwitchoverOptions } from '../commands/switchover.ts';
import { confirmed } from '../fleet/confirm.ts';
import type { CommandContext } from '../program.ts';
import { moveCommand } from './move-command.ts';
import { pointOfNoReturnLine, stepTitle } from './step-lines.ts';

const timeoutMsDefault = 60_000;

export function switchover(
  file: string,
  options: SwitchoverOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { denyWrites = false, timeout: timeoutMs = timeoutMsDefault, yes } = options;
  return moveCommand(
    {
      kind: 'switchover',
      steps: switchoverSteps,
      facts: { options: { denyWrites, timeoutMs } },
      factsAgain: ({ facts: { options: former }, done }) => {
        if (denyWrites && done.some(({ step }) => step === 'stopWrites'))
          context.output.message('lockstep: writes have been seen to stop already; nobody is denied now');
        return {
          options: {
            ...(former as object | undefined),
            ...(denyWrites && { denyWrites }),
            ...(options.timeout !== undefined && { timeoutMs }),
          },
        };
      },
      patienceMs: () => 3_000,
      show: async () => true,
      confirm: async (_context, move) => {
        const consequences = switchoverSteps.flatMap((step) => {
          const told = toldStep(switchoverSteps, step, move);
          return [...(told.isPointOfNoReturn ? [pointOfNoReturnLine] : []), stepTitle(told)];
        });
        const what = `switch ${move.topics?.join(', ') ?? `group ${move.group}`} over from ${move.from} to ${move.to}`;
        return (await confirmed(context, { ...(yes && { yes }), what, consequences })) ? 'go' : 'no';
      },
    },
    ...[file, options, context],
  );
}
