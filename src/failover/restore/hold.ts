// The first step where mirrors are `Diverged`: nothing is copied into them any more, as if they had been lost to a failover,
// so that what is looked at next stands still. The region's leader forgets their mirrors, which are met anew when the
// restore gives them free.
import type { MoveRecord, RolesRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { plural } from '../../units.ts';
import { nameList, reached, rolesOf } from '../moved.ts';
import { setRolesAt, setRolesElsewhere } from '../set-roles.ts';
import type { MoveContext, Step } from '../types.ts';
import { heldRoles } from './diverged.ts';
import { divergedOf } from './facts.ts';
import { restoredRoles } from './restored-roles.ts';

/** Others learn it by themselves, ms. */
const patienceMs = 2_000;

/** Roles of this generation are told from those that end the restore. */
const holdId = ({ id }: MoveRecord): string => `${id}-hold`;

export const hold: Step = {
  name: 'hold',
  title: ({ to }) => `stop copying into what somebody else wrote to at ${to}`,
  run: async (context, move) => {
    const { group, by, nowMs } = context;
    await group.reopen();
    const topics = heldTopics(move);
    const roles = rolesOf(group);
    if (roles.moveId !== holdId(move)) {
      const change = { moveId: holdId(move), by, atMs: nowMs() };
      await tell(context, move, heldRoles(roles, { region: move.to, from: move.from, topics }, change));
    } else await tell(context, move, roles);
    return {
      remark: `${plural(topics.length, 'topic')}: ${nameList(topics)}; roles of generation ${rolesOf(group).generation}`,
    };
  },
  undo: async (context, move) => {
    const { group, by, nowMs } = context;
    await group.reopen();
    const roles = rolesOf(group);
    const waiting = Object.hasOwn(roles.awaitsRestore, move.to) ? roles.awaitsRestore[move.to]! : [];
    const held = heldTopics(move).filter((topic) => waiting.includes(topic));
    if (roles.moveId !== holdId(move))
      return held.length === 0
        ? 'nothing was held'
        : `${nameList(held)} wait for a restore: the roles have turned meanwhile`;
    const change = { moveId: `${move.id}-undone`, by, atMs: nowMs() };
    await tell(context, move, restoredRoles(roles, { region: move.to, topics: new Set(held) }, change));
    return `${nameList(held)} stand as they were`;
  },
};

function heldTopics(move: MoveRecord): string[] {
  return divergedOf(move).map(({ sourceTopic }) => sourceTopic);
}

/** Where it is decided first, then where it is copied: both have to know. */
async function tell({ group, home, signal }: MoveContext, move: MoveRecord, roles: RolesRecord) {
  await setRolesAt(home, roles);
  await setRolesAt(reached(group, move.to), roles);
  const untold = await setRolesElsewhere(group, home.name, roles, { patienceMs, signal });
  if (untold.has(move.to)) throw new LockstepError('KAFKA_ERROR', `${move.to}: ${untold.get(move.to)}`);
}
