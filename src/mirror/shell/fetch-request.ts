// A Fetch as a session wants it, with the leader epochs a follower would send (KIP-320, KIP-595), so that a truncated source
// answers with DivergingEpoch instead of other records.
import type { FetchRequest, Input } from '../../protocol/index.ts';
import type { FetchPosition, SessionRequest } from './fetch-session.ts';

const readCommitted = 1;

export interface FetchLimits {
  /** In all, and of each partition. */
  readonly bytesMax: number;
  readonly partitionBytesMax: number;
  readonly waitMs: number;
}

export function fetchRequest(
  session: SessionRequest,
  { bytesMax, partitionBytesMax: partitionMaxBytes, waitMs }: FetchLimits,
): Input<FetchRequest> {
  return {
    maxWaitMs: waitMs,
    minBytes: 1,
    maxBytes: bytesMax,
    isolationLevel: readCommitted,
    sessionId: session.sessionId,
    sessionEpoch: session.sessionEpoch,
    topics: groupByTopic(session.changed, (position) => ({
      partition: position.partition,
      currentLeaderEpoch: position.leaderEpoch,
      fetchOffset: position.offset,
      lastFetchedEpoch: position.lastFetchedEpoch,
      partitionMaxBytes,
    })),
    forgottenTopicsData: groupByTopic(session.forgotten, (position) => position.partition),
  };
}

function groupByTopic<T>(
  positions: readonly FetchPosition[],
  map: (position: FetchPosition) => T,
): { topic: string; topicId: string; partitions: T[] }[] {
  // A topic that was made anew is another one, and for a moment both are followed.
  const topics = new Map<string, { topic: string; topicId: string; partitions: T[] }>();
  for (const position of positions) {
    const { topic, topicId } = position;
    const key = `${topicId}/${topic}`;
    const known = topics.get(key);
    if (known) known.partitions.push(map(position));
    else topics.set(key, { topic, topicId, partitions: [map(position)] });
  }
  return [...topics.values()];
}
