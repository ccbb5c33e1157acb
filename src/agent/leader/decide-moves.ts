// Decisions about moves (switchovers, failovers, restores), which the command line drives and writes down step by step,
// and about what they left behind.
import {
  type Change,
  type FleetState,
  lossKey,
  type MoveRecord,
  moveKey,
  recordVersion,
} from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { plural } from '../../units.ts';
import { accepted, checkOurs, type Decision, refused, summary } from './decision.ts';

/** Moves of a group that are remembered when they have ended. */
export const endedMovesMax = 20;

/**
 * Writes a move as it stands now. Two terminals can't both drive it: each write names the revision that it saw.
 * @param ifRevision null: it begins
 */
export function writeMove(state: FleetState, move: MoveRecord, ifRevision: number | null): Decision {
  const { group, id } = move;
  const standing = state.moves.get(`${group}/${id}`);
  checkOurs(state, moveKey(move));
  if (ifRevision === null && standing !== undefined)
    return refused('USAGE', `${what(standing)} is there already, at revision ${standing.revision}`);
  if (ifRevision !== null && standing === undefined)
    return refused('USAGE', `there is no move ${id} of group ${group} here`);
  if (standing !== undefined && standing.revision !== ifRevision)
    return refused(
      'USAGE',
      `${what(standing)} is at revision ${standing.revision} (step ${standing.step}, ${standing.state}), not ${ifRevision}: another command works on it`,
    );
  if (move.state === 'running') {
    const prefix = moveKey({ group, id: '' });
    for (const key of state.foreign.keys()) if (key.startsWith(prefix)) checkOurs(state, key);
    const other = movesOf(state, group).find((each) => each.state === 'running' && each.id !== id);
    if (other !== undefined)
      return refused(
        'USAGE',
        `${what(other)} runs in group ${group} since ${new Date(other.startedAtMs).toISOString()}, at step ${other.step}; ` +
          'give the same command again to go on with it, or take it back with --undo',
      );
  }
  const record: MoveRecord = { ...move, v: recordVersion, revision: (standing?.revision ?? 0) + 1 };
  const changes: Change[] = [
    {
      what: 'move',
      name: `${group}/${id}`,
      action: standing === undefined ? 'create' : 'alter',
      details: [`revision ${record.revision}`, `step ${record.step}`, record.state],
    },
  ];
  const entries = new Map<string, object | null>([
    ...forgotten(state, record).map((key) => [key, null] as const),
    [moveKey(record), record],
  ]);
  return accepted(summary(changes), changes, entries);
}

/** Keys of the oldest ended moves, and of what they left behind. */
function forgotten(state: FleetState, written: MoveRecord): string[] {
  const others = movesOf(state, written.group).filter(({ id }) => id !== written.id);
  const ended = [...others, written]
    .filter((move) => move.state !== 'running')
    .sort((a, b) => b.startedAtMs - a.startedAtMs);
  return ended
    .slice(endedMovesMax)
    .filter(({ id }) => id !== written.id)
    .flatMap((move) => [moveKey(move), ...state.entries(lossKey(move, '')).keys()])
    .filter((key) => !state.foreign.has(key));
}

/** Writes what a failover left behind, topic by topic. */
export function writeLoss(state: FleetState, values: Readonly<Record<string, unknown>>): Decision {
  const entries = new Map<string, object | null>();
  for (const [key, value] of Object.entries(values)) {
    if (!/^loss\/[^/]+\/[^/]+\/[^/]*$/.test(key) || typeof value !== 'object')
      throw new LockstepError('USAGE', `${key}: no place for what a failover left behind of a topic`);
    checkOurs(state, key);
    entries.set(key, value);
  }
  const message = `${plural(entries.size, 'loss report')} written`;
  return accepted(message, [], entries);
}

function movesOf(state: FleetState, group: string): MoveRecord[] {
  return [...state.moves.values()].filter((move) => move.group === group);
}

function what({ kind, id, by, to }: MoveRecord): string {
  return `${kind} ${id} to ${to} by ${by}`;
}
