// Waits until the restored region has what the new primary had when the copy was looked at first. The agents copy; the
// logs tell how far they are.
import { setTimeout as pause } from 'node:timers/promises';
import {
  describeLogDirs,
  describeTopics,
  listOffsets,
  type TopicPartition,
  unwrap,
} from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { hasEnded } from '../../mirror/index.ts';
import { later } from '../../offsets.ts';
import { formatDuration, plural } from '../../units.ts';
import { clusterLogs, type LogSource, Span } from '../../verify/index.ts';
import type { CopyProgress } from './copy-progress.ts';
import type { RestoreGround } from './ground.ts';
import { keyOf } from './lost-logs.ts';
import { largestReplicas } from './topic-costs.ts';

export interface CopyOptions {
  /** Topics whose mirrors are waited for. */
  readonly topics: readonly string[];
  readonly onProgress: (progress: CopyProgress) => void;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface Copied {
  readonly partitions: number;
  readonly bytes: number;
}

const lookEveryMs = 500;
/** No partition moves for so long: what its agents say is told, and then given up, ms. */
const hintAfterMs = 15_000;
const stuckAfterMs = 180_000;
/** Behind the end of the mirror there may be offsets without a record, which it fills when the next record comes. */
const trailingOffsetsMax = 100_000n;

interface Awaited extends TopicPartition {
  /** The new primary's log start and last stable offset when it was looked at first. */
  readonly start: bigint;
  readonly end: bigint;
  readonly bytes: number;
  /** Where the mirror ended at the last look; null: it is not there. */
  reached: bigint | null;
  isDone: boolean;
}

/** @throws LockstepError KAFKA_ERROR, retriable, when nothing moves any more. */
export async function untilCopied(ground: RestoreGround, options: CopyOptions): Promise<Copied> {
  const { home, lost } = ground;
  const { onProgress, say, signal } = options;
  const awaited = await whatIsThere(ground, options.topics);
  const logs = clusterLogs(home.cluster);
  const bytes = awaited.reduce((sum, one) => sum + one.bytes, 0);
  const beganMs = performance.now();
  let bytesAtBegin: number | null = null;
  let movedAtMs = beganMs;
  let hasHinted = false;
  try {
    for (;;) {
      const before = offsetsDone(awaited);
      await lookAtMirrors(ground, awaited, logs);
      if (offsetsDone(awaited) !== before) {
        movedAtMs = performance.now();
        hasHinted = false;
      }
      const bytesDone = awaited.reduce((sum, one) => sum + bytesDoneOf(one), 0);
      bytesAtBegin ??= bytesDone;
      const elapsedMs = performance.now() - beganMs;
      const bytesPerSecond = elapsedMs === 0 ? 0 : ((bytesDone - bytesAtBegin) * 1000) / elapsedMs;
      const partitionsDone = awaited.filter(({ isDone }) => isDone).length;
      onProgress({
        ...{ partitionsDone, partitions: awaited.length, bytesDone, bytes, bytesPerSecond },
        leftMs: bytesPerSecond > 0 ? ((bytes - bytesDone) / bytesPerSecond) * 1000 : null,
      });
      if (partitionsDone === awaited.length) return { partitions: awaited.length, bytes };
      const stillMs = performance.now() - movedAtMs;
      if (stillMs > hintAfterMs && !hasHinted) {
        hasHinted = true;
        say(`nothing has been copied for ${formatDuration(stillMs)}: ${troubleOf(ground, awaited)}`);
      }
      if (stillMs > stuckAfterMs)
        throw new LockstepError(
          'KAFKA_ERROR',
          `nothing has been copied to ${lost.name} for ${formatDuration(stillMs)}: ${troubleOf(ground, awaited)}; mend it, and go on with the same command`,
          { retriable: true },
        );
      await pause(lookEveryMs, undefined, { signal });
    }
  } finally {
    logs.close();
  }
}

async function whatIsThere({ home }: RestoreGround, topics: readonly string[]): Promise<Awaited[]> {
  const described = await describeTopics(home.cluster, topics);
  const partitions = topics.flatMap((topic) => {
    const found = described.get(topic)!;
    return found.ok ? found.value.partitions.map((_, partition) => ({ topic, partition })) : [];
  });
  const counts = new Map(
    Array.from(
      Map.groupBy(partitions, ({ topic }) => topic),
      ([topic, own]) => [topic, own.length],
    ),
  );
  const [starts, ends, dirs] = await Promise.all([
    listOffsets(
      home.cluster,
      partitions.map((at) => ({ ...at, at: 'earliest' as const })),
    ),
    listOffsets(
      home.cluster,
      partitions.map((at) => ({ ...at, at: 'latest' as const })),
      {
        isolationLevel: 'read_committed',
      },
    ),
    describeLogDirs(home.cluster, counts),
  ]);
  const sizes = largestReplicas(dirs);
  return partitions.map((at, index) => ({
    ...at,
    start: unwrap(starts[index]!.outcome).offset,
    end: unwrap(ends[index]!.outcome).offset,
    bytes: Number(sizes.get(keyOf(at)) ?? 0n),
    ...{ reached: null, isDone: false },
  }));
}

async function lookAtMirrors(
  { lost, home }: RestoreGround,
  awaited: readonly Awaited[],
  logs: LogSource,
): Promise<void> {
  const open = awaited.filter(({ isDone }) => !isDone);
  const described = await describeTopics(lost.cluster, [...new Set(open.map(({ topic }) => topic))]);
  const there = open.filter(({ topic, partition }) => {
    const found = described.get(topic)!;
    return found.ok && partition < found.value.partitions.length;
  });
  const ends = await listOffsets(
    lost.cluster,
    there.map(({ topic, partition }) => ({ topic, partition, at: 'latest' as const })),
  );
  for (const [index, one] of there.entries()) {
    const { outcome } = ends[index]!;
    if (!outcome.ok) continue;
    const hasMoved = one.reached !== outcome.value.offset;
    one.reached = outcome.value.offset;
    one.isDone = one.reached >= one.end || (!hasMoved && (await isOnlyHole(home, logs, one)));
  }
}

/** Whether the new primary has no record between the end of the mirror and the offset that is waited for. */
async function isOnlyHole(
  { cluster }: RestoreGround['home'],
  logs: LogSource,
  { topic, partition, start, end, reached }: Awaited,
): Promise<boolean> {
  if (reached === null || reached < start || end - reached > trailingOffsetsMax) return false;
  const log = logs.partitionLog(topic, partition);
  const span = new Span({ start: reached, end }, { source: log, destination: log });
  try {
    return (await span.firstVisible('source', { start: reached, end })) === null;
  } catch {
    // Asked again at the next look.
    return cluster.brokers.length === 0;
  }
}

function offsetsDone(awaited: readonly Awaited[]): bigint {
  return awaited.reduce((sum, { reached }) => sum + (reached ?? 0n), 0n);
}

function bytesDoneOf({ bytes, start, end, reached, isDone }: Awaited): number {
  if (isDone || end <= start) return bytes;
  const done = later((reached ?? start) - start, 0n);
  return Math.min(bytes, (bytes * Number(done)) / Number(end - start));
}

/** What agents say of the partitions that do not come. */
function troubleOf({ lost, link }: RestoreGround, awaited: readonly Awaited[]): string {
  const open = awaited.filter(({ isDone }) => !isDone);
  const { topic, partition } = open[0]!;
  const status = lost.state?.statuses.get(`${link.name}/${topic}/${partition}`);
  const condition =
    lost.state?.conditions.get(`${link.name}/${topic}`) ?? lost.state?.conditions.get(link.name);
  const place = `${topic}-${partition}${open.length > 1 ? ` and ${plural(open.length - 1, 'other partition')}` : ''}`;
  if (condition !== undefined) return `${place}: ${condition.state}, ${condition.reason}`;
  if (status !== undefined && (hasEnded(status.state) || status.reason !== null))
    return `${place}: ${status.state}${status.reason === null ? '' : `, ${status.reason}`}`;
  return `${place}; do agents run for ${lost.name}? Start one there: lockstep run`;
}
