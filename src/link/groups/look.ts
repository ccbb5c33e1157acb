// How groups stand in one cluster: state, type and committed positions, asked with few requests.
import {
  type Cluster,
  type CommittedOffsets,
  fetchOffsetsOfGroups,
  type ListedGroup,
  listGroups,
  type Outcome,
} from '../../client/index.ts';
import type { LockstepError } from '../../errors.ts';
import { type GroupProblem, type Position, type SeenGroup, unsupportedReason } from './plan.ts';
import { missingRight } from './rights.ts';

/** A cluster that does not answer for so long is down for this look, ms. */
const lookMsMax = 10_000;
/** Of Lockstep's own fleets (src/fleet): no group of consumers, and nothing to tell anybody of. */
const fleetProtocol = 'lockstep';

export interface Look {
  /** Every group that the cluster lists for us, whether or not anybody asked for it. */
  readonly listed: ReadonlySet<string>;
  readonly groups: ReadonlyMap<string, SeenGroup>;
}

/**
 * Looks at the groups of a cluster that `selects` wants, and at those in `also`, which may be absent.
 * @throws LockstepError when the cluster can't be reached, or a broker does not list its groups.
 */
export async function lookAtGroups(
  cluster: Cluster,
  side: 'source' | 'destination',
  selects: (groupId: string) => boolean,
  also: readonly string[] = [],
): Promise<Look> {
  const listed = await listGroups(cluster, { timeoutMs: lookMsMax });
  const ofPeople = [...listed.values()].filter(({ protocolType }) => protocolType !== fleetProtocol);
  const taken = ofPeople.map(({ groupId }) => groupId).filter(selects);
  const wanted = [...new Set([...taken, ...also])];
  // Absent, or hidden: Kafka lists only what we may describe. Asking for the offsets tells which.
  const entries = wanted.map((groupId): ListedGroup => listed.get(groupId) ?? absent(groupId));
  const readable = entries.filter((entry) => unsupportedReason(entry, '') === null);
  const fetched = await fetchOffsetsOfGroups(
    cluster,
    readable.map(({ groupId }) => groupId),
    { timeoutMs: lookMsMax },
  );
  const groups = entries.map((entry): SeenGroup => {
    const { positions, problem } = read(fetched.get(entry.groupId), (error) =>
      problemOf(error, cluster, side, entry.groupId),
    );
    return { ...entry, positions, problem };
  });
  return {
    listed: new Set(listed.keys()),
    groups: new Map(groups.map((group) => [group.groupId, group])),
  };
}

/** A missing right with the way to give it, or the error's own words. */
export function problemOf(
  error: LockstepError,
  cluster: Cluster,
  side: 'source' | 'destination',
  groupId: string,
  topic?: string,
): GroupProblem {
  return error.code === 'NOT_AUTHORIZED'
    ? { state: 'NotAuthorized', reason: missingRight(cluster.name, side, groupId, topic) }
    : { state: 'Failed', reason: error.message };
}

function read(
  outcome: Outcome<CommittedOffsets> | undefined,
  explain: (error: LockstepError) => GroupProblem,
): { positions: Position[]; problem: GroupProblem | null } {
  if (outcome === undefined) return { positions: [], problem: null };
  if (!outcome.ok) return { positions: [], problem: explain(outcome.error) };
  const positions: Position[] = [];
  let problem: GroupProblem | null = null;
  for (const { topic, partition, outcome: found } of outcome.value) {
    if (found.ok)
      positions.push({ topic, partition, offset: found.value.offset, metadata: found.value.metadata });
    else problem = explain(found.error);
  }
  return { positions, problem };
}

function absent(groupId: string): ListedGroup {
  return { groupId, protocolType: '', state: 'Absent', type: '' };
}
