// `lockstep mirrors`: the topics of a link, each with a life of its own: created, paused, resumed, promoted, deleted.
import { Command, InvalidArgumentError } from 'commander';
import type { ConditionRecord, MirrorRecord } from '../../control/index.ts';
import { type ExitCode, exitCodes, LockstepError } from '../../errors.ts';
import { parseDurationMs } from '../../topology/index.ts';
import { type ChangeOptions, carryOut } from '../fleet/carry-out.ts';
import { confirmed } from '../fleet/confirm.ts';
import { describeAgents, describeMirror, type MirrorDescription } from '../fleet/describe.ts';
import { type DestinationOptions, withDestination, withFleet } from '../fleet/destination.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { mirrorDetails, mirrorsTable } from '../fleet/format.ts';
import { chosenMirrors, linkNamed, mirrorsNamed, mirrorsOf } from '../fleet/names.ts';
import { tellNotices } from '../fleet/notices.ts';
import { progressLines, promotedTable } from '../fleet/promotion.ts';
import { formatJson } from '../output/json.ts';
import { plural } from '../output/units.ts';
import type { CommandContext, Start } from '../program.ts';
import { type PromoteOptions, promote } from './mirrors-promote.ts';

/** A command that is interrupted leaves its fleet first, ms. */
const stopMsMax = 2_000;
/** What closing the partitions takes at most, ms. */
const closeMsMax = 120_000;

type Listing = DestinationOptions & { readonly link?: string; readonly json?: true };
type Changing = DestinationOptions & ChangeOptions & { readonly link: string };
type OnMirrors = Changing & { readonly all?: true };
type Delete = OnMirrors & { readonly yes?: true };

export function mirrorsCommand(start: Start): Command {
  const leaf = (name: string, description: string): Command =>
    withDestination(new Command(name).description(description)).option('--json', 'print JSON');
  const changing = (name: string, description: string): Command =>
    leaf(name, description)
      .requiredOption('--link <link>', 'the mirrors’ link')
      .option('--dry-run', 'say what would change, and change nothing');
  const onMirrors = (name: string, description: string): Command =>
    changing(name, description)
      .argument('[topics...]', 'topics, named as at the source')
      .option('--all', 'every mirror of the link');
  return new Command('mirrors')
    .description('create, list, describe, pause, resume, promote and delete mirrors')
    .addCommand(
      changing('create', 'mirror more topics of a link’s source')
        .argument('<topics...>', 'topics, named as at the source')
        .action((topics: string[], options: Changing) =>
          start((context) => create(topics, options, context), { stopMsMax }),
        ),
    )
    .addCommand(
      leaf('list', 'every mirror, with its state and lag')
        .option('--link <link>', 'only those of this link')
        .action((options: Listing) => start((context) => list(options, context), { stopMsMax })),
    )
    .addCommand(
      leaf('describe', 'mirrors with a line for each partition')
        .argument('[topics...]', 'topics, named as at the source; default: all')
        .option('--link <link>', 'only those of this link')
        .action((topics: string[], options: Listing) =>
          start((context) => describe(topics, options, context), { stopMsMax }),
        ),
    )
    .addCommand(
      onMirrors('pause', 'stop copying; the mirror stays as it is').action(
        (topics: string[], options: OnMirrors) =>
          start((context) => change('pauseMirrors', topics, options, context), { stopMsMax }),
      ),
    )
    .addCommand(
      onMirrors('resume', 'go on where the mirror ends').action((topics: string[], options: OnMirrors) =>
        start((context) => change('resumeMirrors', topics, options, context), { stopMsMax }),
      ),
    )
    .addCommand(
      onMirrors(
        'promote',
        'make mirrors topics of their own: waits for writes to stop and the lag to be gone',
      )
        .option('--now', 'at once, with what there is: also when the source is gone')
        .option('--timeout <time>', 'how long to wait for the lag to be gone; default 60s', time)
        .option('--yes', 'do not ask')
        .action((topics: string[], options: PromoteOptions) =>
          start((context) => promote(topics, options, context), { stopMsMax }),
        ),
    )
    .addCommand(
      onMirrors('delete', 'forget mirrors; their topics stay, closed for the link')
        .option('--yes', 'do not ask')
        .action((topics: string[], options: Delete) =>
          start((context) => remove(topics, options, context), { stopMsMax }),
        ),
    );
}

const timeMsMax = 24 * 3_600_000;

/** In ms. */
function time(text: string): number {
  const ms = parseDurationMs(text);
  if (ms !== undefined && ms > 0 && ms <= timeMsMax) return ms;
  throw new InvalidArgumentError('Expected a time from 1ms to 24h, such as 60s or 5min.');
}

async function create(
  topics: readonly string[],
  options: Changing,
  context: CommandContext,
): Promise<ExitCode> {
  return withFleet(options, context, (fleet) => {
    const link = linkNamed(fleet, options.link).name;
    return carryOut(fleet, { do: 'createMirrors', link, topics: [...new Set(topics)] }, context, options);
  });
}

