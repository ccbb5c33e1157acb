// What becomes of one source batch: an append that lands on exactly the same offsets, or a named reason why
// this version of the mirror can't copy it. A wrong copy is never an option.

/** The header fields of a batch that decide; `BatchView` of src/records has them all. */
export interface SourceBatch {
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly magic: number;
  readonly isControl: boolean;
  readonly isTransactional: boolean;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly recordCount: number;
  readonly sizeBytes: number;
  readonly partitionLeaderEpoch: number;
}

/** Why a batch can't be copied. docs/states.md has a row for each. */
export type ObstacleKind =
  | 'HoleAhead'
  | 'TransactionAhead'
  | 'CompactedBatch'
  | 'LogAppendTime'
  | 'OldRecordFormat'
  | 'MisalignedBatch';

/** Where the mirror has to stop, and why. */
export interface Obstacle {
  readonly kind: ObstacleKind;
  /** The first offset that can't be copied. */
  readonly offset: bigint;
  /** One clause for people. */
  readonly reason: string;
}

/** `null`: append it as it is, at `expectedOffset`. `'behind'`: the mirror has it already. */
export type BatchVerdict = null | 'behind' | Obstacle;

/**
 * Judges the next source batch of a partition whose mirror ends at `expectedOffset`.
 * The order of the checks matters: fields of old formats are not where v2 has them.
 */
export function judgeBatch(batch: SourceBatch, expectedOffset: bigint): BatchVerdict {
  if (batch.magic !== 2) {
    return stop(
      'OldRecordFormat',
      expectedOffset,
      `the batch has record format v${batch.magic}; only v2 is copied`,
    );
  }
  if (batch.lastOffset < expectedOffset) return 'behind';
  if (batch.baseOffset > expectedOffset) {
    const count = batch.baseOffset - expectedOffset;
    return stop(
      'HoleAhead',
      expectedOffset,
      `the source has no batch for ${count} offsets, up to ${batch.baseOffset}`,
    );
  }
  if (batch.baseOffset < expectedOffset) {
    return stop(
      'MisalignedBatch',
      expectedOffset,
      `the source batch spans ${batch.baseOffset} to ${batch.lastOffset}, and the mirror ends inside it`,
    );
  }
  if (batch.isControl) return stop('TransactionAhead', expectedOffset, 'the batch is a transaction marker');
  if (batch.isTransactional)
    return stop('TransactionAhead', expectedOffset, 'the batch belongs to a transaction');
  if (BigInt(batch.recordCount) !== batch.lastOffset - batch.baseOffset + 1n) {
    return stop(
      'CompactedBatch',
      expectedOffset,
      `the batch holds ${batch.recordCount} records for ${batch.lastOffset - batch.baseOffset + 1n} offsets (compaction)`,
    );
  }
  if (batch.timestampType === 'LogAppendTime') {
    return stop(
      'LogAppendTime',
      expectedOffset,
      'the batch carries the source broker’s clock (LogAppendTime)',
    );
  }
  return null;
}

function stop(kind: ObstacleKind, offset: bigint, reason: string): Obstacle {
  return { kind, offset, reason };
}
