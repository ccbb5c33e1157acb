// Committed positions of the groups that a link takes care of, at one region.
import { type Cluster, fetchOffsetsOfGroups, listGroups } from '../../client/index.ts';
import { type LinkConfig, matchesGroup } from '../../topology/index.ts';

export interface GroupPosition {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

/** A region that is slow to answer must not hold up a failover, ms. */
const timeoutMs = 5_000;

/** Groups that can't be read are left out. @throws LockstepError where a broker does not list its groups. */
export async function positionsAt(
  cluster: Cluster,
  links: readonly Pick<LinkConfig, 'groups' | 'excludeGroups'>[],
): Promise<GroupPosition[]> {
  const listed = await listGroups(cluster, { timeoutMs });
  const groups = [...listed.keys()].filter((group) => links.some((link) => matchesGroup(link, group)));
  if (groups.length === 0) return [];
  const fetched = await fetchOffsetsOfGroups(cluster, groups, { timeoutMs });
  return [...fetched].flatMap(([group, outcome]) =>
    !outcome.ok
      ? []
      : outcome.value.flatMap(({ topic, partition, outcome: position }) =>
          position.ok ? [{ group, topic, partition, offset: position.value.offset }] : [],
        ),
  );
}
