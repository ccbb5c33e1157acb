// `lockstep failover`: another region becomes primary now, whatever became of the former one.
import { Command } from 'commander';
import { leaveMsMax, type MoveOptions, withMoveOptions } from '../failover/move-options.ts';
import type { Start } from '../program.ts';

export function failoverCommand(start: Start): Command {
  const command = new Command('failover')
    .description('make another region primary now, whatever became of the former one')
    .argument('<file>', 'lockstep.yaml')
    .requiredOption('--to <region>', 'the region that becomes primary');
  return withMoveOptions(command, {
    dryRun: 'print what it would do and cost now, and change nothing',
    resume: 'go on with a failover whose terminal is dead',
    undo: 'take back a failover that has promoted nothing yet',
  }).action((file: string, options: MoveOptions) =>
    start(async (context) => (await import('../failover/failover.ts')).failover(file, options, context), {
      stopMsMax: leaveMsMax,
    }),
  );
}
