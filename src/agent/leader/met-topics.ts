// Topics that the links' runners have made or met become mirrors of the fleet: pure, from the state and what was met.
import { type FleetState, type MirrorRecord, mirrorKey, recordVersion } from '../../control/index.ts';

/** A topic that a link's runner has made or met, as far as the fleet needs to know. */
export interface MetTopic {
  readonly link: string;
  readonly sourceTopic: string;
  readonly mirrorTopic: string;
  readonly sourceTopicId: string;
  readonly mirrorTopicId: string;
  readonly partitionCount: number;
  /** Which life of the mirror it was met in. Default 0. */
  readonly incarnation?: number;
}

/** Records to be written. A topic is written by one link only: the first one; see `conditions.ts` for the others. */
export function recordsOfMet(
  state: FleetState,
  met: readonly MetTopic[],
  nowMs: number,
): ReadonlyMap<string, MirrorRecord> {
  const entries = new Map<string, MirrorRecord>();
  const owners = new Map<string, string>();
  for (const mirror of state.mirrors.values()) owners.set(mirror.mirrorTopic, mirror.link);
  for (const topic of met) {
    const key = mirrorKey(topic);
    const link = state.links.get(topic.link);
    if (state.foreign.has(key) || link === undefined || link.isDeleted === true) continue;
    const owner = owners.get(topic.mirrorTopic);
    if (owner !== undefined && owner !== topic.link) continue;
    owners.set(topic.mirrorTopic, topic.link);
    const known = state.mirrors.get(`${topic.link}/${topic.sourceTopic}`);
    if (known === undefined)
      entries.set(key, { v: recordVersion, ...topic, state: 'Mirroring', sinceMs: nowMs, reason: null });
    else if (known.partitionCount < topic.partitionCount || isAnother(known, topic))
      entries.set(key, { ...known, ...topic });
  }
  return entries;
}

/** Both topics were created anew and are mirrored from the beginning, or the mirror lives again. */
function isAnother(known: MirrorRecord, topic: MetTopic): boolean {
  return (
    known.sourceTopicId !== topic.sourceTopicId ||
    known.mirrorTopicId !== topic.mirrorTopicId ||
    (known.incarnation ?? 0) < (topic.incarnation ?? 0)
  );
}
