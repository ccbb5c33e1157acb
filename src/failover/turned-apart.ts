// Regions that were turned apart, each without knowing of the other, and the person's decision for the one whose roles are
// told as the newest: nothing is left to promote there, but its roles must be above all others.
import { followed, primaryOf, type RolesRecord } from '../control/index.ts';
import { groupTopics } from './moved.ts';
import type { OpenGroup } from './types.ts';

export interface TurnedApart {
  readonly region: string;
  /** How its roles differ, in words. */
  readonly differences: readonly string[];
  /** Topics that another region is primary for by its roles. */
  readonly topics: readonly string[];
}

/** Of regions that answer. */
export function turnedApart(group: OpenGroup, roles: RolesRecord): TurnedApart[] {
  return [...group.regions.values()].flatMap(({ name, state }) => {
    const theirs = state?.roles.get(roles.group);
    if (theirs === undefined) return [];
    const found = followed(roles, theirs);
    if (found.kind !== 'split') return [];
    const topics = groupTopics(group, roles).filter(
      (topic) => primaryOf(theirs, topic).region !== primaryOf(roles, topic).region,
    );
    return [{ region: name, differences: found.differences, topics: topics.sort() }];
  });
}
