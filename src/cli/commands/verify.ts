// `lockstep verify FILE`: are the mirrors identical to their sources? A partition that could not be compared
// makes the answer no, as one that differs does.
import { Command, InvalidArgumentError } from 'commander';
import { type ExitCode, exitCodes, LockstepError } from '../../errors.ts';
import type { LinkConfig, Topology } from '../../topology/index.ts';
import type { LinkVerdict, Outcome, VerifyReport } from '../../verify/index.ts';
import { chooseLinks, linksOfTopic } from '../choose-links.ts';
import { loadFile } from '../load-file.ts';
import type { Output } from '../output/output.ts';
import { ProgressLine } from '../output/progress.ts';
import { formatTable } from '../output/table.ts';
import { formatBytes, formatDuration } from '../output/units.ts';
import type { CommandContext, Start } from '../program.ts';
import { openVerifiedLink } from '../verified-link.ts';
import { progressOf } from '../verify-progress.ts';

interface VerifyOptions {
  readonly link?: string;
  readonly topic?: string;
  readonly json?: true;
  readonly wait: number;
  readonly watch?: true;
  readonly every?: number;
  readonly bytesPerSecond?: number;
}

export function verifyCommand(start: Start): Command {
  return new Command('verify')
    .description('compare every record of the mirrors with their sources; 0 only if all is identical')
    .argument('<file>', 'lockstep.yaml, or mm2.properties')
    .option('--link <link>', 'only this link')
    .option('--topic <topic>', 'only this topic')
    .option('--json', 'print JSON; with --watch one line each time')
    .option('--wait <seconds>', 'how long mirrors get to arrive at the end', seconds, 30)
    .option('--watch', 'keep verifying what comes, until stopped')
    .option('--every <seconds>', 'with --watch: how often; default 10', seconds)
    .option(
      '--bytes-per-second <bytes>',
      'read no more, both sides together; with --watch 33554432',
      positive,
    )
    .action((file: string, options: VerifyOptions) =>
      start((context) => verify(file, options, context), options.watch === true ? { stopMsMax } : {}),
    );
}

/** A watch that is told to stop still has to say how it ended, ms. */
const stopMsMax = 10_000;

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('Expected a number above 0.');
}

function seconds(text: string): number {
  if (text === '0') return 0;
  return positive(text);
}

async function verify(file: string, options: VerifyOptions, context: CommandContext): Promise<ExitCode> {
  const topology = await loadFile(file, context);
  const links = linksOfTopic(chooseLinks(topology, options.link), options.topic);
  if (options.watch === true) {
    const { watchLinks } = await import('./verify-watch.ts');
    return watchLinks(links, topology, options, context);
  }
  if (options.every !== undefined) throw new LockstepError('USAGE', '--every goes with --watch');
  const { reportAsJson, verifyReport } = await import('../../verify/index.ts');
  const verdicts: LinkVerdict[] = [];
  for (const link of links) verdicts.push(await verifyOne(link, topology, options, context));
  const report = verifyReport(verdicts);
  if (options.json === true) context.output.data(`${reportAsJson(report)}\n`);
  else await print(report, context.output);
  if (report.partitions.length === 0) {
    context.output.message(
      'lockstep: no topic was found to compare, so nothing is proven: the source has none that is meant, or this user lacks READ on them',
    );
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
  const { verifyLink } = await import('../../verify/index.ts');
  const line = new ProgressLine(output);
  const opened = await openVerifiedLink({ link, topology, topic: options.topic });
  try {
    const topics = await opened.topics();
    const startedMs = performance.now();
    return await verifyLink({
      ...opened,
      topics,
      waitMsMax: options.wait * 1_000,
      ...(options.bytesPerSecond !== undefined && { bytesPerSecondMax: options.bytesPerSecond }),
      signal,
      onProgress: (progress) => line.update(progressOf(link.name, progress, performance.now() - startedMs)),
    });
  } finally {
    line.end();
    opened.close();
  }
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
