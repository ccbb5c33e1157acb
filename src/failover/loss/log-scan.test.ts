import { describe, expect, test } from 'vitest';
import { BatchView, type EncodeOptions, encodeBatch } from '../../records/index.ts';
import { LogScan } from './log-scan.ts';

/** `count` records from `base` on. */
function data(base: number, count: number, options: Partial<EncodeOptions> = {}): BatchView {
  const records = Array.from({ length: count }, (_, index) => ({
    ...{ offset: BigInt(base + index), timestamp: 1_000n, key: null, value: Buffer.from('v'), headers: [] },
  }));
  return view(records, options);
}

function marker(
  offset: number,
  producerId: bigint,
  { isCommit = true, epoch = 1, atMs = 2_000n } = {},
): BatchView {
  const key = Buffer.alloc(4);
  key.writeInt16BE(isCommit ? 1 : 0, 2);
  const record = { offset: BigInt(offset), timestamp: atMs, key, value: Buffer.alloc(6), headers: [] };
  return view([record], { producerId, producerEpoch: epoch, isTransactional: true, isControl: true });
}

function view(records: Parameters<typeof encodeBatch>[0], options: Partial<EncodeOptions>): BatchView {
  const plain = { compression: 'none', producerId: -1n, producerEpoch: -1, baseSequence: -1 } as const;
  const bytes = encodeBatch(records, { ...plain, ...options } as EncodeOptions);
  return new BatchView(bytes, 0);
}

const transactional = (producerId: bigint, producerEpoch = 0) => ({
  ...{ producerId, producerEpoch, baseSequence: 0, isTransactional: true },
});

function scan(
  from: bigint,
  ...batches: readonly (BatchView | { view: BatchView; isAborted: boolean })[]
): LogScan {
  const all = new LogScan(from);
  for (const batch of batches) all.take('view' in batch ? batch : { view: batch, isAborted: false });
  return all;
}

describe('records from an offset on', () => {
  test('are counted for consumers: no markers, and aborted ones apart', () => {
    const aborted = { view: data(14, 2, transactional(7n)), isAborted: true };
    const { records, abortedRecords } = scan(10n, data(10, 4), aborted, marker(16, 7n, { isCommit: false }));
    expect({ records, abortedRecords }).toEqual({ records: 4n, abortedRecords: 2n });
  });

  test('begin within a batch, where the cut is', () => {
    expect(scan(12n, data(10, 5)).records).toBe(3n);
    expect(scan(15n, data(10, 5)).records).toBe(0n);
  });
});

describe('a transaction', () => {
  test('goes from its first batch to its marker, with others in between', () => {
    const found = scan(
      0n,
      data(10, 2, transactional(7n)),
      data(12, 1, transactional(8n)),
      data(13, 2, transactional(7n)),
      marker(15, 7n),
    );
    expect(found.transactions).toEqual([
      {
        ...{ producerId: 7n, producerEpoch: 0, from: 10n, to: 14n },
        end: { isCommit: true, epoch: 1, atMs: 2_000n },
      },
      { producerId: 8n, producerEpoch: 0, from: 12n, to: 12n, end: null },
    ]);
  });

  test('of the same producer begins anew behind a marker', () => {
    const found = scan(
      0n,
      data(10, 1, transactional(7n)),
      marker(11, 7n, { isCommit: false, epoch: 0 }),
      data(12, 1, transactional(7n)),
      marker(13, 7n, { epoch: 0 }),
    );
    expect(found.transactions.map(({ from, end }) => [from, end?.isCommit])).toEqual([
      [10n, false],
      [12n, true],
    ]);
  });

  test('that began before what is read is left out', () => {
    expect(scan(10n, marker(10, 7n)).transactions).toEqual([]);
  });
});
