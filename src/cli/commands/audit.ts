// `lockstep audit FILE`: in which regions each topic is, by which link, and whether it may be there.
import { Command } from 'commander';
import { type ExitCode, exitCodes, LockstepError } from '../../errors.ts';
import { nearestName } from '../../topology/index.ts';
import { loadFile } from '../load-file.ts';
import { formatJson } from '../output/json.ts';
import type { CommandContext, Start } from '../program.ts';

interface AuditOptions {
  readonly topic?: string;
  readonly json?: true;
}

/** A command that is interrupted leaves its regions first, ms. */
const stopMsMax = 2_000;

export function auditCommand(start: Start): Command {
  return new Command('audit')
    .description('every region that each topic is in, by which link, and what a rule forbids there')
    .argument('<file>', 'lockstep.yaml, or mm2.properties')
    .option('--topic <topic>', 'only this topic, by its name in any region')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit code 1: data is where a rule forbids it. 2: the file is wrong, or no region has the\n--topic. 3: nothing forbidden was found, and a region could not be asked.',
    )
    .action((file: string, options: AuditOptions) =>
      start((context) => runAudit(file, options, context), { stopMsMax }),
    );
}

async function runAudit(file: string, options: AuditOptions, context: CommandContext): Promise<ExitCode> {
  const { output } = context;
  const topology = await loadFile(file, context);
  const [{ audit, onlyTopic }, { auditInput, gather }, { auditText }] = await Promise.all([
    import('../audit/audit.ts'),
    import('../audit/gather.ts'),
    import('../audit/text.ts'),
  ]);
  const clusters = await gather(topology, (text) => output.message(`lockstep: ${text}`));
  const all = audit(auditInput(topology, clusters, Date.now()));
  const report = options.topic === undefined ? all : onlyTopic(all, options.topic);
  // Nothing was held against the rules then, and 'ok' would say that it was.
  if (options.topic !== undefined && report.topics.length === 0 && report.isComplete) {
    const names = all.topics.flatMap(({ topic, places }) => [topic, ...places.map((place) => place.topic)]);
    const meant = nearestName(options.topic, [...new Set(names)]);
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    throw new LockstepError('USAGE', `no region of ${file} has a topic ${options.topic}${hint}`);
  }
  output.data(options.json === true ? formatJson(report) : auditText(report, output));
  if (report.forbiddenCount > 0) return exitCodes.no;
  return report.isComplete ? exitCodes.ok : exitCodes.cluster;
}
