// Who runs: workers of MirrorMaker 2, and agents of Lockstep.
import { fleetGroup } from '../agent/index.ts';
import { type Cluster, describeGroups, unwrap } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import type { ConnectMember, ConnectPlace } from './types.ts';

/** Members of a group; none where there is no such group. */
export async function membersOf(cluster: Cluster, groupId: string): Promise<ConnectMember[]> {
  const described = unwrap((await describeGroups(cluster, [groupId])).get(groupId)!);
  return described.members.map(({ memberId, clientId, clientHost }) => ({
    ...{ memberId, clientId, host: clientHost.replace(/^\//, '') },
  }));
}

/** @throws LockstepError MIRROR_MAKER_RUNS naming its workers. */
export async function requireStopped(destination: Cluster, { group }: ConnectPlace): Promise<void> {
  const members = await membersOf(destination, group);
  if (members.length > 0) throw stillRuns(destination.name, group, members);
}

export function stillRuns(
  destination: string,
  group: string,
  members: readonly ConnectMember[],
): LockstepError {
  const text = `cluster ${destination}: MirrorMaker 2 still runs: group ${group} has ${membersText(members)}. Stop it and type the same again; one that was killed is gone after its session time-out, ten seconds unless set`;
  return new LockstepError('MIRROR_MAKER_RUNS', text, { detail: { group } });
}

function membersText(members: readonly ConnectMember[]): string {
  const shown = members.slice(0, 3).map(({ memberId, host }) => `${memberId} at ${host}`);
  const more = members.length > shown.length ? ` and ${members.length - shown.length} more` : '';
  return `member ${shown.join(', ')}${more}`;
}

/** @throws LockstepError AGENT_RUNS naming them. */
export async function requireNoAgent(destination: Cluster, why: string): Promise<void> {
  const members = await membersOf(destination, fleetGroup);
  if (members.length === 0) return;
  const text = `cluster ${destination.name}: agents of Lockstep run: group ${fleetGroup} has ${membersText(members)}. Stop them and type the same again: ${why}`;
  throw new LockstepError('AGENT_RUNS', text, { detail: { group: fleetGroup } });
}
