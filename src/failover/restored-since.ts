// Topics that a region was restored of behind a failover. When they wait for a restore once more, another thing has
// happened to them: their log tells nothing of that failover any more. Pure.
import type { FleetState, MoveRecord } from '../control/index.ts';

/** @param failover the id of the move */
export function restoredSince(
  states: Iterable<Pick<FleetState, 'moves'> | null>,
  { group, failover, region }: { readonly group: string; readonly failover: string; readonly region: string },
): ReadonlySet<string> {
  const moves = new Map<string, MoveRecord>();
  for (const state of states)
    for (const move of state?.moves.values() ?? [])
      if (move.group === group && move.revision >= (moves.get(move.id)?.revision ?? 0))
        moves.set(move.id, move);
  const turnedAt = moves.get(failover)?.rolesGeneration;
  if (turnedAt === undefined) return new Set();
  // Clocks of those who typed them may differ; generations don't.
  const later = [...moves.values()].filter(
    ({ kind, to, rolesGeneration }) => kind === 'restore' && to === region && rolesGeneration > turnedAt,
  );
  return new Set(
    later.flatMap(({ facts }) => (Array.isArray(facts.restored) ? facts.restored.map(String) : [])),
  );
}
