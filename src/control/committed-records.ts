// What a fetch of the control topic brought: committed records only, each once.
import { LockstepError } from '../errors.ts';
import {
  type AbortedTransaction,
  type MarkedBatch,
  markAborted,
  readRecords,
  splitBatches,
} from '../records/index.ts';

/** A committed record; text is null for a tombstone. */
export interface LogRecord {
  readonly key: string;
  readonly text: string | null;
  readonly offset: bigint;
}

export interface CommittedRecords {
  /** In the order of the log. */
  readonly records: readonly LogRecord[];
  /** From where to read on; the asked offset when there was no batch. */
  readonly nextOffset: bigint;
  /** Of the last batch; null when there was none. */
  readonly leaderEpoch: number | null;
  /** Batches that can't be read, and so are left out: one that stops everybody for ever would be worse. */
  readonly unreadable: readonly string[];
}

/** The answer to a read_committed fetch from `fromOffset` on; brokers answer with whole batches, earlier records too. */
export function committedRecords(
  answer: {
    readonly records: Buffer | null;
    readonly abortedTransactions: readonly AbortedTransaction[] | null;
  },
  fromOffset: bigint,
): CommittedRecords {
  const { batches } = splitBatches(answer.records ?? Buffer.alloc(0));
  const records: LogRecord[] = [];
  const unreadable: string[] = [];
  for (const batch of markAborted(batches, answer.abortedTransactions)) {
    try {
      records.push(...recordsOf(batch, fromOffset));
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      unreadable.push(error.message);
    }
  }
  const last = batches.at(-1);
  const isNew = last !== undefined && last.nextOffset > fromOffset;
  return {
    records,
    nextOffset: isNew ? last.nextOffset : fromOffset,
    leaderEpoch: isNew ? last.partitionLeaderEpoch : null,
    unreadable,
  };
}

function recordsOf({ view, isAborted }: MarkedBatch, fromOffset: bigint): LogRecord[] {
  if (view.isControl || isAborted || view.nextOffset <= fromOffset) return [];
  return Array.from(readRecords(view)).flatMap(({ offset, key, value }) =>
    // Without a key there is nothing that it could be the value of; only a topic that is not compacted lets it in.
    offset < fromOffset || key === null
      ? []
      : [{ key: key.toString(), text: value?.toString() ?? null, offset }],
  );
}
