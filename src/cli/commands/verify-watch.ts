// `lockstep verify --watch FILE`: keeps verifying, one line for each link and round, until it is told to stop. The exit
// code is about all that was seen: a difference stays one, however much has come since.
import { type ExitCode, exitCodes } from '../../errors.ts';
import type { LinkConfig, Topology } from '../../topology/index.ts';
import type { WatchRound } from '../../verify/index.ts';
import { ProgressLine } from '../output/progress.ts';
import { formatBytes, formatBytesPerSecond, formatDuration } from '../output/units.ts';
import type { CommandContext } from '../program.ts';
import { openVerifiedLink } from '../verified-link.ts';
import { progressOf } from '../verify-progress.ts';

export interface WatchOptions {
  readonly topic?: string;
  readonly json?: true;
  /** Seconds. */
  readonly wait: number;
  readonly every?: number;
  readonly bytesPerSecond?: number;
}

export async function watchLinks(
  links: readonly LinkConfig[],
  topology: Topology,
  options: WatchOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { watchDefaults } = await import('../../verify/index.ts');
  const bytesPerSecondMax = (options.bytesPerSecond ?? watchDefaults.bytesPerSecondMax) / links.length;
  const everyMs = options.every === undefined ? watchDefaults.everyMs : options.every * 1_000;
  const bound = formatBytesPerSecond(bytesPerSecondMax * links.length);
  context.output.message(
    `lockstep: verifying every ${formatDuration(everyMs)}, reading at most ${bound}; Ctrl-C ends it`,
  );
  const last = await Promise.all(
    links.map((link) => watchOne(link, topology, { ...options, bytesPerSecondMax, everyMs }, context)),
  );
  return last.every(isProven) ? exitCodes.ok : exitCodes.no;
}

function isProven({ outcome, partitions }: WatchRound): boolean {
  return outcome === 'identical' && partitions.length > 0;
}

async function watchOne(
  link: LinkConfig,
  topology: Topology,
  options: WatchOptions & { bytesPerSecondMax: number; everyMs: number },
  { output, signal }: CommandContext,
): Promise<WatchRound> {
  const { describeDifference, describeNotCompared, describeRound, watchLink, watchRoundAsJson } =
    await import('../../verify/index.ts');
  const { bytesPerSecondMax, everyMs, wait } = options;
  const line = new ProgressLine(output);
  const opened = await openVerifiedLink({ link, topology, topic: options.topic });
  const show = (round: WatchRound, what: string) => {
    line.end();
    if (options.json === true) return output.data(`${watchRoundAsJson(link.name, round)}\n`);
    const at = new Date(round.atMs).toISOString();
    output.data(
      `${at}  ${link.name}  ${what}${describeRound(round)}  ${formatBytes(round.bytesRead)} read\n`,
    );
    for (const { topic, partition, outcome, differences, notCompared } of round.partitions) {
      if (outcome === 'identical') continue;
      const why = [...differences.map(describeDifference), ...notCompared.map(describeNotCompared)];
      output.data(`  ${outcome}  ${topic}-${partition}: ${why.join('; ')}\n`);
    }
  };
  const startedMs = performance.now();
  let isFirst = true;
  try {
    const last = await watchLink({
      ...opened,
      topics: () => opened.topics(),
      waitMsMax: wait * 1_000,
      bytesPerSecondMax,
      everyMs,
      signal,
      onProgress: (progress) => {
        if (isFirst) line.update(progressOf(link.name, progress, performance.now() - startedMs));
      },
      onRound: (round) => {
        isFirst = false;
        show(round, '');
      },
    });
    show(last, 'stopped  ');
    return last;
  } finally {
    line.end();
    opened.close();
  }
}
