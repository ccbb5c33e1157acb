// `lockstep status FILE`: one screen about a replication group; exit code 1 when a failover now would be unsafe.
import { Command } from 'commander';
import { type ExitCode, exitCodes } from '../../errors.ts';
import { person } from '../fleet/fleet.ts';
import { loadFile } from '../load-file.ts';
import { formatJson } from '../output/json.ts';
import type { CommandContext, Start } from '../program.ts';
import { statusText } from './status-text.ts';

interface StatusOptions {
  readonly group?: string;
  readonly json?: true;
}

/** A command that is interrupted leaves its regions first, ms. */
const stopMsMax = 2_000;

export function statusCommand(start: Start): Command {
  return new Command('status')
    .description('roles, links and lag of a replication group, and what a failover now would lose')
    .argument('<file>', 'lockstep.yaml, or mm2.properties')
    .option('--group <group>', 'replication group; may be left out where the file has one')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit code 1: something would make a failover unsafe; each reason is told with a remedy.',
    )
    .action((file: string, options: StatusOptions) =>
      start((context) => status(file, options, context), { stopMsMax }),
    );
}

async function status(file: string, options: StatusOptions, context: CommandContext): Promise<ExitCode> {
  const { output } = context;
  const topology = await loadFile(file, context);
  const { groupNamed, openGroup } = await import('../../failover/open-group.ts');
  const { lookAtGroup } = await import('../../failover/standing/index.ts');
  await using group = await openGroup(topology, groupNamed(topology, options.group), {
    by: person(),
    onWarning: (text) => output.message(`lockstep: ${text}`),
  });
  const standing = await lookAtGroup(group);
  const isSafe = standing.problems.length === 0;
  output.data(options.json === true ? formatJson({ isSafe, ...standing }) : statusText(standing, output));
  return isSafe ? exitCodes.ok : exitCodes.no;
}
