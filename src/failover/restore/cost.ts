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
  /** What the disks of the restored region hold more at the end, all replicas and the saved tails; may be negative. */
  readonly diskBytes: bigint | null;
  /** At the assumed pace. */
  readonly durationMs: number | null;
}

export interface RestoreCost {
  readonly byChoice: Readonly<Record<HistoryChoice, ChoiceCost>>;
  /** About what is saved of tails; it stays within the region. */
  readonly tailBytes: bigint | null;
  /** Given back by what is deleted, all replicas. */
  readonly freedBytes: bigint | null;
  /** Of all brokers of the region; null: unknown. */
  readonly usableBytes: bigint | null;
}

export function costOf(plan: RestorePlan): RestoreCost {
  const tailBytes = sumOf(deletedTopics(plan).map(({ cost }) => replicated(cost.tailBytes, cost)));
  const freedBytes = sumOf(deletedTopics(plan).map(({ cost }) => replicated(cost.freedBytes, cost)));
  const choice = (history: HistoryChoice): ChoiceCost => {
    const trafficBytes = sumOf(copiedTopics(plan).map((topic) => copyBytesOf(topic, history)));
    const stored = sumOf(
      copiedTopics(plan).map((topic) => replicated(copyBytesOf(topic, history), topic.cost)),
    );
    return {
      trafficBytes,
      diskBytes:
        stored === null || tailBytes === null || freedBytes === null ? null : stored + tailBytes - freedBytes,
      durationMs:
        trafficBytes === null ? null : Number((trafficBytes * 1000n) / BigInt(assumedBytesPerSecond)),
    };
  };
  return {
    byChoice: { all: choice('all'), 'from-divergence': choice('from-divergence') },
    tailBytes: sumOf(deletedTopics(plan).map(({ cost }) => cost.tailBytes)),
    freedBytes,
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

/** Whether the tails do not fit on the region's disks beside what is there: they are saved before anything is deleted. */
export function lacksRoom(cost: RestoreCost, history: HistoryChoice): boolean {
  const { usableBytes, tailBytes } = cost;
  const { diskBytes } = cost.byChoice[history];
  if (usableBytes === null) return false;
  return later(tailBytes ?? 0n, diskBytes ?? 0n) > usableBytes;
}

function replicated(
  bytes: bigint | null,
  { replicationFactor }: { replicationFactor: number },
): bigint | null {
  return bytes === null ? null : bytes * BigInt(replicationFactor);
}
