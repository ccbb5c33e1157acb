// What a mirror tells whoever counts. Counters never go back while a process lives, whichever partitions come and go:
// they belong to the observer, and each partition counts in its own, in place.
import type { TopicPartition } from './partition-start.ts';

/** What went wrong, as people count it; the words beside it are in the partition's `lastError`. */
export const errorKinds = [
  /** No connection to the source, or an answer that can't be used as a whole. */
  'sourceUnreachable',
  /** The source answered a fetch with an error. */
  'fetchRefused',
  /** The source sent records that make no sense. */
  'fetchUnreadable',
  /** The destination refused records or markers. */
  'appendRefused',
  /** Nobody knows whether records or markers were appended; the log is read again. */
  'appendUnanswered',
  /** A question about a log, or cutting it, failed. */
  'questionFailed',
] as const;
export type ErrorKind = (typeof errorKinds)[number];

/** What one partition did since the process began. */
export interface PartitionCounters {
  records: number;
  bytes: number;
  batches: number;
  readonly errors: Record<ErrorKind, number>;
}

export function noCounts(): PartitionCounters {
  const errors = Object.fromEntries(errorKinds.map((kind) => [kind, 0])) as Record<ErrorKind, number>;
  return { records: 0, bytes: 0, batches: 0, errors };
}

/** Told in the middle of the work: nothing here may take long or allocate. */
export interface MirrorObserver {
  /** Where a partition counts; the same object each time. */
  countersOf(partition: TopicPartition): PartitionCounters;
  /** A fetch was answered; the broker's own wait for records is part of it. */
  onFetchAnswered(tookMs: number): void;
  /** All in-sync replicas have what one request appended. */
  onAppendAcknowledged(tookMs: number): void;
}
