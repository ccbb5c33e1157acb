// Somebody else who keeps removing what we add (an operator, another tool) owns it: three times within an hour, and it
// is left alone for an hour, or until the link is altered.

const foreignRemovals = { countMax: 3, withinMs: 3_600_000, pauseMs: 3_600_000 } as const;

interface Removable {
  readonly phase: 'intended' | 'made';
  readonly removedAtMs: readonly number[];
}

/** The record of a thing that is not there and is going to be made (again): one that was seen was removed. */
export function missingAgain<T extends Removable>(record: T, nowMs: number): T {
  if (record.phase === 'intended') return record;
  const removedAtMs = [...record.removedAtMs, nowMs].slice(-foreignRemovals.countMax);
  return { ...record, phase: 'intended', removedAtMs };
}

/** Until when it is left alone; null: it is made again now. */
export function pauseEndMs(removedAtMs: readonly number[], nowMs: number): number | null {
  const last = removedAtMs.at(-1);
  const first = removedAtMs.at(-foreignRemovals.countMax);
  if (last === undefined || first === undefined || last - first > foreignRemovals.withinMs) return null;
  const endMs = last + foreignRemovals.pauseMs;
  return nowMs < endMs ? endMs : null;
}
