// The topics of one cluster as the verifier needs them.

import type { LockstepError } from '../errors.ts';
import type { PartitionLog } from './partition-log.ts';

/** How many partitions a topic has; null where there is no such topic; an error where it cannot be described. */
export type TopicSize = number | null | LockstepError;

/** A cluster whose logs can be read: Kafka in production, arrays in tests. */
export interface LogSource {
  /** The sizes of these topics, by name. */
  topicSizes(topics: readonly string[]): Promise<Map<string, TopicSize>>;
  partitionLog(topic: string, partition: number): PartitionLog;
  /** Closes what was opened for reading. */
  close(): void;
}
