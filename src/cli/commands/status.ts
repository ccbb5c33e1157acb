// `lockstep status`: roles, links and lag of a replication group, and what a failover now would lose.
import { Command } from 'commander';
import { LockstepError } from '../../errors.ts';
import type { Start } from '../program.ts';

export function statusCommand(start: Start): Command {
  return new Command('status')
    .description('roles, links and lag of a replication group, and what a failover now would lose')
    .argument('<file>', 'lockstep.yaml')
    .action(() =>
      start(async () => {
        throw new LockstepError('USAGE', 'lockstep status is not there yet');
      }),
    );
}
