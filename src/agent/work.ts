// What a fleet shares out: every partition of every mirror that is to be copied.
import type { FleetState } from '../control/index.ts';
import { keyOf, type WorkItem } from '../fleet/index.ts';
import { mirrorStates } from '../link/index.ts';

/** Everything that is to be copied. */
export function workOf(state: FleetState): WorkItem[] {
  const items: WorkItem[] = [];
  for (const mirror of state.mirrors.values()) {
    if (!mirrorStates[mirror.state].isCopied || !state.links.has(mirror.link)) continue;
    for (let partition = 0; partition < mirror.partitionCount; partition++)
      items.push({ link: mirror.link, topic: mirror.sourceTopic, partition });
  }
  return items;
}

/** Whether something came or went. */
export function hasOtherWork(before: readonly WorkItem[], now: readonly WorkItem[]): boolean {
  if (before.length !== now.length) return true;
  const known = new Set(before.map(keyOf));
  return now.some((item) => !known.has(keyOf(item)));
}
