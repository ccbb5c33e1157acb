// Step 1 of a switchover: everything that can be known beforehand. Each question that fails costs its own check.
import { type Cluster, describeConfigs, describeLogDirs, unwrap } from '../../client/index.ts';
import { type MirrorRecord, type MoveRecord, primaryOf } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { settingNames } from '../../link/index.ts';
import { within } from '../../patience.ts';
import { formatBytes, formatDuration, plural } from '../../units.ts';
import { type Checked, CheckFailed, checkedLine, fail, ok, warn } from '../checked.ts';
import { lagOfMirror, lossOfAll, partitionCountOf } from '../lag.ts';
import { clockDifferenceMs, heardAgoMs, livingAgents } from '../living.ts';
import { linksBetween, movedMirrors, nameList, notMirrored, reached, rolesOf, sidesOf } from '../moved.ts';
import { isTurnedSince } from '../turned-roles.ts';
import type { MoveContext, OpenRegion, Step } from '../types.ts';
import { notWritable, notWritableWords } from '../writable.ts';

/** A mirror that is further behind is caught up first, ms: writes would pause for as long. */
const behindMsMax = 60_000;
/** A source that was not heard for so long is not there, ms. */
const heardMsMax = 15_000;
const questionMsMax = 10_000;

export const check: Step = {
  name: 'check',
  title: ({ from, to }) => `check ${from}, ${to} and what leads from one to the other`,
  limitMs: () => 45_000,
  preview: async (context, move) => {
    const checks = await checkAll(context, move);
    for (const checked of checks) context.say(checkedLine(checked));
    requireNoFailure(checks);
    return summary(checks);
  },
  run: async (context, move) => {
    const checks = await checkAll(context, move);
    for (const checked of checks) if (checked.mark !== 'ok') context.say(checkedLine(checked));
    requireNoFailure(checks);
    const topics = movedMirrors(context.group, context.home, move).map(({ sourceTopic }) => sourceTopic);
    return { remark: summary(checks), facts: { topics } };
  },
};

function requireNoFailure(checks: readonly Checked[]): void {
  const failed = checks.filter(({ mark }) => mark === 'FAIL');
  if (failed.length > 0) throw new CheckFailed(failed);
}

function summary(checks: readonly Checked[]): string {
  const warnings = checks.filter(({ mark }) => mark === 'warn').length;
  return warnings > 0 ? plural(warnings, 'warning') : `${plural(checks.length, 'check')} fine`;
}

/** Never throws for what a cluster does. */
async function checkAll(context: MoveContext, move: MoveRecord): Promise<Checked[]> {
  const { group } = context;
  const sides = await asked('regions', async () => {
    const { from, to } = sidesOf(context, move);
    return [ok('regions', `${from.name} and ${to.name} answer`)];
  });
  if (sides.some(({ mark }) => mark === 'FAIL')) return sides;
  const [from, to] = [reached(group, move.from), reached(group, move.to)];
  const mirrors = movedMirrors(group, to, move);
  const topics = mirrors.map(({ mirrorTopic }) => mirrorTopic);
  const slow = await Promise.all([
    asked('writable', async () => [await writableCheck(to, topics)]),
    asked('settings', async () => [await driftCheck(from, to, mirrors)]),
    asked('partitions', async () => [await partitionsCheck(from, mirrors)]),
    asked('space', async () => [await spaceCheck(from), await spaceCheck(to)]),
  ]);
  return [
    ...sides,
    ...fleetChecks(context, [from, to]),
    rolesCheck(context, move),
    ...linkChecks(context, move),
    ...mirrorChecks(context, move, mirrors),
    ...slow.flat(),
  ];
}

/** What a cluster refuses or does not answer is a check that failed. */
async function asked(name: string, ask: () => Promise<Checked[]>): Promise<Checked[]> {
  try {
    return await within(ask(), questionMsMax, `the check ${name}`);
  } catch (error) {
    if (error instanceof LockstepError) return [fail(name, error.message)];
    throw error;
  }
}

function fleetChecks({ nowMs }: MoveContext, regions: readonly OpenRegion[]): Checked[] {
  return regions.flatMap((region) => {
    const living = livingAgents(region);
    const leader = living.find(({ isLeader }) => isLeader);
    const difference = clockDifferenceMs(region, nowMs());
    const clock =
      difference === null
        ? []
        : [warn('clocks', `those of ${region.name} are ${formatDuration(difference)} ahead of ours`)];
    if (living.length === 0)
      return [
        fail(
          'agents',
          `none runs at ${region.name}; start one with \`lockstep run FILE\` or \`lockstep agent\``,
        ),
      ];
    const versions = [...new Set(living.map(({ version }) => version))];
    const led = leader === undefined ? 'who leads is not told yet' : `led by ${leader.id}`;
    const detail = `${plural(living.length, 'agent')} at ${region.name}, ${led}`;
    const mixed =
      versions.length > 1
        ? [warn('versions', `agents of ${region.name} are of ${versions.join(' and ')}`)]
        : [];
    return [ok('agents', detail), ...mixed, ...clock];
  });
}

