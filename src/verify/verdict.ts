// What a verification says. The same types are shown as a table and printed as JSON (see report.ts).

/** The two logs that are compared. */
export type Side = 'source' | 'destination';

/** A range of offsets, `end` excluded. */
export interface OffsetRange {
  start: bigint;
  end: bigint;
}

/**
 * How two logs differ. `offset` means that a record stands at another offset than it should; `missing` and `extra`
 * are seen from the destination. Content is never part of a verdict.
 */
export const differenceKinds = [
  'topicMissing',
  'partitionMissing',
  'start',
  'missing',
  'extra',
  'offset',
  'timestamp',
  'key',
  'value',
  'headers',
  'end',
] as const;
export type DifferenceKind = (typeof differenceKinds)[number];

export interface Difference {
  kind: DifferenceKind;
  /** Where it is: the source's offset, or the destination's for `extra`; null where nothing has an offset. */
  offset: bigint | null;
  /** For `start`, `end` and `offset`: what each side has, each in its own offsets. */
  sourceOffset?: bigint;
  destinationOffset?: bigint;
  /** For `topicMissing` and `partitionMissing`: the side that lacks it. */
  missingOn?: Side;
}

/**
 * Why offsets were not compared:
 * - `openTransaction`: the source has not decided yet whether these records count.
 * - `lagging`: the destination moves, but had not arrived when the time was over.
 * - `retention`: `side` no longer has them; for the destination its settings can explain that. What the other side
 *   has there, records or holes, was not compared with anything.
 * - `beforeStart`: the link was told to begin the mirror later (`startAt`), so the destination never gets these.
 * - `beforeTakeover`: MirrorMaker 2 copied these before the mirror was taken over (`lockstep migrate`), at offsets that
 *   differ from the source's by other amounts.
 * - `startUnexplained`: the destination starts behind records that the source has, and its retention settings
 *   don't explain that, or have taken more than they would have taken from the source.
 * - `compaction`: one side has records that the other lacks, on a compacted topic, and it could not be proven that
 *   the cleaner was right to remove them.
 * - `cancelled`: the caller stopped it.
 * - `stalled`: a broker gave nothing for offsets that it says it has.
 * - `failed`: an error, whose code and words are in `errorCode` and `message`.
 */
export type NotComparedReason =
  | 'openTransaction'
  | 'lagging'
  | 'retention'
  | 'beforeStart'
  | 'beforeTakeover'
  | 'startUnexplained'
  | 'compaction'
  | 'cancelled'
  | 'stalled'
  | 'failed';

export interface NotCompared extends OffsetRange {
  reason: NotComparedReason;
  side: Side | null;
  /** How many records of the range this is about, where it is not about all offsets of it. */
  records?: bigint;
  errorCode?: string;
  message?: string;
}

export interface Compared {
  /** Offsets that were compared from `start` to `end`, holes included. */
  start: bigint;
  end: bigint;
  /** Records that stand on both sides, equal. */
  records: bigint;
  /** Batches found equal byte for byte, without a look at their records. */
  equalBatches: number;
  /** Batches of both sides whose records were compared one by one. */
  openedBatches: number;
  /** Offsets without a record for consumers on either side: markers, aborted records, compacted ones. */
  holes: bigint;
  /** Records of the destination in a gap of the source, each equal to the record that follows the gap. */
  filledCopies: bigint;
  /** Records that one side's cleaner has removed, of both sides, whether or not proven right already. */
  compactedRecords: bigint;
}

/** `different` is proven; `incomplete` found nothing wrong but could not see everything. */
export type Outcome = 'identical' | 'different' | 'incomplete';

export interface PartitionVerdict {
  topic: string;
  /** The destination's name of it, where it differs. */
  destinationTopic: string;
  /** Null where the verdict is about the whole topic: it is missing, or cannot be described. */
  partition: number | null;
  outcome: Outcome;
  /** At most one of each group, in this order: topic or partition, start, the first record, end. */
  differences: Difference[];
  notCompared: NotCompared[];
  compared: Compared;
  /** Offsets that each side held when the verification began; null where there is no such partition. */
  source: OffsetRange | null;
  destination: OffsetRange | null;
  /** The destination's offsets are lower by this, in a link that starts `shifted`; otherwise 0. */
  shift: bigint;
  /** Bytes read from both sides. */
  bytesRead: number;
  elapsedMs: number;
}

export interface LinkVerdict {
  outcome: Outcome;
  partitions: PartitionVerdict[];
  elapsedMs: number;
}

/** What a side rightly lacks. */
const rightly: ReadonlySet<NotComparedReason> = new Set(['retention', 'beforeStart', 'beforeTakeover']);

/** Differences make it different, gaps in what was compared incomplete; what a side rightly lacks is only counted. */
export function outcomeOf(differences: readonly unknown[], notCompared: readonly NotCompared[]): Outcome {
  if (differences.length > 0) return 'different';
  return notCompared.some(({ reason }) => !rightly.has(reason)) ? 'incomplete' : 'identical';
}

/** The outcome of all together. */
export function worst(all: readonly { outcome: Outcome }[]): Outcome {
  if (all.some(({ outcome }) => outcome === 'different')) return 'different';
  return all.some(({ outcome }) => outcome === 'incomplete') ? 'incomplete' : 'identical';
}

export function nothingCompared(offset: bigint): Compared {
  return {
    start: offset,
    end: offset,
    records: 0n,
    equalBatches: 0,
    openedBatches: 0,
    holes: 0n,
    filledCopies: 0n,
    compactedRecords: 0n,
  };
}

/** What two comparisons saw together; the second begins where the first ended. */
export function joined(one: Compared, other: Compared): Compared {
  return {
    start: one.start,
    end: other.end,
    records: one.records + other.records,
    equalBatches: one.equalBatches + other.equalBatches,
    openedBatches: one.openedBatches + other.openedBatches,
    holes: one.holes + other.holes,
    filledCopies: one.filledCopies + other.filledCopies,
    compactedRecords: one.compactedRecords + other.compactedRecords,
  };
}
