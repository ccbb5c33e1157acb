// What a link that was declared anew means for one that runs: nothing, something that it takes over, or a new beginning. Pure.
import type { LinkRecord } from '../control/index.ts';
import type { LinkConfig } from '../topology/index.ts';

/** Keys of a link's configuration that a running link takes over; all others begin it anew. */
const alterableKeys: ReadonlySet<keyof LinkConfig> = new Set([
  'topics',
  'excludeTopics',
  'groups',
  'excludeGroups',
  'startAt',
  'sync',
  'separateProducerIds',
  'bytesPerSecondMax',
]);

/** What a link was made from. */
export interface Declared {
  readonly record: LinkRecord;
  readonly config: LinkConfig;
}

/** A link that was deleted and declared anew begins to count again. */
export function isSameDeclaration(one: LinkRecord, other: LinkRecord): boolean {
  return one.generation === other.generation && one.createdAtMs === other.createdAtMs;
}

/** Whether a running link can go on and take the difference over. */
export function canGoOn(before: Declared, after: Declared): boolean {
  return (
    isSameValue(before.record.source, after.record.source) &&
    (Object.keys(after.config) as (keyof LinkConfig)[]).every(
      (key) => alterableKeys.has(key) || isSameValue(before.config[key], after.config[key]),
    )
  );
}

function isSameValue(one: unknown, other: unknown): boolean {
  return JSON.stringify(one ?? null) === JSON.stringify(other ?? null);
}
