// `lockstep run FILE`: one agent in the foreground, until it is told to stop.
// On a terminal one line per link is drawn over every second; elsewhere a line per link every five seconds.
import { Command, Option } from 'commander';
import type { AgentStatus } from '../../agent/index.ts';
import { type ExitCode, exitCodes, LockstepError } from '../../errors.ts';
import type { LinkStatus } from '../../link/index.ts';
import type { Topology } from '../../topology/index.ts';
import { chooseLinks, inClusters } from '../choose-links.ts';
import { httpAddress } from '../http-address.ts';
import { formatSummary, summarizeLink } from '../link-summary.ts';
import { loadFile } from '../load-file.ts';
import { LiveBlock } from '../output/live-block.ts';
import type { Output } from '../output/output.ts';
import { packageVersion } from '../package-version.ts';
import { placesOf } from '../places.ts';
import type { CommandContext, Start } from '../program.ts';
import { type PlaceOfLink, ToldChanges } from '../told-changes.ts';

/** Time between two statuses, ms. */
const statusMs = { terminal: 1_000, plain: 5_000 } as const;

/** The agent itself waits 15 s for appends under way; then it has to end, ms. */
const stopMsMax = 20_000;

interface RunOptions {
  readonly alone?: true;
  readonly clusters?: readonly string[];
  readonly http?: { readonly host: string; readonly port: number };
  readonly link?: string;
}

export function runCommand(start: Start): Command {
  return new Command('run')
    .description('mirror the links of a file until stopped (Ctrl-C or SIGTERM)')
    .argument('<file>', 'lockstep.yaml, or the mm2.properties of MirrorMaker 2')
    .option('--link <link>', 'only this link')
    .option('--clusters <names...>', 'only what ends in these clusters, as of connect-mirror-maker.sh')
    .option('--http <host:port>', 'where its API and metrics listen; default: nowhere', httpAddress)
    .addOption(new Option('--alone', 'for tests: without a fleet, every partition here').hideHelp())
    .action((file: string, options: RunOptions) =>
      start((context) => run(file, options, context), { stopMsMax }),
    );
}

async function run(file: string, options: RunOptions, context: CommandContext): Promise<ExitCode> {
  const whole = await loadFile(file, context);
  const topology = inClusters(whole, options.clusters);
  const isBeatingAlone = Object.keys(topology.links).length === 0 && topology.heartbeats.length > 0;
  const links = isBeatingAlone && options.link === undefined ? [] : chooseLinks(topology, options.link);
  if (options.alone === true && (topology.residency?.rules.length ?? 0) > 0)
    throw new LockstepError('USAGE', '--alone keeps no rules, and the file has some: run it in a fleet');
  const { runAlone, runFile } = await import('../../agent/index.ts');
  const { output, signal } = context;
  const view = new AgentView(output, placesOf(topology), whole);
  for (const note of topology.notes ?? []) output.message(note);
  for (const link of links) {
    output.message(
      `lockstep: ${link.name}: from ${link.source} to ${link.destination}, topics ${link.topics.join(', ')}`,
    );
  }
  for (const [destination, beats] of Map.groupBy(topology.heartbeats, (beat) => beat.destination)) {
    const sources = beats.map(({ sourceAlias }) => sourceAlias).join(', ');
    output.message(`lockstep: heartbeats into ${destination}, as of ${sources}`);
  }
  signal.addEventListener(
    'abort',
    () => view.message('lockstep: stopping; appends under way are waited for'),
    { once: true },
  );
  const runLinks = options.alone === true ? runAlone : runFile;
  await runLinks({
    topology,
    version: packageVersion(),
    environment: context.environment,
    ...(options.link !== undefined && { link: options.link }),
    ...(options.http && { http: options.http }),
    signal,
    statusEveryMs: output.isTerminal ? statusMs.terminal : statusMs.plain,
    onStatus: (status) => view.show(status),
    onNotice: (link, { level, text }) =>
      view.message(`${link ?? 'lockstep'}: ${level === 'warning' ? 'warning: ' : ''}${text}`),
  });
  output.message('lockstep: stopped cleanly');
  return exitCodes.ok;
}

/** Shows an agent's statuses one after another. */
class AgentView {
  readonly #output: Output;
  readonly #block: LiveBlock;
  readonly #changes: ToldChanges;
  readonly #file: Topology;
  readonly #toldStrangers = new Set<string>();
  #before: AgentStatus | undefined;

  constructor(output: Output, placeOf: PlaceOfLink, file: Topology) {
    this.#output = output;
    this.#file = file;
    this.#changes = new ToldChanges(placeOf);
    this.#block = new LiveBlock(output);
  }

  show(status: AgentStatus): void {
    const before = this.#before;
    this.#before = status;
    const elapsedMs = before === undefined ? 0 : status.atMs - before.atMs;
    const lines = status.links.map((link) => {
      this.#tellStranger(link);
      const earlier = before?.links.find((each) => each.name === link.name);
      for (const change of this.#changes.linesOf(link, status.atMs)) this.message(change);
      return formatSummary(summarizeLink(link, earlier, elapsedMs));
    });
    if (this.#output.isTerminal) this.#block.show(lines);
    else for (const line of lines) this.#output.message(`${new Date(status.atMs).toISOString()}  ${line}`);
  }

  /** A link that was declared before, and taken out of the file since, or its flow disabled: nobody has deleted it. */
  #tellStranger({ name: link, destination }: LinkStatus): void {
    if (Object.hasOwn(this.#file.links, link) || this.#toldStrangers.has(link)) return;
    this.#toldStrangers.add(link);
    const { file } = this.#file;
    const where = `--file ${file} --cluster ${destination}`;
    this.message(
      `lockstep: ${link}: is not in ${file} and goes on as it was declared; \`lockstep mirrors pause --link ${link} --all ${where}\` holds it, \`lockstep links delete ${link} --with-mirrors ${where}\` ends it for good`,
    );
  }

  message(line: string): void {
    if (this.#output.isTerminal) this.#block.message(line);
    else this.#output.message(line);
  }
}