async function list(options: Listing, context: CommandContext): Promise<ExitCode> {
  return withFleet(options, context, async (fleet) => {
    const atMs = fleet.nowMs();
    const mirrors = listed(fleet, options, []).map((mirror) => describeMirror(fleet.state, mirror, atMs));
    const agents = describeAgents(fleet.state, atMs);
    const { output } = context;
    const forbidden = forbiddenTopics(fleet, options.link);
    if (options.json === true) {
      const shown = mirrors.map(({ partitions: _, ...mirror }) => mirror);
      const kept = forbidden.map(([name, { reason, sinceMs }]) => ({ name, reason, sinceMs }));
      output.data(
        formatJson({ atMs, mirrors: shown, forbidden: kept, agents, warnings: fleet.state.warnings }),
      );
      return exitCodes.ok;
    }
    if (mirrors.length > 0) output.data(mirrorsTable(mirrors, atMs));
    else output.message('lockstep: no mirrors yet');
    for (const [name, { state, reason }] of forbidden)
      output.message(`lockstep: ${name} has no mirror: ${state}: ${reason}`);
    tellNotices(fleet.state.warnings, agents, context, atMs);
    return exitCodes.ok;
  });
}

/** Topics that links take and rules forbid, of which nothing was created; by link/topic. */
function forbiddenTopics({ state }: Fleet, link: string | undefined): [string, ConditionRecord][] {
  return [...state.conditions].filter(
    ([name, condition]) =>
      condition.state === 'Forbidden' &&
      !state.mirrors.has(name) &&
      (link === undefined || name.startsWith(`${link}/`)),
  );
}

/** @throws LockstepError USAGE for names that are not there. */
function listed(fleet: Fleet, options: Listing, topics: readonly string[]): MirrorRecord[] {
  if (options.link !== undefined) return mirrorsNamed(fleet, linkNamed(fleet, options.link), topics);
  if (topics.length > 0) throw new LockstepError('USAGE', 'topics of which link? Say --link');
  return [...fleet.state.links.keys()].sort().flatMap((link) => mirrorsOf(fleet, link));
}

async function describe(
  topics: readonly string[],
  options: Listing,
  context: CommandContext,
): Promise<ExitCode> {
  return withFleet(options, context, async (fleet) => {
    const atMs = fleet.nowMs();
    const mirrors = listed(fleet, options, topics).map((mirror) => describeMirror(fleet.state, mirror, atMs));
    const agents = describeAgents(fleet.state, atMs);
    const { output } = context;
    if (options.json === true) {
      output.data(formatJson({ atMs, mirrors, agents, warnings: fleet.state.warnings }));
      return exitCodes.ok;
    }
    if (mirrors.length === 0) output.message('lockstep: no mirrors yet');
    for (const mirror of mirrors) output.data(`${detailsOf(mirror, context, atMs)}\n`);
    tellNotices(fleet.state.warnings, agents, context, atMs);
    return exitCodes.ok;
  });
}

/** How a promoted mirror ended says more than what its partitions were told to be before. */
function detailsOf(mirror: MirrorDescription, { output }: CommandContext, atMs: number): string {
  const { promotion, sourceTopic: topic } = mirror;
  const details = mirrorDetails(mirror, output, atMs);
  if (promotion === null || promotion.partitions.length === 0) return details;
  return `${details}${promotedTable([{ topic, partitions: promotion.partitions }], atMs)}`;
}

async function change(
  what: 'pauseMirrors' | 'resumeMirrors',
  topics: readonly string[],
  options: OnMirrors,
  context: CommandContext,
): Promise<ExitCode> {
  return withFleet(options, context, (fleet) => {
    const chosen = chosenMirrors(fleet, topics, options);
    return carryOut(fleet, { do: what, link: options.link, topics: chosen.topics }, context, options);
  });
}

async function remove(
  topics: readonly string[],
  options: Delete,
  context: CommandContext,
): Promise<ExitCode> {
  return withFleet(options, context, async (fleet) => {
    const { topics: chosen, mirrors } = chosenMirrors(fleet, topics, options);
    const described = mirrors.map((mirror) => describeMirror(fleet.state, mirror, fleet.nowMs()));
    const isSure =
      options.dryRun === true ||
      (await confirmed(context, {
        ...(options.yes && { yes: true }),
        what: `delete ${plural(mirrors.length, 'mirror')} of ${options.link}`,
        consequences: [
          `these are forgotten and excluded from the link; their topics stay at ${fleet.destination}, with what they have:`,
          ...progressLines(described),
        ],
      }));
    if (!isSure) return exitCodes.no;
    return carryOut(fleet, { do: 'deleteMirrors', link: options.link, topics: chosen }, context, {
      ...options,
      timeoutMs: closeMsMax,
    });
  });
}
