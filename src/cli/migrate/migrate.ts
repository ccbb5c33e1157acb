// What `lockstep migrate` does: look, show, ask, write, look again. The work stands in src/migrate.
import { Cluster } from '../../client/index.ts';
import { ControlTopic, LazyControlTopic } from '../../control/index.ts';
import { type ExitCode, exitCodes, LockstepError } from '../../errors.ts';
import {
  type BackPlan,
  closeFormer,
  connectPlace,
  type GroupsPlan,
  goBack,
  inspectLink,
  lookAtSourceGroups,
  type MigrationOptions,
  type MigrationPlan,
  moveGroups,
  planGroups,
  stillRuns,
  takeOver,
  wantedPositions,
} from '../../migrate/index.ts';
import type { LinkConfig, Topology } from '../../topology/index.ts';
import { chooseLinks } from '../choose-links.ts';
import type { MigrateOptions } from '../commands/migrate.ts';
import { confirmed } from '../fleet/confirm.ts';
import { loadFile } from '../load-file.ts';
import { formatJson } from '../output/json.ts';
import { ProgressLine } from '../output/progress.ts';
import { formatBytes, plural } from '../output/units.ts';
import type { CommandContext } from '../program.ts';
import { backText, groupsText, planText } from './plan-text.ts';
import { requireSameNames, type StandingFleet } from './standing-link.ts';

export async function migrate(
  file: string,
  options: MigrateOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const topology = await loadFile(file, context);
  const links = chooseLinks(topology, options.link);
  for (const link of links) requireNoGroup(topology, link);
  let exitCode: ExitCode = exitCodes.ok;
  const results: unknown[] = [];
  for (const link of links) {
    const done = await withClusters(topology, link, options, context, (opened) =>
      options.back === true ? back(opened, options, context) : over(file, opened, options, context),
    );
    if (done.exitCode !== exitCodes.ok) exitCode = done.exitCode;
    results.push(done.result);
  }
  if (options.json === true) context.output.data(formatJson({ links: results }));
  return exitCode;
}

interface Done {
  readonly exitCode: ExitCode;
  readonly result: unknown;
}

/** Where sides change, offsets have to be those of the source. */
function requireNoGroup(topology: Topology, { name }: LinkConfig): void {
  const group = Object.values(topology.groups).find(({ links }) => links.includes(name));
  if (group === undefined) return;
  throw new LockstepError(
    'USAGE',
    `link ${name} belongs to replication group ${group.name}, whose topics keep their offsets on both sides; what MirrorMaker 2 copied has others. Migrate with a file without the group`,
  );
}

async function withClusters(
  topology: Topology,
  link: LinkConfig,
  options: MigrateOptions,
  { output, signal }: CommandContext,
  work: (opened: MigrationOptions) => Promise<Done>,
): Promise<Done> {
  const clusters: Cluster[] = [];
  const onWarning = (text: string): void => output.message(`lockstep: ${text}`);
  let store: LazyControlTopic | null = null;
  const line = new ProgressLine(output);
  try {
    for (const name of [link.source, link.destination])
      clusters.push(await Cluster.connect(topology.clusters[name]!, { onWarning }));
    const [source, destination] = clusters as [Cluster, Cluster];
    const { replicationFactor } = link;
    store = new LazyControlTopic(destination, {
      ...(replicationFactor !== undefined && { replicationFactor }),
      onWarning,
    });
    const fleet = await fleetOf(destination, onWarning);
    if (options.back !== true) requireSameNames(link, fleet, topology.file);
    return await work({
      ...{ link, source, destination, store, signal },
      topics: options.topics,
      connect: await connectPlace(topology.file, link, {
        offsetsTopic: options.offsetsTopic,
        group: options.connectGroup,
      }),
      onProgress: ({ partitionsDone, partitionsTotal, bytesRead }) =>
        line.update({
          label: `compare ${link.name}`,
          done: partitionsDone,
          total: partitionsTotal,
          detail: `${partitionsDone} of ${plural(partitionsTotal, 'partition')}, ${formatBytes(bytesRead)} read`,
        }),
      mirrors: fleet.mirrors,
    });
  } finally {
    line.end();
    await store?.close();
    for (const cluster of clusters) cluster.close();
  }
}

async function fleetOf(destination: Cluster, onWarning: (text: string) => void): Promise<StandingFleet> {
  const control = await ControlTopic.open(destination, { mayCreate: false, onWarning });
  try {
    return { links: new Map(control.state.links), mirrors: [...control.state.mirrors.values()] };
  } finally {
    await control.close();
  }
}

