// A fetch as brokers answer it: whole batches, markers, aborted transactions, and what can't be read.
import { expect, test } from 'vitest';
import { encodeBatch, type RecordView } from '../records/index.ts';
import { committedRecords } from './committed-records.ts';

function record(offset: bigint, key: string | null, value: string | null): RecordView {
  const bytes = (text: string | null) => (text === null ? null : Buffer.from(text));
  return { offset, timestamp: 1n, key: bytes(key), value: bytes(value), headers: [] };
}
const ofProducer = { producerId: 9n, producerEpoch: 0, baseSequence: 0, isTransactional: true };
const marker = (offset: bigint, type: 0 | 1) =>
  encodeBatch([{ ...record(offset, null, ''), key: Buffer.from([0, 0, 0, type]) }], {
    ...{ producerId: 9n, producerEpoch: 0, baseSequence: -1 },
    isTransactional: true,
    isControl: true,
  });

function read(batches: Buffer[], fromOffset: bigint, abortedAt?: bigint) {
  const abortedTransactions = abortedAt === undefined ? null : [{ producerId: 9n, firstOffset: abortedAt }];
  return committedRecords({ records: Buffer.concat(batches), abortedTransactions }, fromOffset);
}

test('nothing new: the same offset again', () => {
  expect(read([], 7n)).toEqual({ records: [], nextOffset: 7n, leaderEpoch: null, unreadable: [] });
});

test('records from the asked offset on, tombstones too; what a batch holds before it is not read again', () => {
  const batch = encodeBatch([record(3n, 'a', '1'), record(4n, 'b', null), record(5n, 'c', '3')], {
    partitionLeaderEpoch: 6,
  });
  expect(read([batch], 4n)).toEqual({
    records: [
      { key: 'b', text: null, offset: 4n },
      { key: 'c', text: '3', offset: 5n },
    ],
    nextOffset: 6n,
    leaderEpoch: 6,
    unreadable: [],
  });
  expect(read([batch], 6n)).toMatchObject({ records: [], nextOffset: 6n, leaderEpoch: null });
});

test('an aborted transaction is not there, a committed one of the same producer is, markers never are', () => {
  const batches = [
    encodeBatch([record(0n, 'aborted', '1')], ofProducer),
    encodeBatch([record(1n, 'plain', '2')]),
    marker(2n, 0),
    encodeBatch([record(3n, 'committed', '3')], ofProducer),
    marker(4n, 1),
  ];
  const { records, nextOffset } = read(batches, 0n, 0n);
  expect(records.map(({ key }) => key)).toEqual(['plain', 'committed']);
  expect(nextOffset).toBe(5n);
});

test('a record without a key is passed over', () => {
  expect(read([encodeBatch([record(0n, null, 'x'), record(1n, 'a', 'y')])], 0n).records).toHaveLength(1);
});

test('a batch that can not be read is left out and told, the ones around it are read', () => {
  const broken = encodeBatch([record(1n, 'b', '2')]);
  broken[61] = 0x7f;
  const { records, nextOffset, unreadable } = read(
    [encodeBatch([record(0n, 'a', '1')]), broken, encodeBatch([record(2n, 'c', '3')])],
    0n,
  );
  expect(records.map(({ key }) => key)).toEqual(['a', 'c']);
  expect(nextOffset).toBe(3n);
  expect(unreadable).toHaveLength(1);
});
