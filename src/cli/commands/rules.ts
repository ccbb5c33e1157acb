// `lockstep rules show`: where data must not be copied, as the fleet knows it. `lockstep rules apply FILE`: the explicit
// word that changes it.
//
// Agents that start with a file never change rules that stand; a person does, and sees the difference first.
import { Command } from 'commander';
import { residencyRules, rulesKey } from '../../control/keys.ts';
import type { CommandBody } from '../../control/records/index.ts';
import { type ExitCode, exitCodes, LockstepError } from '../../errors.ts';
import { labelsText, ruleText, type Topology } from '../../topology/index.ts';
import { acceptedAnswer, answerMsMax, carryOut, changeLines } from '../fleet/carry-out.ts';
import { confirmed } from '../fleet/confirm.ts';
import { type DestinationOptions, withDestination, withFleet } from '../fleet/destination.ts';
import { connectFleet, type Fleet } from '../fleet/fleet.ts';
import { formatAge } from '../fleet/format.ts';
import { loadFile } from '../load-file.ts';
import { formatJson } from '../output/json.ts';
import type { CommandContext, Start } from '../program.ts';

interface ApplyOptions {
  readonly cluster?: string;
  readonly dryRun?: true;
  readonly yes?: true;
}

type ShowOptions = DestinationOptions & { readonly json?: true };

const stopMsMax = 2_000;

export function rulesCommand(start: Start): Command {
  return new Command('rules')
    .description('where data must not be copied (docs/residency.md)')
    .addCommand(
      withDestination(new Command('show').description('the labels and rules that stand in a fleet'))
        .option('--json', 'print JSON')
        .action((options: ShowOptions) => start((context) => show(options, context), { stopMsMax })),
    )
    .addCommand(
      new Command('apply')
        .description("make the labels and rules of a file those of its destinations' fleets")
        .argument('<file>', 'lockstep.yaml; one without rules ends those that stand')
        .option('--cluster <name>', 'only at this destination; default: at all of the file')
        .option('--dry-run', 'only show what would change')
        .option('--yes', 'do not ask')
        .action((file: string, options: ApplyOptions) =>
          start((context) => apply(file, options, context), { stopMsMax }),
        ),
    );
}

async function show(options: ShowOptions, context: CommandContext): Promise<ExitCode> {
  return withFleet(options, context, async ({ state, nowMs, destination }) => {
    const { output } = context;
    const rules = state.rules.get(residencyRules);
    if (options.json === true) {
      output.data(formatJson({ rules: rules ?? null, warnings: state.warnings }));
      return exitCodes.ok;
    }
    for (const warning of state.warnings) output.message(`lockstep: warning: ${warning}`);
    if (rules === undefined) {
      const isNewer = state.foreign.has(rulesKey);
      output.message(
        `lockstep: ${destination}: ${isNewer ? 'rules stand that this version can’t read: nothing is copied' : 'no rules stand'}`,
      );
      return exitCodes.ok;
    }
    const { cluster, generation, place, by, atMs, clusters, topicLabels } = rules;
    output.data(
      [
        `${cluster}  generation ${generation}, from ${place}, by ${by}, ${formatAge(atMs, nowMs())}`,
        ...rules.rules.map((rule) => `rule ${ruleText(rule)}`),
        ...(rules.rules.length === 0 ? ['no rules: everything may be copied'] : []),
        ...Object.entries(clusters).map(([name, { labels }]) => `cluster ${name}: ${labelsText(labels)}`),
        ...topicLabels.map(({ topics, labels }) => `topics ${topics.join(', ')}: ${labelsText(labels)}`),
        '',
      ].join('\n'),
    );
    return exitCodes.ok;
  });
}

async function apply(file: string, options: ApplyOptions, context: CommandContext): Promise<ExitCode> {
  const topology = await loadFile(file, context);
  const { rulesDeclarationOf } = await import('../../agent/declarations.ts');
  const chosen = chosenDestinations(topology, file, options);
  const residency = topology.residency ?? { clusterLabels: {}, topicLabels: [], rules: [] };
  const bodyOf = (name: string): CommandBody => {
    const { rules } = rulesDeclarationOf({ ...topology, residency }, name);
    return { do: 'declareRules', rules: rules!, isChange: true };
  };
  const connect = context.connectFleet ?? connectFleet;
  const eachFleet = async <T>(run: (fleet: Fleet, name: string) => Promise<T>): Promise<T[]> => {
    const results: T[] = [];
    for (const name of chosen) {
      const warn = (text: string) => context.output.message(`lockstep: warning: ${text}`);
      const fleet = await connect(topology.clusters[name]!, warn);
      try {
        results.push(await run(fleet, name));
      } finally {
        await fleet.close();
      }
    }
    return results;
  };
  const isAsked = options.dryRun !== true && options.yes !== true && context.ask !== undefined;
  const changing = isAsked
    ? (await eachFleet((fleet, name) => preview(fleet, name, bodyOf(name), context))).filter(Boolean).length
    : chosen.length;
  if (changing === 0) {
    context.output.message('lockstep: nothing to change');
    return exitCodes.ok;
  }
  const isSure =
    options.dryRun === true ||
    (await confirmed(context, {
      ...(options.yes && { yes: true }),
      ...{ what: `change the rules of ${chosen.join(', ')}`, consequences: [] },
    }));
  if (!isSure) return exitCodes.no;
  await eachFleet((fleet, name) =>
    carryOut(fleet, bodyOf(name), context, {
      ...(options.dryRun && { dryRun: true }),
      titleOf: () => rulesOf(name),
    }),
  );
  return exitCodes.ok;
}

/** @throws LockstepError USAGE */
function chosenDestinations(topology: Topology, file: string, { cluster }: ApplyOptions): readonly string[] {
  const destinations = [...new Set(Object.values(topology.links).map(({ destination }) => destination))];
  if (cluster === undefined) return destinations;
  if (destinations.includes(cluster)) return [cluster];
  throw new LockstepError(
    'USAGE',
    `${file}: no link goes to ${cluster}; its destinations are ${destinations.join(', ')}`,
  );
}

/** Tells the person who is asked next what would change; answers whether anything would. */
async function preview(
  fleet: Fleet,
  name: string,
  body: CommandBody,
  { output, signal }: CommandContext,
): Promise<boolean> {
  const answer = await fleet.send(body, { timeoutMs: answerMsMax, isDryRun: true, signal });
  const { changes } = acceptedAnswer(answer);
  for (const change of changes)
    output.message(changeLines(change, { isDryRun: true, titleOf: () => rulesOf(name) }).trimEnd());
  return changes.some(({ action }) => action !== 'none');
}

function rulesOf(cluster: string): string {
  return `rules of ${cluster}`;
}