/** Moves over. */
async function over(
  file: string,
  opened: MigrationOptions,
  options: MigrateOptions,
  { output, ask }: CommandContext,
): Promise<Done> {
  const { source, destination, link } = opened;
  const movesGroups = link.sync.groups.commits || options.groups === true;
  const positions = movesGroups ? await lookAtSourceGroups(source, link) : null;
  const plan = await inspectLink(opened, wantedPositions(positions));
  const groups = await planGroups(destination, link, positions, plan);
  const isPrinted = options.json !== true;
  if (isPrinted) output.data(planText(plan, file, output) + groupsText(groups));
  if (!movesGroups && link.groups.length > 0)
    output.message(
      `lockstep: link ${link.name} commits no positions of groups (sync.group.offsets.enabled=false), so none is moved; --groups moves them once`,
    );
  const left = plan.topics.filter(({ decision }) => decision === 'beside');
  const untold = groups.untold.length;
  const verdict = left.length > 0 || untold > 0 ? exitCodes.no : exitCodes.ok;
  const result = (isDone: boolean): unknown => ({ ...asJson(plan, groups), isDone });
  if (options.dryRun === true) {
    const exitCode = plan.members.length > 0 ? exitCodes.no : verdict;
    return { exitCode, result: result(false) };
  }
  if (plan.members.length > 0) throw stillRuns(plan.destination, plan.connect.group, plan.members);
  const taking = plan.topics.filter(({ decision }) => decision === 'continue');
  const commits = groups.plans.flatMap((each) => each.positions).filter(({ commit }) => commit !== null);
  if (taking.length + commits.length === 0) {
    if (isPrinted) output.message('lockstep: nothing is to be taken over');
    return { exitCode: verdict, result: result(true) };
  }
  const what = `Take over ${plural(taking.length, 'topic')} and move ${plural(commits.length, 'position')} of groups`;
  const consequences = ['MirrorMaker 2 must not be started again before lockstep migrate --back.'];
  const isAgreed = await confirmed({ output, ...(ask && { ask }) }, { ...pick(options), what, consequences });
  if (!isAgreed) return { exitCode: exitCodes.no, result: result(false) };
  const moved = await carryOut(opened, plan, positions);
  const refusals = [...moved].filter(([, { refusal }]) => refusal !== null);
  for (const [group, { refusal }] of refusals)
    output.message(`lockstep: group ${group}: ${refusal!.state}: ${refusal!.reason}`);
  if (isPrinted) {
    const topics = taking.length === 0 ? '' : `${plural(taking.length, 'topic')} taken over. `;
    output.message(`lockstep: ${topics}Go on with: lockstep run ${file}`);
  }
  return { exitCode: refusals.length > 0 ? exitCodes.no : verdict, result: result(true) };
}

/**
 * Where a former life had to be closed, the logs end elsewhere than in the plan that was shown: all is looked at again.
 * Groups of the destination always are: an answer can take long, and they go on meanwhile.
 */
async function carryOut(
  opened: MigrationOptions,
  plan: MigrationPlan,
  positions: Awaited<ReturnType<typeof lookAtSourceGroups>>,
): ReturnType<typeof moveGroups> {
  const { destination, link } = opened;
  const isClosed = await closeFormer(opened, plan);
  const now = isClosed ? await inspectLink(opened, wantedPositions(positions)) : plan;
  await takeOver(opened, now);
  return moveGroups(destination, await planGroups(destination, link, positions, now));
}

/** Gives back. */
async function back(
  opened: MigrationOptions,
  options: MigrateOptions,
  { output, ask }: CommandContext,
): Promise<Done> {
  const isPrinted = options.json !== true;
  const show = (plan: BackPlan): void => {
    if (isPrinted) output.data(backText(plan));
  };
  const plan = await goBack({ ...opened, isDryRun: true });
  const exitCodeOf = ({ topics }: BackPlan): ExitCode =>
    topics.some(({ reason }) => reason !== null) ? exitCodes.no : exitCodes.ok;
  if (options.dryRun === true) {
    show(plan);
    return { exitCode: exitCodeOf(plan), result: { ...plan, isDone: false } };
  }
  const count = plan.topics.filter(({ reason }) => reason === null).length;
  const what = `Close ${plural(count, 'mirror')} and tell MirrorMaker 2 where to go on`;
  const consequences = ['Lockstep copies nothing of them any more, until lockstep migrate.'];
  const isAgreed = await confirmed({ output, ...(ask && { ask }) }, { ...pick(options), what, consequences });
  if (!isAgreed) return { exitCode: exitCodes.no, result: { ...plan, isDone: false } };
  const done = await goBack({ ...opened, isDryRun: false });
  show(done);
  if (isPrinted) output.message('lockstep: MirrorMaker 2 can be started');
  return { exitCode: exitCodeOf(done), result: { ...done, isDone: true } };
}

function pick({ yes }: MigrateOptions): { yes?: true } {
  return yes === true ? { yes } : {};
}

function asJson(plan: MigrationPlan, groups: GroupsPlan) {
  return {
    ...plan,
    topics: plan.topics.map(({ partitions, ...topic }) => ({
      ...topic,
      partitions: partitions.map(({ positions: _positions, ...partition }) => partition),
    })),
    groups: groups.plans.map(({ groupId, state, reason, positions }) => ({
      ...{ group: groupId, state, reason },
      positions: positions.map(({ mirrorTopic, partition, wanted, destination, commit }) => ({
        ...{ topic: mirrorTopic, partition, wanted, destination },
        isCommitted: commit !== null,
      })),
    })),
    untold: groups.untold,
  };
}
