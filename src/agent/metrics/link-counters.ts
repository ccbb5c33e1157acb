// What one link did in this process. It outlives the runners that count here: when a partition moves to another agent
// and back, its counter goes on, and a rate over the sum of a topic stays true.
import {
  type MirrorObserver,
  noCounts,
  type PartitionCounters,
  type TopicPartition,
} from '../../mirror/index.ts';
import { LatencyHistogram } from './latency.ts';

export class LinkCounters implements MirrorObserver {
  /** By topic at the source, then by partition; sparse. */
  readonly topics = new Map<string, PartitionCounters[]>();
  readonly fetches = new LatencyHistogram();
  readonly appends = new LatencyHistogram();

  countersOf({ topic, partition }: TopicPartition): PartitionCounters {
    let partitions = this.topics.get(topic);
    if (partitions === undefined) {
      partitions = [];
      this.topics.set(topic, partitions);
    }
    partitions[partition] ??= noCounts();
    return partitions[partition];
  }

  onFetchAnswered(tookMs: number): void {
    this.fetches.observe(tookMs);
  }

  onAppendAcknowledged(tookMs: number): void {
    this.appends.observe(tookMs);
  }
}
