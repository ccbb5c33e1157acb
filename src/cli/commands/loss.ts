// `lockstep loss FILE`: what failovers left behind. The newest report is shown, completed first where the lost region
// answers again.
import { Command } from 'commander';
import { type ExitCode, exitCodes, LockstepError } from '../../errors.ts';
import type { StoredLoss } from '../../failover/loss/index.ts';
import type { OpenGroup } from '../../failover/types.ts';
import { person } from '../fleet/fleet.ts';
import { loadFile } from '../load-file.ts';
import { formatJson } from '../output/json.ts';
import { plural } from '../output/units.ts';
import type { CommandContext, Start } from '../program.ts';
import { lossText } from './loss-text.ts';

interface LossOptions {
  readonly group?: string;
  readonly move?: string;
  readonly json?: true;
  readonly markdown?: true;
}

/** A command that is interrupted leaves its regions first, ms. */
const stopMsMax = 2_000;

export function lossCommand(start: Start): Command {
  return new Command('loss')
    .description('what a failover left behind; read exactly once the lost region is back')
    .argument('<file>', 'lockstep.yaml')
    .option('--group <group>', 'replication group; may be left out where the file has one')
    .option('--move <id>', 'an older failover; default: the newest')
    .option('--json', 'print JSON')
    .option('--markdown', 'print a page to send around')
    .action((file: string, options: LossOptions) =>
      start((context) => loss(file, options, context), { stopMsMax }),
    );
}

async function loss(file: string, options: LossOptions, context: CommandContext): Promise<ExitCode> {
  const { output, signal } = context;
  if (options.json === true && options.markdown === true)
    throw new LockstepError('USAGE', 'either --json or --markdown');
  const topology = await loadFile(file, context);
  const { groupNamed, openGroup } = await import('../../failover/open-group.ts');
  const { completeStored, costSentence, lossMarkdown, lossTotals, storedLosses } = await import(
    '../../failover/loss/index.ts'
  );
  const onWarning = (text: string): void => output.message(`lockstep: ${text}`);
  await using group = await openGroup(topology, groupNamed(topology, options.group), {
    by: person(),
    onWarning,
  });
  tellClosed(group, context);
  const all = storedLosses(group);
  const stored = options.move === undefined ? all[0] : named(all, options.move);
  if (stored === undefined) {
    // It stands at the region that became primary, which may be one that does not answer.
    const away = [...group.regions.values()].filter(({ cluster }) => cluster === null);
    if (away.length > 0)
      throw new LockstepError(
        'CLUSTER_UNREACHABLE',
        `no failover of ${group.config.name} is written down at a region that answers; ${away.map(({ name }) => name).join(', ')} may have one: type the same again when that answers`,
      );
    if (options.json === true) output.data(formatJson({ group: group.config.name, loss: null }));
    output.message(`lockstep: no failover of ${group.config.name} is written down at a region that answers`);
    return exitCodes.ok;
  }
  const report = await completeStored({ group, nowMs: Date.now, signal }, stored).catch((error: unknown) => {
    if (!(error instanceof LockstepError)) throw error;
    output.message(`lockstep: the report could not be completed: ${error.message}`);
    return stored.report;
  });
  if (options.json === true) {
    const { missing, ...totals } = lossTotals(report);
    output.data(
      formatJson({
        ...report,
        totals: { ...totals, missing: String(missing), sentence: costSentence(report) },
      }),
    );
  } else output.data(options.markdown === true ? lossMarkdown(report) : lossText(report, output));
  if (all.length > 1 && options.move === undefined)
    output.message(
      `lockstep: ${plural(all.length - 1, 'older failover')}, by --move: ${all
        .slice(1)
        .map((each) => each.report.summary.moveId)
        .join(', ')}`,
    );
  return exitCodes.ok;
}

/** @throws LockstepError USAGE with the ids that there are. */
function named(all: readonly StoredLoss[], id: string): StoredLoss {
  const found = all.find(({ report }) => report.summary.moveId === id);
  if (found !== undefined) return found;
  const ids = all.map(({ report }) => report.summary.moveId).join(', ');
  throw new LockstepError(
    'USAGE',
    `no failover ${id} is written down${ids === '' ? '' : `; there is ${ids}`}`,
  );
}

function tellClosed(group: OpenGroup, { output }: CommandContext): void {
  for (const { name, cluster, ...region } of group.regions.values())
    if (cluster === null && 'reason' in region)
      output.message(`lockstep: ${name} does not answer: ${region.reason}`);
}
