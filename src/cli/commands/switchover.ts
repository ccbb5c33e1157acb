// `lockstep switchover`: make another region primary as planned, without losing a record.
import { Command } from 'commander';
import { LockstepError } from '../../errors.ts';
import type { Start } from '../program.ts';

export function switchoverCommand(start: Start): Command {
  return new Command('switchover')
    .description('make another region primary as planned, without losing a record')
    .argument('<file>', 'lockstep.yaml')
    .action(() =>
      start(async () => {
        throw new LockstepError('USAGE', 'lockstep switchover is not there yet');
      }),
    );
}
