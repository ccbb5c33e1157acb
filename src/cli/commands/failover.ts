// `lockstep failover`: another region becomes primary now, whatever became of the former one.
import { Command } from 'commander';
import { leaveMsMax, type MoveOptions, topicList } from '../failover/move-options.ts';
import type { Start } from '../program.ts';

export function failoverCommand(start: Start): Command {
  return new Command('failover')
    .description('make another region primary now, whatever became of the former one')
    .argument('<file>', 'lockstep.yaml')
    .requiredOption('--to <region>', 'the region that becomes primary')
    .option('--topics <topics>', 'these topics only: a,b', topicList)
    .option('--group <group>', 'the replication group; default: the only one of the file')
    .option('--dry-run', 'print what it would do and cost now, and change nothing')
    .option('--yes', 'do not ask')
    .option('--resume', 'go on with a failover whose terminal is dead')
    .option('--undo', 'take back a failover that has promoted nothing yet')
    .option('--json', 'print JSON')
    .action((file: string, options: MoveOptions) =>
      start(async (context) => (await import('../failover/failover.ts')).failover(file, options, context), {
        stopMsMax: leaveMsMax,
      }),
    );
}
