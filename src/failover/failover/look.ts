// What a failover now would cost, and what speaks against it: from what the agents of the target have told, so that it
// needs no answer of the region that is lost.
import { type MirrorRecord, type MoveRecord, primaryOf } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { within } from '../../patience.ts';
import { formatDuration, plural } from '../../units.ts';
import { type Checked, CheckFailed, fail, ok, warn } from '../checked.ts';
import { lagOfMirror, lossOfAll, type MirrorLag, partitionCountOf } from '../lag.ts';
import { clockDifferenceMs, livingAgents } from '../living.ts';
import { formatRate } from '../loss/index.ts';
import { movedMirrors, nameList, notMirrored, rolesOf } from '../moved.ts';
import type { MoveContext, Step } from '../types.ts';
import { notWritable, notWritableWords } from '../writable.ts';

/** What the failover would find. */
export interface FailoverLook {
  readonly lags: readonly MirrorLag[];
  readonly checks: readonly Checked[];
  /** `at least 120 records; ...`, in one sentence. */
  readonly loss: string;
}

/** A target that is this far behind was not kept up to date, ms. */
const behindMsMax = 60_000;
/** Nobody waits longer for what is only a warning, ms. */
const questionMsMax = 1_500;
/** When the agent that led was killed a moment ago, the next one leads by then, ms. */
const leaderMsMax = 15_000;

/** Never throws for what a cluster does. */
export async function lookBeforeFailover(context: MoveContext, move: MoveRecord): Promise<FailoverLook> {
  const [agents, found] = await Promise.all([agentsCheck(context, move), lookNow(context, move)]);
  return { ...found, checks: [agents, ...found.checks] };
}

async function lookNow(context: MoveContext, move: MoveRecord): Promise<FailoverLook> {
  const { group, home, nowMs } = context;
  const mirrors = movedMirrors(group, home, move);
  const lags = mirrors.map((mirror) => lagOfMirror(home, mirror, nowMs()));
  const checks = [
    rolesCheck(context, move),
    ...mirrorChecks(context, move, mirrors),
    ...lagChecks(lags),
    ...sourceChecks(context, move),
    await writableCheck(context, mirrors),
  ];
  return { lags, checks, loss: lossWords(lags) };
}

/** `at least 120 records; us-east was last heard 4.0 s ago at 30 records a second; what it took later is unknown`. */
export function lossWords(lags: readonly MirrorLag[]): string {
  const { recordsMin, unseenCount, heardAgoMs, perSecond } = lossOfAll(lags);
  const partitions = plural(partitionCountOf(lags), 'partition');
  const known = `at least ${plural(recordsMin, 'record')}`;
  const missing =
    unseenCount === 0
      ? known
      : unseenCount === partitionCountOf(lags)
        ? `nobody knows how much: nothing is known of ${partitions}`
        : `${known}; of ${unseenCount} of ${partitions} nothing is known`;
  const rate = perSecond === null ? '' : ` at ${formatRate(perSecond)}`;
  const heard =
    heardAgoMs === null
      ? 'when the source was last heard is not known'
      : `the source was last heard ${formatDuration(heardAgoMs)} ago${rate}`;
  return `${missing}; ${heard}; what it took later is unknown`;
}

/** Step 1: once more, and now for the record. What speaks against it was shown before and confirmed. */
export const look: Step = {
  name: 'look',
  title: ({ to }) => `look what ${to} has`,
  limitMs: () => 15_000,
  preview: async (context, move) => (await lookNow(context, move)).loss,
  run: async (context, move) => {
    const { lags, checks, loss } = await lookNow(context, move);
    const failed = checks.filter(({ mark }) => mark === 'FAIL');
    if (failed.length > 0) throw new CheckFailed(failed);
    return { remark: loss, facts: { topics: lags.map(({ topic }) => topic) } };
  },
};

/** Whoever leads them answers within moments; what they wrote before they died says nothing. */
async function agentsCheck({ home, signal }: MoveContext, move: MoveRecord): Promise<Checked> {
  const none = `agents carry a failover out: start one with \`lockstep agent\``;
  if (livingAgents(home).length === 0) return fail('agents', `none runs at ${home.name}, and ${none}`);
  try {
    await home.send(
      { do: 'writeMove', move, ifRevision: null },
      { timeoutMs: leaderMsMax, isDryRun: true, signal },
    );
    return ok('agents', `${plural(livingAgents(home).length, 'agent')} at ${home.name}`);
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    if (error.code === 'NOT_AUTHORIZED') return fail('agents', error.message);
    return fail('agents', `none at ${home.name} answers within ${formatDuration(leaderMsMax)}, and ${none}`);
  }
}

