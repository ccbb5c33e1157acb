// What a source can lie about in its answers, what people then read, and what is odd but no lie.
import type { FetchResponse } from '../../src/protocol/index.ts';
import { type BatchView, batchChecksum, type Compression } from '../../src/records/index.ts';

type FetchAnswer = FetchResponse['responses'][number]['partitions'][number];

export interface SourceLie {
  readonly name: string;
  readonly compression?: Compression;
  readonly size?: 'small';
  /** Changes what the source answers about partition 0. */
  readonly change: (answer: FetchAnswer, batches: BatchView[]) => void;
  /** What people then read. */
  readonly says: RegExp;
}

/** Byte positions in a batch's header (src/records/layout.ts). */
const at = { batchLength: 8, crc: 17, attributes: 21, lastOffsetDelta: 23, recordCount: 57 };
const int32 = ({ buffer, start }: BatchView, position: number, change: (value: number) => number): void => {
  buffer.writeInt32BE(change(buffer.readInt32BE(start + position)), start + position);
};
/** A lie that the checksum agrees with. */
const sealed = (view: BatchView): void => {
  view.buffer.writeInt32BE(batchChecksum(view) | 0, view.start + at.crc);
};
const newest = (views: BatchView[]): BatchView[] => views.filter(({ baseOffset }) => baseOffset === 20n);
const flipLastByte = (view: BatchView): void => {
  const last = view.start + view.sizeBytes - 1;
  view.buffer[last] = view.buffer[last]! ^ 0xff;
};

export const sourceLies: SourceLie[] = [
  {
    name: 'a byte of the records is flipped',
    change: (_answer, views) => views.forEach(flipLastByte),
    says: /CORRUPT_MESSAGE/,
  },
  {
    name: 'a byte of small batches is flipped, which would be merged on the way',
    size: 'small',
    change: (_answer, views) => views.forEach(flipLastByte),
    says: /CORRUPT_MESSAGE/,
  },
  {
    name: 'offsets go back',
    change: (_answer, views) => {
      for (const view of views) view.buffer.writeBigInt64BE(0n, view.start);
    },
    says: /goes back: it holds offsets 0 to 9, and 10 was asked for|goes back: .* ends below 10/,
  },
  ...(['none', 'lz4'] as const).flatMap((compression): SourceLie[] => [
    {
      name: `one record more is counted than there are (${compression})`,
      compression,
      change: (_answer, views) => {
        for (const view of views) {
          int32(view, at.recordCount, (count) => count + 1);
          int32(view, at.lastOffsetDelta, (delta) => delta + 1);
          sealed(view);
        }
      },
      // Where an answer ends behind one of them, the destination refuses it.
      says: /goes back|INVALID_RECORD|lies beyond the end/,
    },
    {
      name: `one record less is counted than there are (${compression})`,
      compression,
      change: (_answer, views) => {
        for (const view of views) {
          int32(view, at.recordCount, (count) => count - 1);
          int32(view, at.lastOffsetDelta, (delta) => delta - 1);
          sealed(view);
        }
      },
      says: /INVALID_RECORD|record/,
    },
    {
      name: `fewer records are counted than offsets, as after compaction (${compression})`,
      compression,
      change: (_answer, views) => {
        for (const view of views) {
          int32(view, at.recordCount, (count) => count - 2);
          sealed(view);
        }
      },
      says: /Corrupt record batch/,
    },
    {
      name: `no records are counted, as in a batch that compaction emptied (${compression})`,
      compression,
      change: (_answer, views) => {
        for (const view of views) {
          int32(view, at.recordCount, () => 0);
          sealed(view);
        }
      },
      says: /counts no records and has \d+ bytes of them/,
    },
  ]),
  ...(['none', 'lz4'] as const).flatMap((compression): SourceLie[] => [
    {
      name: `the newest batch counts one record more than there are (${compression})`,
      compression,
      change: (_answer, views) => {
        for (const view of newest(views)) {
          int32(view, at.recordCount, (count) => count + 1);
          int32(view, at.lastOffsetDelta, (delta) => delta + 1);
          sealed(view);
        }
      },
      // The destination refuses it; or the source, asked from beyond its end, is faster.
      says: /^Blocked .*refuses the batch of \d+ bytes at offset 20: INVALID_RECORD|^SourceTruncated .*below 31/,
    },
    {
      name: `the newest batch reaches further than its records (${compression})`,
      compression,
      change: (_answer, views) => {
        for (const view of newest(views)) {
          int32(view, at.lastOffsetDelta, (delta) => delta + 5);
          sealed(view);
        }
      },
      says: /lies beyond the end: it holds offsets 20 to 34, and the log is decided up to 30/,
    },
  ]),
  {
    name: 'a batch reaches over its neighbour',
    change: (_answer, views) => {
      for (const view of views) {
        int32(view, at.lastOffsetDelta, (delta) => delta + 5);
        sealed(view);
      }
    },
    // An answer may end behind any batch: then it is seen with the next one, or at the end of the log.
    says: /goes back: it holds offsets (10 to 24, and the one before it ends below 15|20 to 34, and the one before it ends below 25)|20 to 34, and the log is decided up to 30/,
  },
  {
    name: 'a batch is longer than the answer',
    change: (_answer, views) => {
      for (const view of views) int32(view, at.batchLength, () => 0x7fffffff);
    },
    says: /length of the batch there says that it is longer/,
  },
  {
    name: 'a length is negative',
    change: (_answer, views) => {
      for (const view of views) int32(view, at.batchLength, () => -1);
    },
    says: /length -1/,
  },
  {
    name: 'a last offset delta is negative',
    change: (_answer, views) => {
      for (const view of views) int32(view, at.lastOffsetDelta, () => -2);
    },
    says: /last offset delta -2/,
  },
  {
    name: 'an offset is beyond the end of the log, which would be a hole of 4.6 * 10^18 offsets',
    change: (_answer, views) => {
      for (const view of views) view.buffer.writeBigInt64BE(2n ** 62n, view.start);
    },
    says: /lies beyond the end/,
  },
  {
    name: 'the source says that it was truncated',
    change: (answer) => {
      answer.divergingEpoch = { epoch: 0, endOffset: 0n };
    },
    says: /truncated/,
  },
];

/** Lies that make no difference to what is copied. */
export const harmless: Omit<SourceLie, 'says'>[] = [
  {
    name: 'aborted transactions that are garbage',
    change: (answer) => {
      answer.abortedTransactions = [
        { producerId: -5n, firstOffset: -10n },
        { producerId: 2n ** 63n - 1n, firstOffset: 2n ** 63n - 1n },
        { producerId: -1n, firstOffset: 0n },
        { producerId: 7n, firstOffset: 3n },
        { producerId: 7n, firstOffset: 3n },
      ];
    },
  },
  {
    name: 'a high watermark above the log end',
    change: (answer) => {
      answer.highWatermark = 2n ** 62n;
      answer.lastStableOffset = 2n ** 62n;
    },
  },
];
