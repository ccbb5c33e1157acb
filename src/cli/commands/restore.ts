// `lockstep restore`: make a lost region a mirror again, its divergent tail kept.
import { Command } from 'commander';
import { LockstepError } from '../../errors.ts';
import type { Start } from '../program.ts';

export function restoreCommand(start: Start): Command {
  return new Command('restore')
    .description('make a lost region a mirror again, its divergent tail kept')
    .argument('<region>', 'the region that comes back')
    .argument('<file>', 'lockstep.yaml')
    .action(() =>
      start(async () => {
        throw new LockstepError('USAGE', 'lockstep restore is not there yet');
      }),
    );
}
