// `lockstep restore`: make a lost region a mirror again, its divergent tail kept.
import { Command, Option } from 'commander';
import { leaveMsMax, withMoveOptions } from '../failover/move-options.ts';
import type { RestoreCommandOptions } from '../failover/restore.ts';
import type { Start } from '../program.ts';

const historyChoices: readonly RestoreCommandOptions['history'][] = ['all', 'from-divergence'];

export function restoreCommand(start: Start): Command {
  const command = new Command('restore')
    .description('make a lost region a mirror again, its divergent tail kept')
    .argument('<region>', 'the region that comes back')
    .argument('<file>', 'lockstep.yaml')
    .addOption(
      new Option('--history <history>', 'of what is copied again: all of it, or only what is newer')
        .choices(historyChoices)
        .default('all'),
    )
    .addOption(
      new Option('--compare <extent>', 'how much in front of the cuts is compared')
        .choices(['window', 'all'])
        .default('window'),
    );
  return withMoveOptions(command, {
    dryRun: 'print what it would do, delete and cost, and change nothing',
    resume: 'go on with a restore whose terminal is dead; the same command does so, too',
    undo: 'take back a restore that has not reached its point of no return',
  }).action((region: string, file: string, options: RestoreCommandOptions) =>
    start(
      async (context) => (await import('../failover/restore.ts')).restore(region, file, options, context),
      { stopMsMax: leaveMsMax },
    ),
  );
}
