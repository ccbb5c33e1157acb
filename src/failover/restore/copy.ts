// Waits until the restored region has what the new primary had when the copy was looked at first. The agents copy; the
// logs tell how far they are.
import { setTimeout as pause } from 'node:timers/promises';
import {
  describeConfigs,
  describeLogDirs,
  describeTopics,
  listOffsets,
  type TopicPartition,
  unwrap,
} from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { startTagSetting, startTags } from '../../link/index.ts';
import { hasEnded } from '../../mirror/index.ts';
import { later } from '../../offsets.ts';
import { Slots } from '../../slots.ts';
import { formatBytes, formatBytesPerSecond, formatDuration, plural } from '../../units.ts';
import { clusterLogs, type LogSource, Span } from '../../verify/index.ts';
import type { RestoreGround } from './ground.ts';
import { reading } from './reading.ts';

export interface CopyProgress {
  readonly partitionsDone: number;
  readonly partitions: number;
  /** About, in proportion to offsets. */
  readonly bytesDone: number;
  readonly bytes: number;
  /** Null while nothing can be said. */
  readonly leftMs: number | null;
  readonly bytesPerSecond: number;
}

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

/** How long mirrors may take to let people read what was filled, ms. */
const openMsMax = 60_000;

/**
 * Resolves when nobody is kept from reading these topics any more: offsets in front of their first record are filled
 * and cut off by then.
 * @throws LockstepError KAFKA_ERROR, retriable, when it takes too long.
 */
export async function untilOpened({ lost }: RestoreGround, topics: readonly string[]): Promise<void> {
  const resources = topics.map((name) => ({ type: 'topic', name }) as const);
  await lost.cluster.retry(
    async () => {
      const described = await describeConfigs(lost.cluster, resources, { names: [startTagSetting] });
      const open = described.find(({ outcome }) =>
        openTags.has(unwrap(outcome).get(startTagSetting)?.value ?? ''),
      );
      if (open === undefined) return;
      throw new LockstepError(
        'KAFKA_ERROR',
        `topic ${open.resource.name} of ${lost.name} is still being filled up to its first record`,
        { retriable: true },
      );
    },
    { timeoutMs: openMsMax },
  );
}

const openTags: ReadonlySet<string> = new Set([
  startTags.filling,
  startTags.fillingReadable,
  startTags.opening,
]);

/** `43%  1.2 of 2.8 GiB  12 of 30 partitions  35.0 MiB/s  about 48 s left`. */
export function describeCopy(progress: CopyProgress): string {
  const { partitionsDone, partitions, bytesDone, bytes, bytesPerSecond, leftMs } = progress;
  const share = bytes > 0 ? bytesDone / bytes : partitions === 0 ? 1 : partitionsDone / partitions;
  const cells = Math.floor(share * barCells);
  return [
    `[${'#'.repeat(cells)}${'-'.repeat(barCells - cells)}] ${Math.floor(share * 100)}%`,
    `about ${formatBytes(Math.round(bytesDone))} of ${formatBytes(bytes)}`,
    `${partitionsDone} of ${plural(partitions, 'partition')}`,
    ...(bytesPerSecond > 0 ? [formatBytesPerSecond(bytesPerSecond)] : []),
    ...(leftMs === null || partitionsDone === partitions ? [] : [`about ${formatDuration(leftMs)} left`]),
  ].join('  ');
}

const barCells = 24;

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
  const sizes = new Map<string, bigint>();
  for (const { outcome } of dirs)
    for (const { replicas } of outcome.ok ? outcome.value : [])
      for (const { topic, partition, sizeBytes } of replicas)
        sizes.set(`${topic}/${partition}`, later(sizeBytes, sizes.get(`${topic}/${partition}`) ?? 0n));
  return partitions.map((at, index) => ({
    ...at,
    start: unwrap(starts[index]!.outcome).offset,
    end: unwrap(ends[index]!.outcome).offset,
    bytes: Number(sizes.get(`${at.topic}/${at.partition}`) ?? 0n),
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

/** How many offsets at the end of each restored log are compared with the new primary's. */
const comparedOffsets = 10_000n;
const comparedAtOnceMax = 4;

/**
 * Compares the ends of what was restored.
 * @returns how many records were compared.
 * @throws LockstepError KAFKA_ERROR naming the first partition that differs.
 */
export async function verifyEnds(
  { home, lost }: RestoreGround,
  topics: readonly string[],
  signal: AbortSignal,
): Promise<bigint> {
  const [homeLogs, lostLogs] = [clusterLogs(home.cluster), clusterLogs(lost.cluster)];
  const described = await describeTopics(home.cluster, topics);
  const slots = new Slots(comparedAtOnceMax);
  try {
    const partitions = topics.flatMap((topic) =>
      unwrap(described.get(topic)!).partitions.map((_, partition) => ({ topic, partition })),
    );
    const compared = partitions.map(({ topic, partition }) =>
      slots.use(async () => {
        signal.throwIfAborted();
        const source = homeLogs.partitionLog(topic, partition);
        const destination = lostLogs.partitionLog(topic, partition);
        const [from, to] = [await source.offsets(signal), await destination.offsets(signal)];
        const end = to.highWatermark < from.lastStableOffset ? to.highWatermark : from.lastStableOffset;
        const start = [end - comparedOffsets, from.logStartOffset, to.logStartOffset].reduce(later);
        const span = new Span({ start, end: later(start, end) }, { source, destination, signal });
        await reading(`${topic}-${partition}`, () => span.run());
        if (span.difference === null) return span.compared.records;
        throw new LockstepError(
          'KAFKA_ERROR',
          `${topic}-${partition} differs between ${home.name} and ${lost.name} at offset ${span.difference.offset} (${span.difference.kind}); see lockstep verify`,
        );
      }),
    );
    return (await Promise.all(compared)).reduce((sum, records) => sum + records, 0n);
  } finally {
    homeLogs.close();
    lostLogs.close();
  }
}
