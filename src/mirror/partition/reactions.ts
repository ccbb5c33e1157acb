// How a partition answers each error code that a broker can give to its appends and fetches (Errors.java).
// Codes that stand in neither table make the partition recover and try again, with the code shown as reason.

/** What an append error means for the partition. */
export type AppendReaction =
  /** Nothing was appended, or it can't be known: read the log end and go on from there. */
  | 'recover'
  /** Another worker holds the partition. */
  | 'fenced'
  /** The broker will never take this batch as things stand. */
  | 'blocked'
  /** A right is missing. */
  | 'notAuthorized'
  /** The topic at the destination is another one than before. */
  | 'recreated';

const appendReactions: Readonly<Record<number, AppendReaction>> = {
  10: 'blocked', // MESSAGE_TOO_LARGE
  17: 'blocked', // INVALID_TOPIC_EXCEPTION
  18: 'blocked', // RECORD_LIST_TOO_LARGE
  29: 'notAuthorized', // TOPIC_AUTHORIZATION_FAILED
  31: 'notAuthorized', // CLUSTER_AUTHORIZATION_FAILED
  32: 'blocked', // INVALID_TIMESTAMP
  43: 'blocked', // UNSUPPORTED_FOR_MESSAGE_FORMAT
  44: 'blocked', // POLICY_VIOLATION
  47: 'fenced', // INVALID_PRODUCER_EPOCH
  76: 'blocked', // UNSUPPORTED_COMPRESSION_TYPE
  87: 'blocked', // INVALID_RECORD
  90: 'fenced', // PRODUCER_FENCED
  100: 'recreated', // UNKNOWN_TOPIC_ID
  103: 'recreated', // INCONSISTENT_TOPIC_ID
};

/** What the partition does about an error code in its Produce answer. */
export function reactionToAppendError(errorCode: number): AppendReaction {
  return appendReactions[errorCode] ?? 'recover';
}

/** What a fetch error means for the partition. */
export type FetchReaction =
  /** Metadata was stale or a broker busy: the reader tries again, the mirror's state stays as it is. */
  | 'retry'
  /** The offset is gone or the log can't be read: look at both logs again, with the reason shown. */
  | 'recover'
  | 'notAuthorized'
  | 'recreated';

const fetchReactions: Readonly<Record<number, FetchReaction>> = {
  1: 'recover', // OFFSET_OUT_OF_RANGE
  3: 'retry', // UNKNOWN_TOPIC_OR_PARTITION
  5: 'retry', // LEADER_NOT_AVAILABLE
  6: 'retry', // NOT_LEADER_OR_FOLLOWER
  9: 'retry', // REPLICA_NOT_AVAILABLE
  29: 'notAuthorized', // TOPIC_AUTHORIZATION_FAILED
  74: 'retry', // FENCED_LEADER_EPOCH
  75: 'retry', // UNKNOWN_LEADER_EPOCH
  78: 'retry', // OFFSET_NOT_AVAILABLE
  100: 'recreated', // UNKNOWN_TOPIC_ID
  103: 'recreated', // INCONSISTENT_TOPIC_ID
};

/** What the partition does about an error code in its Fetch answer. */
export function reactionToFetchError(errorCode: number): FetchReaction {
  return fetchReactions[errorCode] ?? 'recover';
}
