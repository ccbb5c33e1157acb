// `lockstep failover`: make another region primary now, whatever became of the former one.
import { Command } from 'commander';
import { LockstepError } from '../../errors.ts';
import type { Start } from '../program.ts';

export function failoverCommand(start: Start): Command {
  return new Command('failover')
    .description('make another region primary now, whatever became of the former one')
    .argument('<file>', 'lockstep.yaml')
    .action(() =>
      start(async () => {
        throw new LockstepError('USAGE', 'lockstep failover is not there yet');
      }),
    );
}
