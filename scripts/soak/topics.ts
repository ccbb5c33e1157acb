// The topics of a soak: one for each kind of log that a mirror has to keep identical.
import type { JavaTopic } from '../../test/support/java-clients.ts';

export interface SoakTopic extends JavaTopic {
  readonly partitions: number;
  readonly says: string;
  /** The cleaner runs on both sides, at its own pace on each. */
  readonly isCompacted?: boolean;
}

export const soakTopics: readonly SoakTopic[] = [
  { name: 'orders', partitions: 4, says: 'keys, headers, nulls, every codec, idempotent producers' },
  { name: 'tiny', partitions: 2, says: 'batches of one record' },
  { name: 'payments', partitions: 3, says: 'transactions: committed, aborted, interleaved, left open' },
  { name: 'ledger', partitions: 2, says: 'the other topic of those transactions' },
  { name: 'outputs', partitions: 2, says: 'written by an application with exactly-once semantics' },
  {
    name: 'profiles',
    partitions: 2,
    says: 'compacted all the time, with tombstones',
    isCompacted: true,
    configs: {
      'cleanup.policy': 'compact',
      'min.cleanable.dirty.ratio': '0.01',
      // Longer than the mirror is ever behind: who reads later than that misses tombstones, as any consumer does.
      'delete.retention.ms': '120000',
      'segment.ms': '1500',
    },
  },
  {
    name: 'stamped',
    partitions: 2,
    says: 'LogAppendTime',
    configs: { 'message.timestamp.type': 'LogAppendTime' },
  },
  { name: 'trimmed', partitions: 2, says: 'starts above 0; DeleteRecords again and again' },
];

export const trimmedTopic = 'trimmed';
