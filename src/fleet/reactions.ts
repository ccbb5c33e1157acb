// What the error codes of the group protocol mean for a member.
import { grantCommand } from '../client/index.ts';

export type GroupReaction =
  /** Fine. */
  | 'ok'
  /** The group is being shared out anew: join. */
  | 'join'
  /** Take the member id that the answer carries, and join with it (KIP-394). */
  | 'takeMemberId'
  /** The group does not know this member any more: what it holds is lost; join as a new one. */
  | 'unknown'
  /** Another generation: what it holds is lost; the member itself may still be known. */
  | 'lost'
  /** The coordinator is elsewhere: look it up. */
  | 'find'
  /** Try again a little later. */
  | 'wait'
  /** Does not get better by itself: tell people, try again now and then. */
  | 'refused';

const reactions: Readonly<Record<number, GroupReaction>> = {
  0: 'ok',
  14: 'wait', // COORDINATOR_LOAD_IN_PROGRESS
  15: 'find', // COORDINATOR_NOT_AVAILABLE
  16: 'find', // NOT_COORDINATOR
  22: 'lost', // ILLEGAL_GENERATION
  25: 'unknown', // UNKNOWN_MEMBER_ID
  27: 'join', // REBALANCE_IN_PROGRESS
  79: 'takeMemberId', // MEMBER_ID_REQUIRED
  82: 'unknown', // FENCED_INSTANCE_ID
};

/** What to do about an error code of JoinGroup, SyncGroup or Heartbeat. */
export function reactionTo(errorCode: number): GroupReaction {
  return reactions[errorCode] ?? 'refused';
}

/** Refused, but somebody else may mend it any moment: GROUP_MAX_SIZE_REACHED, when a member leaves. */
export function mayPassByItself(errorCode: number): boolean {
  return errorCode === 81;
}

/** What a person can do about a refusal, where there is something to say. */
export function wayOut(errorCode: number, groupId: string): string | null {
  switch (errorCode) {
    case 23: // INCONSISTENT_GROUP_PROTOCOL
      return `The group's members speak no version that this agent speaks, or another application uses the group id ${groupId}: see kafka-consumer-groups --describe --group ${groupId} --members`;
    case 24: // INVALID_GROUP_ID
      return 'Choose another group id';
    case 26: // INVALID_SESSION_TIMEOUT
      return 'Choose a session timeout between group.min.session.timeout.ms and group.max.session.timeout.ms of the brokers';
    case 30: // GROUP_AUTHORIZATION_FAILED
      return `Grant this user READ on group ${groupId}: ${grantCommand('the destination', { operation: 'Read', resource: { group: groupId } })}`;
    case 81: // GROUP_MAX_SIZE_REACHED
      return 'Raise group.max.size of the brokers, or run fewer agents';
    default:
      return null;
  }
}
