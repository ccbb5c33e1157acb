// `lockstep switchover`: another region becomes primary as planned, without losing or doubling a record.
import { Command, InvalidArgumentError } from 'commander';
import { parseDurationMs } from '../../topology/index.ts';
import { leaveMsMax, type MoveOptions, withMoveOptions } from '../failover/move-options.ts';
import type { Start } from '../program.ts';

export interface SwitchoverOptions extends MoveOptions {
  readonly denyWrites?: true;
  readonly timeout?: number;
}

const timeoutMsMax = 24 * 3_600_000;

export function switchoverCommand(start: Start): Command {
  const command = new Command('switchover')
    .description('make another region primary as planned, without losing a record')
    .argument('<file>', 'lockstep.yaml')
    .requiredOption('--to <region>', 'the region that becomes primary')
    .option('--deny-writes', 'stop producers by ACLs; says first what each kind of client does then')
    .option(
      '--timeout <time>',
      'how long producers may take to stop, and mirrors to catch up; default 60s',
      time,
    );
  return withMoveOptions(command, {
    dryRun: 'print the plan with the numbers of now, and change nothing',
    resume: 'go on with a switchover whose terminal is dead',
    undo: 'take back a switchover that has not reached its point of no return',
  }).action((file: string, options: SwitchoverOptions) =>
    start(async (context) => (await import('../failover/switchover.ts')).switchover(file, options, context), {
      stopMsMax: leaveMsMax,
    }),
  );
}

/** In ms. */
function time(text: string): number {
  const ms = parseDurationMs(text);
  if (ms !== undefined && ms > 0 && ms <= timeoutMsMax) return ms;
  throw new InvalidArgumentError('Expected a time from 1ms to 24h, such as 60s or 5min.');
}