function rolesCheck({ group }: MoveContext, move: MoveRecord): Checked {
  try {
    const roles = rolesOf(group);
    const topics = move.topics ?? [];
    const elsewhere = topics.filter((topic) => primaryOf(roles, topic).region !== move.from);
    if (elsewhere.length > 0)
      return fail(
        'roles',
        `${nameList(elsewhere)}: the primary is ${primaryOf(roles, elsewhere[0]!).region}, not ${move.from}`,
      );
    if (isTurnedSince(roles, move.rolesGeneration))
      return fail(
        'roles',
        `they have changed since this began: generation ${roles.generation}, not ${move.rolesGeneration}`,
      );
    const waiting = (roles.awaitsRestore[move.to] ?? []).filter(
      (topic) => topics.length === 0 || topics.includes(topic),
    );
    if (waiting.length > 0)
      return fail(
        'roles',
        `${move.to} awaits a restore of ${nameList(waiting)}: lockstep restore ${move.to} ${group.topology.file}`,
      );
    return ok('roles', `${move.from} is primary, since generation ${roles.primary.sinceGeneration}`);
  } catch (error) {
    if (error instanceof LockstepError) return fail('roles', error.message);
    throw error;
  }
}

/** Both ways: the links are there, their agents hear the source, nothing keeps them from copying. */
function linkChecks({ group, nowMs }: MoveContext, { from, to }: MoveRecord): Checked[] {
  return [
    [from, to],
    [to, from],
  ].flatMap(([source, destination]) => {
    const region = group.regions.get(destination!)!;
    const links = linksBetween(group, source!, destination!);
    if (links.length === 0)
      return [fail('links', `no link of the group leads from ${source} to ${destination}`)];
    return links.map(({ name }) => {
      const what = `${name} (${source} to ${destination})`;
      if (region.state?.links.has(name) !== true)
        return fail('links', `${what} is not there yet; an agent with the file creates it`);
      const condition = region.state.conditions.get(name);
      const heardMs = heardAgoMs(region, name, nowMs());
      if (condition?.state === 'Unreachable')
        return fail('links', `${what} is Unreachable: ${condition.reason}`);
      // Who stands by fetches nothing, so that nothing is heard; its leader reads the other's roles all the time.
      if (heardMs === null && source === to && condition === undefined)
        return ok('links', `${what} stands by, and nothing keeps it from its source`);
      if (heardMs === null) return warn('links', `${what}: no agent has told yet that it hears ${source}`);
      if (heardMs > heardMsMax)
        return fail('links', `${what}: ${source} was last heard ${formatDuration(heardMs)} ago`);
      return ok('links', `${what} hears its source`);
    });
  });
}

function mirrorChecks(context: MoveContext, move: MoveRecord, mirrors: readonly MirrorRecord[]): Checked[] {
  const { home, nowMs } = context;
  if (mirrors.length === 0)
    return [fail('mirrors', `${move.to} mirrors nothing of ${move.from}: there is nothing to switch to`)];
  const unknown = (move.topics ?? []).filter(
    (topic) => !mirrors.some(({ sourceTopic }) => sourceTopic === topic),
  );
  const checks: Checked[] = [];
  if (unknown.length > 0) checks.push(fail('mirrors', `${move.to} has no mirror of ${nameList(unknown)}`));
  const off = mirrors.filter(({ state }) => state !== 'Mirroring');
  for (const [state, some] of Map.groupBy(off, (mirror) => mirror.state)) {
    const names = nameList(some.map(({ sourceTopic }) => sourceTopic));
    const why =
      state === 'Promoted'
        ? 'somebody has promoted them by hand, and they may have records of their own; a failover takes them as they are'
        : state === 'Paused'
          ? 'resume them first: lockstep mirrors resume'
          : 'a promotion is on its way';
    checks.push(fail('mirrors', `${names}: ${state}; ${why}`));
  }
  const lags = mirrors.map((mirror) => lagOfMirror(home, mirror, nowMs()));
  const apart = notMirrored(context, move);
  if (apart.length > 0)
    checks.push(fail('mirrors', `not mirrored, so they would be left behind: ${nameList(apart, 4)}`));
  const ended = lags.flatMap(({ topic, ended: partitions }) =>
    partitions.map((one) => `${topic}: partition ${one}`),
  );
  if (ended.length > 0) checks.push(fail('mirrors', nameList(ended, 4)));
  const behind = lags.filter(({ behindMs }) => behindMs !== null && behindMs > behindMsMax);
  if (behind.length > 0)
    checks.push(
      fail(
        'lag',
        `${nameList(behind.map(({ topic }) => topic))}: more than ${formatDuration(behindMsMax)} behind; wait, or writes pause for as long`,
      ),
    );
  const count = plural(mirrors.length, 'mirror');
  const lag = `${count}, ${plural(partitionCountOf(lags), 'partition')}, ${plural(lossOfAll(lags).recordsMin, 'record')} behind`;
  if (checks.length === 0) checks.push(ok('mirrors', lag));
  return checks;
}

