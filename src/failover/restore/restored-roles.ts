// Roles in which the restored topics do not wait any more: from then on the new primary is mirrored into the region. Pure.
import { type MoveRecord, primaryOf, type RolesRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';

/** The same roles, one generation on, without what was restored. */
export function restoredRoles(
  roles: RolesRecord,
  restored: { readonly region: string; readonly topics: ReadonlySet<string> },
  change: { readonly moveId: string; readonly by: string; readonly atMs: number },
): RolesRecord {
  const { region, topics } = restored;
  const { [region]: waiting = [], ...others } = roles.awaitsRestore;
  const left = waiting.filter((topic) => !topics.has(topic));
  return {
    ...roles,
    ...change,
    generation: roles.generation + 1,
    awaitsRestore: left.length === 0 ? others : { ...others, [region]: left },
    changedBy: 'restore',
  };
}

/** Topics that the move restores: those that wait and were meant, but for those that the new primary lacks. */
export function restoredTopicsOf(
  roles: RolesRecord,
  move: Pick<MoveRecord, 'to' | 'topics'>,
  leftAlone: readonly string[],
): ReadonlySet<string> {
  const waiting = Object.hasOwn(roles.awaitsRestore, move.to) ? roles.awaitsRestore[move.to]! : [];
  return new Set((move.topics ?? waiting).filter((topic) => !leftAlone.includes(topic)));
}

/**
 * A restore may stand for days between two of its steps, and its region may have become primary again meanwhile.
 * @throws LockstepError USAGE where the topic is not restored from the move's region, or does not wait for it, any more.
 */
export function requireWaiting(
  roles: RolesRecord | null,
  { from, to }: Pick<MoveRecord, 'from' | 'to'>,
  topic: string,
): void {
  const waiting = roles !== null && Object.hasOwn(roles.awaitsRestore, to) ? roles.awaitsRestore[to]! : [];
  const primary = roles === null ? null : primaryOf(roles, topic).region;
  if (primary === from && waiting.includes(topic)) return;
  throw new LockstepError(
    'USAGE',
    `${topic} does not wait any more for a restore of ${to} from ${from} (its primary is ${primary ?? 'unknown'}): ` +
      'the roles have turned since this restore began; nothing more is deleted. Take it back (--undo)',
  );
}
