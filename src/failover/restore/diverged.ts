// Mirrors that somebody else wrote to, a producer that was not stopped at a switchover, say: they stand still as `Diverged`,
// and no roles say that they wait for anything. A restore takes them up as well, and keeps what only they have.
import { type MirrorRecord, primaryOf, type RolesRecord, roleOf } from '../../control/index.ts';
import type { OpenGroup, Region } from '../types.ts';

/** A mirror with a partition in state `Diverged`, as it was recorded. */
export type DivergedMirror = Pick<MirrorRecord, 'link' | 'sourceTopic' | 'sourceTopicId' | 'mirrorTopicId'>;

/** What is to be read of a region. */
type Told = {
  readonly name: string;
  readonly state: Pick<NonNullable<Region['state']>, 'mirrors' | 'statuses' | 'links'> | null;
};

/** Those that the roles want copied into the region, in the order of their topics. */
export function divergedMirrors(
  { config, topology }: Pick<OpenGroup, 'config' | 'topology'>,
  roles: RolesRecord,
  { name, state }: Told,
): DivergedMirror[] {
  if (state === null) return [];
  return [...state.mirrors.values()]
    .filter(({ link: linkName, sourceTopic, partitionCount, state: stands }) => {
      const link = config.links.includes(linkName) ? topology.links[linkName] : undefined;
      // One that is promoted, or about to be, is somebody's decision.
      if (link?.destination !== name || (stands !== 'Mirroring' && stands !== 'Paused')) return false;
      const ends = { name: linkName, destination: name, source: { name: link.source } };
      if (roleOf(new Map([[roles.group, roles]]), ends, sourceTopic).kind !== 'copies') return false;
      return Array.from({ length: partitionCount }, (_, partition) => partition).some(
        (partition) => state.statuses.get(`${linkName}/${sourceTopic}/${partition}`)?.state === 'Diverged',
      );
    })
    .map(({ link, sourceTopic, sourceTopicId, mirrorTopicId }) => ({
      ...{ link, sourceTopic, sourceTopicId, mirrorTopicId },
    }))
    .sort((one, other) => (one.sourceTopic < other.sourceTopic ? -1 : 1));
}

/** The roles in which these topics of a region wait for a restore: nothing is copied into them from then on. Pure. */
export function heldRoles(
  roles: RolesRecord,
  held: { readonly region: string; readonly from: string; readonly topics: readonly string[] },
  change: Pick<RolesRecord, 'moveId' | 'by' | 'atMs'>,
): RolesRecord {
  const { region, from } = held;
  const waiting = Object.hasOwn(roles.awaitsRestore, region) ? roles.awaitsRestore[region]! : [];
  // What turned meanwhile is not copied from there any more.
  const topics = held.topics.filter((topic) => primaryOf(roles, topic).region === from);
  return {
    ...roles,
    ...change,
    generation: roles.generation + 1,
    awaitsRestore: { ...roles.awaitsRestore, [region]: [...new Set([...waiting, ...topics])].sort() },
    changedBy: 'restore',
  };
}
