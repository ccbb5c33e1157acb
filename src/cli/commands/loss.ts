// `lockstep loss`: what failovers left behind.
import { Command } from 'commander';
import { LockstepError } from '../../errors.ts';
import type { Start } from '../program.ts';

export function lossCommand(start: Start): Command {
  return new Command('loss')
    .description('what failovers left behind')
    .argument('<file>', 'lockstep.yaml')
    .action(() =>
      start(async () => {
        throw new LockstepError('USAGE', 'lockstep loss is not there yet');
      }),
    );
}
