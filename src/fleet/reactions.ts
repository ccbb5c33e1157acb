// What the error codes of the group protocol mean for a member.

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
