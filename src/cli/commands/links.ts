// `lockstep links`: which sources a destination follows. All of it is kept by the fleet, in the destination's Kafka.
import { Command, InvalidArgumentError } from 'commander';
import { type ExitCode, exitCodes, LockstepError } from '../../errors.ts';
import { type ChangeOptions, carryOut } from '../fleet/carry-out.ts';
import { confirmed } from '../fleet/confirm.ts';
import { describeAgents, describeLink } from '../fleet/describe.ts';
import { type DestinationOptions, withDestination, withFleet } from '../fleet/destination.ts';
import { agentsTable, formatLag, linkFacts, linksTable, mirrorsTable } from '../fleet/format.ts';
import {
  altered,
  checkLink,
  collect,
  configChanges,
  type LinkOptions,
  sourceReference,
  withLinkOptions,
} from '../fleet/link-options.ts';
import { linkNamed, mirrorsOf } from '../fleet/names.ts';
import { tellNotices } from '../fleet/notices.ts';
import { formatJson } from '../output/json.ts';
import { plural } from '../output/units.ts';
import type { CommandContext, Start } from '../program.ts';

/** A command that is interrupted leaves its fleet first, ms. */
const stopMsMax = 2_000;

type Listing = DestinationOptions & { readonly json?: true };
type Changing = DestinationOptions & ChangeOptions;
type Create = Changing & LinkOptions;
type Alter = Changing & LinkOptions & { readonly unset?: readonly string[]; readonly ifGeneration?: number };
type Delete = Changing & { readonly withMirrors?: true; readonly yes?: true };

export function linksCommand(start: Start): Command {
  const leaf = (name: string, description: string): Command =>
    withDestination(new Command(name).description(description)).option('--json', 'print JSON');
  const changing = (name: string, description: string): Command =>
    leaf(name, description).option('--dry-run', 'say what would change, and change nothing');
  return new Command('links')
    .description('create, list, describe, alter and delete the links of a fleet')
    .addCommand(
      withLinkOptions(changing('create', 'create a link: topics of a source, kept identical here'))
        .argument('<name>', 'the link’s name')
        .action((name: string, options: Create) =>
          start((context) => create(name, options, context), { stopMsMax }),
        ),
    )
    .addCommand(
      leaf('list', 'every link, with its mirrors counted').action((options: Listing) =>
        start((context) => list(options, context), { stopMsMax }),
      ),
    )
    .addCommand(
      leaf('describe', 'links with their settings, mirrors and agents')
        .argument('[names...]', 'default: all')
        .action((names: string[], options: Listing) =>
          start((context) => describe(names, options, context), { stopMsMax }),
        ),
    )
    .addCommand(
      withLinkOptions(changing('alter', 'change a link while it runs'))
        .argument('<name>', 'the link’s name')
        .option('--unset <list>', 'keys that go back to their default; may be repeated', collect)
        .option('--if-generation <number>', 'only if the link still has this generation', generation)
        .action((name: string, options: Alter) =>
          start((context) => alter(name, options, context), { stopMsMax }),
        ),
    )
    .addCommand(
      changing('delete', 'forget a link; topics stay as they are')
        .argument('<name>', 'the link’s name')
        .option(
          '--with-mirrors',
          'also where mirrors are not promoted: they are closed, and their topics stay',
        )
        .option('--yes', 'do not ask')
        .action((name: string, options: Delete) =>
          start((context) => remove(name, options, context), { stopMsMax }),
        ),
    );
}

function generation(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number.');
}

async function create(name: string, options: Create, context: CommandContext): Promise<ExitCode> {
  const source = sourceReference(options);
  if (source === undefined)
    throw new LockstepError(
      'USAGE',
      'which source? Name it with --source-bootstrap HOST:PORT or --source-config FILE',
    );
  const config = configChanges(options);
  if (config.topics === undefined)
    throw new LockstepError('USAGE', 'which topics? Name them with --topics, ".*" for all');
  return withFleet(options, context, (fleet) => {
    const link = { name, source, destination: fleet.destination, config };
    checkLink(link);
    return carryOut(fleet, { do: 'createLink', link }, context, options);
  });
}

