// Roles in which the restored topics do not wait any more: from then on the new primary is mirrored into the region. Pure.
import type { MoveRecord, RolesRecord } from '../../control/index.ts';

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
