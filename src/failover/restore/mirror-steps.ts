// Steps 6 to 10: the region is a mirror again, and what it lacks is copied.
import { LockstepError } from '../../errors.ts';
import { formatBytes, formatDuration, plural } from '../../units.ts';
import { setRolesAt, setRolesElsewhere } from '../set-roles.ts';
import type { Step } from '../types.ts';
import { beginMirrors } from './begin-mirrors.ts';
import { closeFormer, formerClosedWords } from './close-former.ts';
import { untilCopied } from './copy.ts';
import { describeCopy } from './copy-progress.ts';
import { divergedOf, foundOf, restoredOf } from './facts.ts';
import { restoredRoles, restoredTopicsOf } from './restored-roles.ts';
import { longMs, paced, underWay } from './under-way.ts';
import { untilOpened } from './until-opened.ts';
import { verifyEnds } from './verify-ends.ts';

const patienceMs = 10_000;

export const beginStep: Step = {
  name: 'beginMirrors',
  title: () => 'decide where the mirrors begin',
  limitMs: () => longMs,
  run: async (context, move) => {
    const ground = await underWay(context, move);
    const later = foundOf(move).copied.filter(({ beginsAt }) => beginsAt !== null);
    if (later.length === 0) return { remark: 'at the start of the logs' };
    await beginMirrors(ground, later, context.say);
    return {
      remark: `${plural(later.length, 'topic')} where the logs parted; older records stay at ${move.from}`,
    };
  },
};

export const rolesHere: Step = {
  name: 'rolesHere',
  title: ({ to }) => `let ${to} be a mirror again`,
  limitMs: () => longMs,
  run: async (context, move) => {
    const { group, home, by, nowMs, note, signal } = context;
    const roles = group.roles();
    if (roles === null) throw new LockstepError('INTERNAL', `group ${move.group} has no roles any more`);
    if (roles.moveId === move.id) {
      await setRolesAt(home, roles);
      return { remark: `roles of generation ${roles.generation}` };
    }
    const { leftAlone, copied } = foundOf(move);
    const topics = restoredTopicsOf(roles, move, leftAlone);
    const anew = new Set(copied.map(({ topic }) => topic));
    const kept = [...topics].filter((topic) => !anew.has(topic));
    // Nothing else may write to a log when the new primary is mirrored into it.
    // What was mirrored from there until now has no former writer but those that the switchover shut out.
    const diverged = new Set(divergedOf(move).map(({ sourceTopic }) => sourceTopic));
    const lost = kept.filter((topic) => !diverged.has(topic));
    const former = await closeFormer(await underWay(context, move), lost, signal);
    const change = { moveId: move.id, by, atMs: nowMs() };
    const next = restoredRoles(roles, { region: move.to, topics }, change);
    // Before they are set: afterwards nobody can tell any more which topics waited.
    await note({ restored: [...topics] });
    await setRolesAt(home, next);
    return { remark: `roles of generation ${next.generation}${formerClosedWords(former)}` };
  },
};

export const rolesThere: Step = {
  name: 'rolesThere',
  title: () => 'tell the other regions',
  run: async ({ group, home, signal }) => {
    const untold = await setRolesElsewhere(group, home.name, group.roles()!, { patienceMs, signal });
    if (untold.size === 0) return { remark: 'all know' };
    const lines = [...untold].map(([region, why]) => `${region} could not be told (${why})`);
    return { remark: `${lines.join('; ')}; its agents learn it when they reach ${home.name}` };
  },
};

export const copyStep: Step = {
  name: 'copy',
  title: ({ to, from }) => `copy from ${from} to ${to}`,
  limitMs: () => longMs,
  run: async (context, move) => {
    const ground = await underWay(context, move);
    const beganMs = performance.now();
    const tell = paced(context, describeCopy);
    const { partitions, bytes } = await untilCopied(ground, {
      ...{ topics: restoredOf(move), say: context.say, signal: context.signal },
      onProgress: tell,
    });
    await untilOpened(
      ground,
      foundOf(move).copied.map(({ topic }) => topic),
    );
    const tookMs = performance.now() - beganMs;
    return {
      remark: `${plural(partitions, 'partition')}, ${formatBytes(bytes)} there, in ${formatDuration(tookMs)}`,
    };
  },
};

export const verifyCopies: Step = {
  name: 'verifyCopies',
  title: ({ to, from }) => `compare the ends of the logs at ${to} and ${from}`,
  limitMs: () => longMs,
  run: async (context, move) => {
    const ground = await underWay(context, move);
    const records = await verifyEnds(ground, restoredOf(move), context.signal);
    return { remark: `${plural(records, 'record')} compared, all equal` };
  },
};
