// How much may be read from a source now, where a link has a limit in bytes a second. Pure: a bucket of tokens (bytes) and a
// clock that the caller brings.
//
//   capacity  ├──────────────────────────┤ a second's worth: what may be read at once after a time of silence
//   threshold ├───────────────────┤        from here on everything is asked for, down to the reserve
//   reserve   ├──────┤                     below the threshold only partitions that are live are asked for
//   0         ┤                            below: debt, nothing is asked for
//
// The size of an answer is known when it is there, and a batch that is larger than what was asked for comes whole, so it is
// paid for afterwards and can lead into debt, whatever its size. Partitions that catch up have a tenth of the rate in any
// case: a bucket of their own (`floor`) says when it is their turn although the live ones take all there is.

/** What a request asks for: every partition, those that are at the end of their logs, or those that catch up. */
export type ReadScope = 'all' | 'live' | 'behind';

/** All in bytes but the rate and the clock. */
export interface Bucket {
  readonly bytesPerSecond: number;
  /** What may be read; negative while debt is paid off. */
  readonly level: number;
  /** What of it is due to partitions that catch up; negative when they had more than that before live ones. */
  readonly floor: number;
  /** When it was so, in ms of a clock that never goes back. */
  readonly atMs: number;
}

/** What wants to be read, and by how many readers side by side. */
export interface ReadWish {
  readonly hasLive: boolean;
  readonly hasBehind: boolean;
  /** Another reader has live ones: what catches up here has its turn as it has beside live ones of its own. */
  readonly hasLiveElsewhere?: boolean;
  /** At least 1. Each gets its part, so that together they don't ask for more than there is. */
  readonly readers: number;
  /** Bytes that one answer has at most, apart from a batch that is larger. */
  readonly answerBytesMax: number;
}

export type ReadPlan =
  | {
      readonly kind: 'read';
      readonly scope: ReadScope;
      readonly bytesMax: number;
      /** The broker may wait for data so long, in ms: until those that catch up have their turn. */
      readonly waitMsMax: number;
    }
  | { readonly kind: 'pause'; readonly pauseMs: number };

/** A second's worth evens out long polls and round trips, and is the most that is read at once. */
const capacityMs = 1_000;
/** Kept for live partitions, so that none waits for what the others have read. */
const reserveMs = 250;
/** Read at once by those that catch up: larger pieces waste less, since the batch at the end of an answer is cut off. */
const pieceMs = 500;
/** Read at once by live ones where they take all there is: not a request for each batch. */
const livePieceMs = 50;
/** Of the rate; what those that catch up have although live ones would take it. */
const floorShare = 0.1;

export function newBucket(bytesPerSecond: number, nowMs: number): Bucket {
  const level = worth(bytesPerSecond, capacityMs);
  return { bytesPerSecond, level, floor: level * floorShare, atMs: nowMs };
}

/** The bucket as it is now. A clock that stands still, or goes back, adds nothing. */
export function refilled(bucket: Bucket, nowMs: number): Bucket {
  const { bytesPerSecond, level, floor, atMs } = bucket;
  const gained = worth(bytesPerSecond, Math.max(0, nowMs - atMs));
  const capacity = worth(bytesPerSecond, capacityMs);
  return {
    bytesPerSecond,
    level: Math.min(capacity, level + gained),
    floor: Math.min(capacity * floorShare, floor + gained * floorShare),
    atMs: Math.max(atMs, nowMs),
  };
}

/** The same bucket with another rate: what was read stays paid or owed. */
export function withRate(bucket: Bucket, bytesPerSecond: number): Bucket {
  return refilled({ ...bucket, bytesPerSecond }, bucket.atMs);
}

/** What was read. */
export interface Spending {
  readonly bytes: number;
  /** Those of partitions that catch up. */
  readonly behindBytes: number;
  /** Of the request. Default `all`. */
  readonly scope?: ReadScope;
}

/**
 * The bucket without it. Who had its turn before live ones, and took a batch that is larger than that, waits for the next
 * turn all the longer: such batches are often worth seconds, and live ones would never be asked for.
 */
export function spent(bucket: Bucket, { bytes, behindBytes, scope = 'all' }: Spending): Bucket {
  const { level, floor } = bucket;
  const lowest = scope === 'behind' ? Number.NEGATIVE_INFINITY : Math.min(0, floor);
  return { ...bucket, level: level - bytes, floor: Math.max(lowest, floor - behindBytes) };
}

/** What may be asked for now; the bucket is one that was refilled for this moment. */
export function planRead(bucket: Bucket, wish: ReadWish): ReadPlan {
  const { bytesPerSecond, level, floor } = bucket;
  const { hasLive, hasBehind, hasLiveElsewhere = false, readers, answerBytesMax } = wish;
  const read = (scope: ReadScope, bytes: number, waitMsMax = Number.POSITIVE_INFINITY): ReadPlan => ({
    ...{ kind: 'read', scope, waitMsMax },
    bytesMax: Math.max(1, Math.min(answerBytesMax, Math.floor(bytes / readers))),
  });
  const livePiece = Math.min(worth(bytesPerSecond, livePieceMs), answerBytesMax);
  const untilLiveMs = msUntil(bytesPerSecond, livePiece - level);
  if (!hasBehind) return level >= livePiece ? read('live', level) : { kind: 'pause', pauseMs: untilLiveMs };
  const reserve = worth(bytesPerSecond, reserveMs);
  const threshold = reserve + Math.min(worth(bytesPerSecond, pieceMs), answerBytesMax);
  if (level >= threshold) return read('all', level - reserve);
  const floorFull = worth(bytesPerSecond, capacityMs) * floorShare;
  if ((hasLive || hasLiveElsewhere) && level > 0 && floor >= floorFull) return read('behind', floor);
  const untilThresholdMs = msUntil(bytesPerSecond, threshold - level);
  const untilFloorMs = msUntil(bytesPerSecond * floorShare, floorFull - floor);
  if (!hasLive) {
    const untilFloorTurnMs = Math.max(untilFloorMs, msUntil(bytesPerSecond, -level));
    const pauseMs = hasLiveElsewhere ? Math.min(untilThresholdMs, untilFloorTurnMs) : untilThresholdMs;
    return { kind: 'pause', pauseMs };
  }
  if (level < livePiece) return { kind: 'pause', pauseMs: untilLiveMs };
  return read('live', level, Math.min(untilThresholdMs, untilFloorMs));
}

/** What is read at once at most. */
export function atOnceBytesMax({ bytesPerSecond }: Bucket): number {
  return Math.ceil(worth(bytesPerSecond, capacityMs));
}

function worth(bytesPerSecond: number, ms: number): number {
  return (bytesPerSecond / 1_000) * ms;
}

/** Whole, and never 0: a timer that ends at once would be set again and again. */
function msUntil(bytesPerSecond: number, bytes: number): number {
  return Math.max(1, Math.ceil((bytes / bytesPerSecond) * 1_000));
}