async function writableCheck({ cluster, name }: OpenRegion, topics: readonly string[]): Promise<Checked> {
  const words = notWritableWords(await notWritable(cluster, topics));
  return words === null
    ? ok('writable', `all topics at ${name} take writes`)
    : fail('writable', `at ${name}: ${words}`);
}

/** Topics that grew partitions a moment ago would leave some behind. */
async function partitionsCheck({ cluster }: OpenRegion, mirrors: readonly MirrorRecord[]): Promise<Checked> {
  const { topics } = await cluster.metadata({ topics: mirrors.map(({ sourceTopic }) => sourceTopic) });
  const differing = mirrors.flatMap(({ sourceTopic, partitionCount, sourceTopicId }) => {
    const topic = topics.get(sourceTopic);
    if (topic === undefined) return [`${sourceTopic} is not there any more`];
    if (topic.topicId !== sourceTopicId) return [`${sourceTopic} was created again and is another one now`];
    const count = topic.partitions.length;
    return count === partitionCount
      ? []
      : [`${sourceTopic} has ${count} partitions, its mirror ${partitionCount}`];
  });
  return differing.length === 0
    ? ok('partitions', 'as many on both sides')
    : fail('partitions', nameList(differing, 4));
}

/** Settings that a link keeps equal, or that people would miss. */
async function driftCheck(
  from: OpenRegion,
  to: OpenRegion,
  mirrors: readonly MirrorRecord[],
): Promise<Checked> {
  const ask = (cluster: Cluster, topics: readonly string[]) =>
    describeConfigs(
      cluster,
      topics.map((name) => ({ type: 'topic', name })),
      { names: settingNames },
    );
  const [theirs, ours] = await Promise.all([
    ask(
      from.cluster,
      mirrors.map(({ sourceTopic }) => sourceTopic),
    ),
    ask(
      to.cluster,
      mirrors.map(({ mirrorTopic }) => mirrorTopic),
    ),
  ]);
  const drifted = mirrors.flatMap(({ sourceTopic }, index) => {
    const [source, mirror] = [unwrap(theirs[index]!.outcome), unwrap(ours[index]!.outcome)];
    // What nobody has set on the topic is the cluster's own affair.
    const differs = [...source.values()].filter(
      ({ name, value, source: setBy }) =>
        setBy === 'DYNAMIC_TOPIC_CONFIG' && mirror.get(name)?.value !== value,
    );
    return differs.map(
      ({ name, value }) =>
        `${sourceTopic}: ${name} is ${value} at ${from.name}, ${mirror.get(name)?.value ?? 'unset'} at ${to.name}`,
    );
  });
  return drifted.length === 0
    ? ok('settings', 'no topic has drifted')
    : warn('settings', `${plural(drifted.length, 'difference')}: ${nameList(drifted, 3)}`);
}

/** A switchover needs no room of its own; how much there is is said all the same. */
async function spaceCheck({ cluster, name }: OpenRegion): Promise<Checked> {
  const brokers = await describeLogDirs(cluster, new Map());
  const usable = brokers.flatMap(({ outcome }) =>
    outcome.ok ? outcome.value.flatMap(({ usableBytes }) => usableBytes ?? []) : [],
  );
  if (usable.length === 0)
    return ok(
      'space',
      `the brokers of ${name} tell it to who has DESCRIBE on the cluster; a switchover needs none`,
    );
  const least = usable.reduce((min, bytes) => (bytes < min ? bytes : min));
  return ok(
    'space',
    `at least ${formatBytes(least)} free on each broker of ${name}; a switchover needs none`,
  );
}
