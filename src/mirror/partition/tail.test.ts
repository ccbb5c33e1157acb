import { describe, expect, it } from 'vitest';
import { type BatchFingerprint, judgeTail, type MirrorFingerprint, type SourceView } from './tail.ts';

const ours = (1n << 62n) + 256n;
const batch: MirrorFingerprint = {
  baseOffset: 8n,
  lastOffset: 9n,
  recordCount: 2,
  sizeBytes: 120,
  producerId: ours,
  partitionLeaderEpoch: 0,
  normalisedChecksum: 77,
  producerEpoch: 0,
  lastSequence: 9,
};
const original: BatchFingerprint = { ...batch, producerId: 4n, partitionLeaderEpoch: 3 };
const source: SourceView = { logStart: 0n, highWatermark: 20n, logEnd: 20n, tail: original };
const view = { logEnd: 10n };

describe('judgeTail', () => {
  const rows: [string, MirrorFingerprint | null, SourceView, unknown][] = [
    [
      'equal batches agree, with the source’s epoch',
      batch,
      source,
      { kind: 'agrees', lastFetchedEpoch: 3, compared: true },
    ],
    [
      'an empty mirror has nothing to compare',
      null,
      source,
      { kind: 'agrees', lastFetchedEpoch: -1, compared: false },
    ],
    [
      'a batch of a real producer is foreign, even with equal content',
      { ...batch, producerId: 4n },
      source,
      { kind: 'foreign', offset: 8n },
    ],
    [
      'a batch that was written for another offset differs, even with equal content',
      { ...batch, lastSequence: 7 },
      source,
      {
        kind: 'differs',
        offset: 8n,
        what: 'its last sequence is 7, so it was written for another offset than 9: something else writes to the mirror',
      },
    ],
    [
      'a batch without a producer id is foreign',
      { ...batch, producerId: -1n },
      source,
      { kind: 'foreign', offset: 8n },
    ],
    [
      'a source that ends below the mirror was truncated',
      batch,
      { ...source, logEnd: 9n, highWatermark: 9n },
      { kind: 'sourceEndsBefore', sourceEnd: 9n },
    ],
    [
      'a source that starts above the mirror’s end has lost what is missing',
      batch,
      { ...source, logStart: 11n },
      { kind: 'sourceStartsAfter', sourceStart: 11n },
    ],
    [
      'a source that starts exactly at the mirror’s end goes on',
      batch,
      { ...source, logStart: 10n },
      { kind: 'agrees', lastFetchedEpoch: -1, compared: false },
    ],
    [
      'a high watermark behind the log end is waited for',
      batch,
      { ...source, highWatermark: 9n },
      'unsettled',
    ],
    [
      'another checksum is looked at by record',
      batch,
      { ...source, tail: { ...original, normalisedChecksum: 78 } },
      'compareRecords',
    ],
    [
      'other boundaries are looked at by record',
      batch,
      { ...source, tail: { ...original, baseOffset: 9n } },
      'compareRecords',
    ],
    [
      'a tail that the source has compacted away can’t be compared',
      batch,
      { ...source, tail: { ...original, baseOffset: 15n, lastOffset: 16n } },
      { kind: 'agrees', lastFetchedEpoch: -1, compared: false },
    ],
  ];
  it.each(rows)('%s', (_name, mirrorTail, sourceView, expected) => {
    expect(judgeTail(view, mirrorTail, sourceView)).toEqual(expected);
  });
});
