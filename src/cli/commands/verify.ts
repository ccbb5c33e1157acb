// `lockstep verify FILE`: are the mirrors identical to their sources? A partition that could not be compared
// makes the answer no, as one that differs does.
import { Command } from 'commander';
import type { Cluster } from '../../client/index.ts';
import { type ExitCode, exitCodes, LockstepError } from '../../errors.ts';
import { type LinkConfig, literalTopics, matchesTopic, type Topology } from '../../topology/index.ts';
import type { LinkProgress, LinkVerdict, Outcome, VerifyReport } from '../../verify/index.ts';
import { chooseLinks, linksOfTopic } from '../choose-links.ts';
import { loadFile } from '../load-file.ts';
import type { Output } from '../output/output.ts';
import { ProgressLine } from '../output/progress.ts';
import { formatTable } from '../output/table.ts';
import { formatBytes, formatBytesPerSecond, formatCount, formatDuration } from '../output/units.ts';
import type { CommandContext, Start } from '../program.ts';

interface VerifyOptions {
  readonly link?: string;
  readonly topic?: string;
  readonly json?: true;
}

export function verifyCommand(start: Start): Command {
  return new Command('verify')
    .description('compare every record of the mirrors with their sources; 0 only if all is identical')
    .argument('<file>', 'lockstep.yaml')
    .option('--link <link>', 'only this link')
    .option('--topic <topic>', 'only this topic')
    .option('--json', 'print JSON')
    .action((file: string, options: VerifyOptions) => start((context) => verify(file, options, context)));
}

async function verify(file: string, options: VerifyOptions, context: CommandContext): Promise<ExitCode> {
  const topology = await loadFile(file, context);
  const links = linksOfTopic(chooseLinks(topology, options.link), options.topic);
  const { reportAsJson, verifyReport } = await import('../../verify/index.ts');
  const verdicts: LinkVerdict[] = [];
  for (const link of links) verdicts.push(await verifyOne(link, topology, options, context));
  const report = verifyReport(verdicts);
  if (options.json === true) context.output.data(`${reportAsJson(report)}\n`);
  else await print(report, context.output);
  if (report.partitions.length === 0) {
    context.output.message('lockstep: no topic was found to compare, so nothing is proven');
    return exitCodes.no;
  }
  return report.outcome === 'identical' ? exitCodes.ok : exitCodes.no;
}

async function verifyOne(
  link: LinkConfig,
  topology: Topology,
  options: VerifyOptions,
  { output, signal }: CommandContext,
): Promise<LinkVerdict> {
  const [{ Cluster }, { verifyLink }] = await Promise.all([
    import('../../client/index.ts'),
    import('../../verify/index.ts'),
  ]);
  const clusters: Cluster[] = [];
  const line = new ProgressLine(output);
  try {
    for (const name of [link.source, link.destination]) {
      const config = topology.clusters[name];
      if (config === undefined)
        throw new LockstepError('INTERNAL', `link ${link.name} names no cluster ${name}`);
      clusters.push(await Cluster.connect(config));
    }
    const [source, destination] = clusters as [Cluster, Cluster];
    const topics = await topicsOf(link, source, options.topic);
    const startedMs = performance.now();
    return await verifyLink({
      source,
      destination,
      topics: topics.map((topic) => ({ source: topic, destination: topic })),
      signal,
      onProgress: (progress) => line.update(progressOf(link.name, progress, performance.now() - startedMs)),
    });
  } finally {
    line.end();
    for (const cluster of clusters) cluster.close();
  }
}

/** Topics of the source that the link takes, and those that the file names and the source lacks. */
async function topicsOf(link: LinkConfig, source: Cluster, only: string | undefined): Promise<string[]> {
  if (only !== undefined) return [only];
  const { topics } = await source.metadata();
  const found = [...topics.keys()].filter((topic) => matchesTopic(link, topic));
  const named = literalTopics(link).filter((topic) => matchesTopic(link, topic));
  return [...new Set([...found, ...named])].sort();
}

function progressOf(link: string, progress: LinkProgress, elapsedMs: number) {
  const { partitionsDone, partitionsTotal, offsetsCompared, offsetsTotal, bytesRead } = progress;
  const rate = formatBytesPerSecond((bytesRead / Math.max(elapsedMs, 1)) * 1_000);
  return {
    label: `verify ${link}`,
    done: Number(offsetsCompared),
    total: Number(offsetsTotal),
    detail: `${partitionsDone} of ${partitionsTotal} partitions  ${formatCount(offsetsCompared)} offsets  ${rate}`,
  };
}

const colours = { identical: 'green', different: 'red', incomplete: 'yellow' } as const satisfies Record<
  Outcome,
  string
>;

async function print(report: VerifyReport, output: Output): Promise<void> {
  const { reportRows, reportSummary } = await import('../../verify/index.ts');
  const [titles = [], ...rows] = reportRows(report);
  const right = new Set(['PARTITION', 'OFFSETS', 'RECORDS']);
  const verdictColumn = titles.indexOf('VERDICT');
  const painted = rows.map((row, index) => {
    const outcome = report.partitions[index]?.outcome;
    return row.map((cell, column) =>
      column === verdictColumn && outcome !== undefined ? output.paint(colours[outcome], cell) : cell,
    );
  });
  output.data(
    formatTable(
      titles.map((title) => ({ title, align: right.has(title) ? 'right' : 'left' })),
      painted,
    ),
  );
  const { bytesRead } = report.totals;
  output.data(`${reportSummary(report)}\n`);
  output.message(`${formatBytes(bytesRead)} read in ${formatDuration(report.elapsedMs)}`);
}
