// What a restore takes, as far as can be told before: bytes over the wire, room on disks, time. Pure.
//
// A broker tells how large a log is, not how its bytes lie along its offsets, so parts of a log are told in
// proportion to the offsets that they span. Those numbers say "about".
import { later } from '../../offsets.ts';
import {
  copiedTopics,
  deletedTopics,
  type HistoryChoice,
  type RestorePlan,
  type TopicPlan,
} from './types.ts';

/** What a copy is assumed to bring over, bytes a second: a link's usual pace between regions. Nothing was measured. */
export const assumedBytesPerSecond = 20 * 1024 * 1024;

export interface LogSize {
  readonly start: bigint;
  readonly end: bigint;
  /** Null: the broker does not tell. */
  readonly sizeBytes: bigint | null;
}

/** About what the offsets from `from` on take. */
export function bytesFrom({ start, end, sizeBytes }: LogSize, from: bigint): bigint | null {
  if (sizeBytes === null) return null;
  const begin = later(start, from);
  if (begin >= end) return 0n;
  return (sizeBytes * (end - begin)) / (end - start);
}

/** About what the offsets from `from` to `to`, which is excluded, take. */
export function bytesBetween(log: LogSize, from: bigint, to: bigint): bigint | null {
  const [whole, rest] = [bytesFrom(log, from), bytesFrom(log, to)];
  return whole === null || rest === null ? null : whole - rest;
}

/** Null where one of them is unknown. */
export function sumOf(sizes: Iterable<bigint | null>): bigint | null {
  let sum = 0n;
  for (const size of sizes) {
    if (size === null) return null;
    sum += size;
  }
  return sum;
}

export interface ChoiceCost {
  /** Copied from the new primary: what crosses between the regions. */
  readonly trafficBytes: bigint | null;
  /** What the disks of the restored region hold more at the end, all replicas and what is saved; may be negative. */
  readonly diskBytes: bigint | null;
  /** At the assumed pace. */
  readonly durationMs: number | null;
}

export interface RestoreCost {
  readonly byChoice: Readonly<Record<HistoryChoice, ChoiceCost>>;
  /** About what is saved of tails; it stays within the region. */
  readonly tailBytes: bigint | null;
  /** About what is saved of history that the new primary does not have; it stays within the region. */
  readonly olderBytes: bigint | null;
  /** To save both and to read both back, at the assumed pace. */
  readonly saveMs: number | null;
  /** What is saved, all replicas: the disks hold it beside what is deleted later. */
  readonly savedStoredBytes: bigint | null;
  /** Given back by what is deleted, all replicas. */
  readonly freedBytes: bigint | null;
  /** Of all brokers of the region; null: unknown. */
  readonly usableBytes: bigint | null;
}

export function costOf(plan: RestorePlan): RestoreCost {
  const deleted = deletedTopics(plan);
  const tailBytes = sumOf(deleted.map(({ cost }) => cost.tailBytes));
  const olderBytes = sumOf(deleted.map(({ cost }) => cost.olderBytes));
  const savedBytes = sumOf([tailBytes, olderBytes]);
  const savedStored = sumOf(
    deleted.map(({ cost }) => replicated(sumOf([cost.tailBytes, cost.olderBytes]), cost)),
  );
  const freedBytes = sumOf(deleted.map(({ cost }) => replicated(cost.freedBytes, cost)));
  const choice = (history: HistoryChoice): ChoiceCost => {
    const trafficBytes = sumOf(copiedTopics(plan).map((topic) => copyBytesOf(topic, history)));
    const stored = sumOf(
      copiedTopics(plan).map((topic) => replicated(copyBytesOf(topic, history), topic.cost)),
    );
    return {
      trafficBytes,
      diskBytes:
        stored === null || savedStored === null || freedBytes === null
          ? null
          : stored + savedStored - freedBytes,
      durationMs: durationOf(trafficBytes),
    };
  };
  return {
    byChoice: { all: choice('all'), 'from-divergence': choice('from-divergence') },
    ...{ tailBytes, olderBytes, savedStoredBytes: savedStored, freedBytes },
    // Written once, and read back with the log that it came from.
    saveMs: durationOf(savedBytes === null ? null : savedBytes * 3n),
    usableBytes: plan.usableBytes.size === 0 ? null : sumOf(plan.usableBytes.values()),
  };
}

/** What a copy of one topic brings over. */
export function copyBytesOf(topic: TopicPlan, history: HistoryChoice): bigint | null {
  return topic.cost.copyBytes[historyOf(topic, history)];
}

/** The newest value of a key may be old: a compacted topic is copied as a whole, whatever was chosen. */
export function historyOf({ isCompacted }: TopicPlan, history: HistoryChoice): HistoryChoice {
  return isCompacted ? 'all' : history;
}

function durationOf(bytes: bigint | null): number | null {
  return bytes === null ? null : Number((bytes * 1000n) / BigInt(assumedBytesPerSecond));
}

/** Whether what is saved does not fit on the region's disks beside what is there: it is saved before anything is deleted. */
export function lacksRoom(cost: RestoreCost, history: HistoryChoice): boolean {
  const { usableBytes, savedStoredBytes } = cost;
  const { diskBytes } = cost.byChoice[history];
  if (usableBytes === null) return false;
  return later(savedStoredBytes ?? 0n, diskBytes ?? 0n) > usableBytes;
}

function replicated(
  bytes: bigint | null,
  { replicationFactor }: { replicationFactor: number },
): bigint | null {
  return bytes === null ? null : bytes * BigInt(replicationFactor);
}
