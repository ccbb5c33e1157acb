// `lockstep switchover`: another region becomes primary as planned, without losing or doubling a record.
import { Command, InvalidArgumentError } from 'commander';
import { switchoverSteps, toldStep } from '../../failover/index.ts';
import { parseDurationMs } from '../../topology/index.ts';
import { leaveMsMax, type MoveOptions, moveCommand, topicList } from '../failover/move-command.ts';
import { pointOfNoReturnLine, stepTitle } from '../failover/step-lines.ts';
import { confirmed } from '../fleet/confirm.ts';
import type { CommandContext, Start } from '../program.ts';

interface SwitchoverCommand extends MoveOptions {
  readonly denyWrites?: true;
  readonly timeout?: number;
}

const timeoutMsDefault = 60_000;
const timeoutMsMax = 24 * 3_600_000;

export function switchoverCommand(start: Start): Command {
  return new Command('switchover')
    .description('make another region primary as planned, without losing a record')
    .argument('<file>', 'lockstep.yaml')
    .requiredOption('--to <region>', 'the region that becomes primary')
    .option('--topics <topics>', 'these topics only: a,b', topicList)
    .option('--group <group>', 'the replication group; default: the only one of the file')
    .option('--deny-writes', 'stop producers by ACLs; says first what each kind of client does then')
    .option(
      '--timeout <time>',
      'how long producers may take to stop, and mirrors to catch up; default 60s',
      time,
    )
    .option('--dry-run', 'print the plan with the numbers of now, and change nothing')
    .option('--yes', 'do not ask')
    .option('--resume', 'go on with a switchover whose terminal is dead')
    .option('--undo', 'take back a switchover that has not reached its point of no return')
    .option('--json', 'print JSON')
    .action((file: string, options: SwitchoverCommand) =>
      start((context) => switchover(file, options, context), { stopMsMax: leaveMsMax }),
    );
}

function switchover(file: string, options: SwitchoverCommand, context: CommandContext) {
  const { denyWrites = false, timeout: timeoutMs = timeoutMsDefault, yes } = options;
  return moveCommand(
    {
      kind: 'switchover',
      steps: switchoverSteps,
      facts: { options: { denyWrites, timeoutMs } },
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

/** In ms. */
function time(text: string): number {
  const ms = parseDurationMs(text);
  if (ms !== undefined && ms > 0 && ms <= timeoutMsMax) return ms;
  throw new InvalidArgumentError('Expected a time from 1ms to 24h, such as 60s or 5min.');
}