async function list(options: Listing, context: CommandContext): Promise<ExitCode> {
  return withFleet(options, context, async ({ state, nowMs, destination }) => {
    const atMs = nowMs();
    const links = [...state.links.values()].map((link) => describeLink(state, link, atMs));
    const agents = describeAgents(state, atMs);
    const { output } = context;
    if (options.json === true) {
      const shown = links.map(({ mirrors, ...link }) => ({ ...link, mirrorCount: mirrors.length }));
      output.data(formatJson({ atMs, links: shown, agents, warnings: state.warnings }));
      return exitCodes.ok;
    }
    if (links.length > 0) output.data(linksTable(links));
    else output.message(`lockstep: ${destination} has no links yet; create one with: lockstep links create`);
    tellNotices(state.warnings, agents, context, atMs);
    return exitCodes.ok;
  });
}

async function describe(
  names: readonly string[],
  options: Listing,
  context: CommandContext,
): Promise<ExitCode> {
  return withFleet(options, context, async (fleet) => {
    const { state, nowMs } = fleet;
    const atMs = nowMs();
    const records =
      names.length === 0 ? [...state.links.values()] : names.map((name) => linkNamed(fleet, name));
    const links = records.map((link) => describeLink(state, link, atMs));
    const agents = describeAgents(state, atMs);
    const { output } = context;
    if (options.json === true) {
      output.data(formatJson({ atMs, links, agents, warnings: state.warnings }));
      return exitCodes.ok;
    }
    for (const link of links) {
      output.data(`${linkFacts(link, atMs)}\n`);
      if (link.mirrors.length > 0) output.data(`${mirrorsTable(link.mirrors, atMs)}\n`);
    }
    if (links.length === 0) output.message(`lockstep: ${fleet.destination} has no links yet`);
    if (agents.length > 0) output.data(agentsTable(agents, atMs));
    tellNotices(state.warnings, agents, context, atMs);
    return exitCodes.ok;
  });
}

async function alter(name: string, options: Alter, context: CommandContext): Promise<ExitCode> {
  return withFleet(options, context, async (fleet) => {
    const link = linkNamed(fleet, name);
    const changes = configChanges(options, { before: link.config, unset: options.unset ?? [] });
    const source = sourceReference(options, link.source);
    if (Object.keys(changes).length === 0 && source === undefined)
      throw new LockstepError('USAGE', 'nothing to change: say what, for example --topics, --set or --unset');
    // What was put together from the link as it is here must not undo what somebody else does meanwhile.
    const isMerged = [...(options.set ?? []), ...(options.unset ?? [])].some((key) =>
      key.split('=')[0]!.includes('.'),
    );
    checkLink({ ...link, source: source ?? link.source, config: altered(link.config, changes) });
    const ifGeneration =
      options.ifGeneration ?? (isMerged || source !== undefined ? link.generation : undefined);
    return carryOut(
      fleet,
      {
        do: 'alterLink',
        link: name,
        changes,
        ...(source && { source }),
        ...(ifGeneration !== undefined && { ifGeneration }),
      },
      context,
      options,
    );
  });
}

/** Mirrors are closed first, which takes a moment for each; ms. */
const closeMsMax = 120_000;

async function remove(name: string, options: Delete, context: CommandContext): Promise<ExitCode> {
  return withFleet(options, context, async (fleet) => {
    const link = linkNamed(fleet, name);
    const withMirrors = options.withMirrors === true;
    const open = mirrorsOf(fleet, name).filter(({ state }) => state !== 'Promoted');
    const lag = formatLag(describeLink(fleet.state, link, fleet.nowMs()));
    const consequences = [
      `link ${name} from ${link.source.name} to ${fleet.destination} is forgotten`,
      ...(withMirrors && open.length > 0
        ? [
            `${plural(open.length, 'mirror')} ${open.length === 1 ? 'is' : 'are'} closed as by promote --now, with a lag of ${lag}; the topics stay`,
          ]
        : []),
    ];
    const isSure =
      options.dryRun === true ||
      (await confirmed(context, {
        ...(options.yes && { yes: true }),
        what: `delete link ${name}`,
        consequences,
      }));
    if (!isSure) return exitCodes.no;
    return carryOut(fleet, { do: 'deleteLink', link: name, withMirrors }, context, {
      ...options,
      timeoutMs: closeMsMax,
    });
  });
}
