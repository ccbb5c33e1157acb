// The roles turn: first where the new primary is, so that nothing is copied into it any more, then in the other regions.
import { type MoveRecord, type RolesRecord, rolesKey } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { plural } from '../../units.ts';
import { movedTopics, rolesOf } from '../moved.ts';
import { setRolesAt, setRolesElsewhere } from '../set-roles.ts';
import { liftLeftDenials } from '../switchover/denials.ts';
import { isTurnedSince, turnedRoles } from '../turned-roles.ts';
import type { MoveContext, Step } from '../types.ts';

/** Of a switchover all regions are there, or were a moment ago, ms. */
const patienceMs = { switchover: 20_000, failover: 2_000 } as const;

export const rolesHere: Step = {
  name: 'rolesHere',
  title: ({ to }) => `make ${to} primary`,
  preview: async ({ group }, { rolesGeneration }) =>
    `roles of group ${group.config.name} go from generation ${rolesGeneration} to ${rolesGeneration + 1}`,
  run: async (context, move) => {
    const roles = rolesAfter(context, move);
    await setRolesAt(context.home, roles);
    const rest = await lifted(context);
    return { remark: `roles of generation ${roles.generation}${rest}`, facts: { roles } };
  },
};

export const rolesThere: Step = {
  name: 'rolesThere',
  title: ({ to }) => `tell the other regions that ${to} is primary`,
  run: async ({ group, home, signal }, move) => {
    const roles = move.facts.roles as RolesRecord;
    const kind = move.kind === 'failover' ? 'failover' : 'switchover';
    const untold = await setRolesElsewhere(group, home.name, roles, {
      patienceMs: patienceMs[kind],
      signal,
    });
    if (untold.size === 0) return { remark: 'all know' };
    const lines = [...untold].map(([region, why]) => `${region} could not be told (${why})`);
    return { remark: `${lines.join('; ')}; its agents learn it when they reach ${home.name} again` };
  },
};

/** The move is behind its point of no return: what keeps a former denial standing is told, and stops nothing. */
async function lifted(context: MoveContext): Promise<string> {
  try {
    const count = await liftLeftDenials(context);
    return count === 0 ? '' : `; ${plural(count, 'denial')} of a former switchover taken away`;
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    return `; denials of a former switchover STAND, take them away by hand: ${error.message}`;
  }
}

/** Those that stand already, where a former try of this move has set them. */
function rolesAfter({ group, home, by, nowMs }: MoveContext, move: MoveRecord): RolesRecord {
  const roles = rolesOf(group);
  if (roles.moveId === move.id) return roles;
  if (isTurnedSince(roles, move.rolesGeneration))
    throw new LockstepError(
      'USAGE',
      `the roles of ${rolesKey(group.config.name)} have generation ${roles.generation} and not ${move.rolesGeneration}, ` +
        `which they had when this began: ${roles.by} has changed them (${roles.changedBy})`,
    );
  // A region that is not true may have a higher generation, and takes nothing below it.
  const generation = Math.max(
    ...Array.from(group.regions.values(), ({ state }) => state?.roles.get(roles.group)?.generation ?? 0),
  );
  return turnedRoles(
    { ...roles, generation: Math.max(generation, roles.generation) },
    {
      kind: move.kind === 'failover' ? 'failover' : 'switchover',
      ...{ to: home.name, from: move.from, topics: turnedTopics(move), moveId: move.id, by, atMs: nowMs() },
      awaitsRestore: move.kind === 'failover' ? movedTopics(move) : [],
    },
  );
}

/** Where a person decides between regions that were turned apart, the newest roles stay as they are. */
function turnedTopics({ topics, facts }: MoveRecord): readonly string[] | null {
  return facts.isDecision === true ? [] : topics;
}
