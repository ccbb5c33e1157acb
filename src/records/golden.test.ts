// Our reading of Kafka's bytes against Kafka's own reading of them.

import { describe, expect, it } from 'vitest';
import { describedBatch, loadGolden } from '../../test/records/golden.ts';
import { useNativeLz4 } from './compression/lz4-native.ts';
import { compressions, encodeBatch, readRecords, splitBatches, verifyChecksum } from './index.ts';

const golden = loadGolden();

describe("batches made by Kafka's own classes", () => {
  it('cover every codec and every kind of batch', () => {
    const all = golden.flatMap(({ batches }) => batches);
    for (const compression of compressions)
      expect(all.some((batch) => batch.compression === compression)).toBe(true);
    for (const flag of ['isTransactional', 'isControl', 'hasDeleteHorizon']) {
      expect(all.some((batch) => batch[flag] === true)).toBe(true);
    }
    expect(all.some((batch) => batch.timestampType === 'LogAppendTime')).toBe(true);
    expect(all.some((batch) => batch.recordCount === 0)).toBe(true);
  });

  it.each(golden)('$name: read as Kafka reads them', ({ base64, batches }) => {
    const split = splitBatches(Buffer.from(base64, 'base64'));
    expect(split.incompleteBytes).toBe(0);
    expect(split.batches.map(describedBatch)).toEqual(batches);
    for (const view of split.batches) expect(verifyChecksum(view)).toBe(true);
  });

  it('in lz4 are read without the native library, too', () => {
    useNativeLz4(false);
    const lz4 = golden.filter(({ batches }) => batches[0]!.compression === 'lz4');
    expect(lz4.length).toBeGreaterThan(0);
    for (const { base64, batches } of lz4)
      expect(splitBatches(Buffer.from(base64, 'base64')).batches.map(describedBatch)).toEqual(batches);
    useNativeLz4(true);
  });

  it.each(
    golden.filter(
      ({ base64 }) => splitBatches(Buffer.from(base64, 'base64')).batches[0]!.compression === 'none',
    ),
  )('$name: encoded by us to the same bytes', ({ base64 }) => {
    const bytes = Buffer.from(base64, 'base64');
    const view = splitBatches(bytes).batches[0]!;
    const { baseOffset, lastOffset, partitionLeaderEpoch, timestampType, maxTimestamp } = view;
    const { producerId, producerEpoch, baseSequence, isTransactional, isControl } = view;
    const header = { baseOffset, lastOffset, partitionLeaderEpoch, timestampType, maxTimestamp };
    const producer = { producerId, producerEpoch, baseSequence, isTransactional, isControl };
    const records = [...readRecords(view)];
    // Of a LogAppendTime batch the stored deltas still count the producer's times, which readers never see.
    if (timestampType === 'LogAppendTime')
      return expect(encodeBatch(records, { ...header, ...producer })).not.toEqual(bytes);
    expect(encodeBatch(records, { ...header, ...producer })).toEqual(bytes);
  });
});