function rolesCheck({ group }: MoveContext, move: MoveRecord): Checked {
  try {
    const roles = rolesOf(group);
    const waiting = new Set(roles.awaitsRestore[move.to] ?? []);
    const stale = [...waiting].filter((topic) => primaryOf(roles, topic).region === move.from);
    if (stale.length > 0)
      return warn(
        'roles',
        `${move.to} awaits a restore of ${nameList(stale)}: it lacks what was written since the last failover`,
      );
    return ok('roles', `generation ${roles.generation}`);
  } catch (error) {
    if (error instanceof LockstepError) return fail('roles', error.message);
    throw error;
  }
}

function mirrorChecks(context: MoveContext, move: MoveRecord, mirrors: readonly MirrorRecord[]): Checked[] {
  const { home } = context;
  if (mirrors.length === 0)
    return [
      fail('mirrors', `${home.name} mirrors nothing of ${move.from}: there is nothing to fail over to`),
    ];
  const unknown = (move.topics ?? []).filter(
    (topic) => !mirrors.some(({ sourceTopic }) => sourceTopic === topic),
  );
  if (unknown.length > 0) return [fail('mirrors', `${home.name} has no mirror of ${nameList(unknown)}`)];
  const by = (state: MirrorRecord['state']): string[] =>
    mirrors.filter((mirror) => mirror.state === state).map(({ sourceTopic }) => sourceTopic);
  const [promoted, paused] = [by('Promoted'), by('Paused')];
  const checks: Checked[] = [];
  if (promoted.length > 0)
    checks.push(
      warn(
        'mirrors',
        `${nameList(promoted)}: promoted already; taken as they are, with what was written to them since`,
      ),
    );
  if (paused.length > 0)
    checks.push(warn('mirrors', `${nameList(paused)}: paused, so more than the others is missing`));
  const apart = notMirrored(context, move);
  if (apart.length > 0)
    checks.push(
      warn('mirrors', `kept from being mirrored, so more of them is lost, or all: ${nameList(apart, 4)}`),
    );
  return checks.length > 0 ? checks : [ok('mirrors', plural(mirrors.length, 'mirror'))];
}

function lagChecks(lags: readonly MirrorLag[]): Checked[] {
  const checks: Checked[] = [];
  const behind = lags.filter(({ behindMs }) => behindMs !== null && behindMs > behindMsMax);
  if (behind.length > 0)
    checks.push(
      warn(
        'lag',
        `${nameList(behind.map(({ topic }) => topic))}: more than ${formatDuration(behindMsMax)} behind; the oldest is lost, too`,
      ),
    );
  const empty = lags.filter(({ mirrorEnd, sourceEnd }) => mirrorEnd === 0n && sourceEnd > 0n);
  if (empty.length > 0)
    checks.push(
      warn('lag', `${nameList(empty.map(({ topic }) => topic))}: the mirror is EMPTY, the source was not`),
    );
  const never = lags.filter(({ loss }) => loss.unseenCount > 0);
  if (never.length > 0)
    checks.push(
      warn(
        'lag',
        `${nameList(never.map(({ topic }) => topic))}: the source's end was never seen for some partitions; what is missing is unknown`,
      ),
    );
  const ended = lags.flatMap(({ topic, ended: partitions }) =>
    partitions.map((one) => `${topic}: partition ${one}`),
  );
  if (ended.length > 0) checks.push(warn('mirrors', `not copied any more: ${nameList(ended, 4)}`));
  return checks;
}

/** A source that answers could be switched over from without losing anything. */
function sourceChecks({ group, home, nowMs }: MoveContext, { from }: MoveRecord): Checked[] {
  const region = group.regions.get(from);
  const checks: Checked[] = [];
  if (region === undefined || region.cluster === null)
    checks.push(ok('source', `${from}: ${region?.reason ?? 'unknown'}`));
  else
    checks.push(
      warn(
        'source',
        `${from} answers us; if it can be saved, a switchover loses nothing. Whatever is written there from now on is lost to ${home.name}`,
      ),
    );
  const difference = clockDifferenceMs(home, nowMs());
  if (difference !== null)
    checks.push(
      warn(
        'clocks',
        `those of ${home.name} are ${formatDuration(difference)} ahead of ours; times are counted by theirs`,
      ),
    );
  return checks;
}

async function writableCheck({ home }: MoveContext, mirrors: readonly MirrorRecord[]): Promise<Checked> {
  try {
    const asked = notWritable(
      home.cluster,
      mirrors.map(({ mirrorTopic }) => mirrorTopic),
    );
    const words = notWritableWords(await within(asked, questionMsMax, 'asking whether it takes writes'));
    return words === null
      ? ok('writable', `all topics at ${home.name} take writes`)
      : warn('writable', `at ${home.name}: ${words}`);
  } catch (error) {
    if (error instanceof LockstepError) return warn('writable', error.message);
    throw error;
  }
}
