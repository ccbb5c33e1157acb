// A topic as both regions have it.
import type { TopicMetadata, TopicPartition } from '../../client/index.ts';

export interface BothSides {
  readonly topic: string;
  readonly lost: TopicMetadata | undefined;
  readonly home: TopicMetadata | undefined;
}

export function partitionsOf(topic: string, metadata: TopicMetadata | undefined): TopicPartition[] {
  return metadata?.partitions.map((_, partition) => ({ topic, partition })) ?? [];
}
