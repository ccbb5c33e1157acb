import { describe, expect, it } from 'vitest';
import {
  type BatchFingerprint,
  judgeTail,
  type MirrorFingerprint,
  type MirrorTail,
  type SourceView,
} from './tail.ts';

const ours = (1n << 62n) + 256n;
const batch: MirrorFingerprint = {
  baseOffset: 8n,
  lastOffset: 9n,
  recordCount: 2,
  sizeBytes: 120,
  isControl: false,
  producerId: ours,
  partitionLeaderEpoch: 0,
  normalisedChecksum: 77,
  producerEpoch: 0,
  lastSequence: 9,
};
const original: BatchFingerprint = { ...batch, producerId: 4n, partitionLeaderEpoch: 3 };
const source: SourceView = {
  logStart: 0n,
  highWatermark: 20n,
  lastStableOffset: 20n,
  logEnd: 20n,
  tail: original,
  visibleInHole: null,
};
const view = { logEnd: 10n };
const firstLife = { producerId: ours };

describe('judgeTail', () => {
  const rows: [string, MirrorFingerprint | null, SourceView, unknown][] = [
    [
      'equal batches agree, with the source’s epoch',
      batch,
      source,
      { kind: 'agrees', lastFetchedEpoch: 3, compared: true, sourceStart: 0n },
    ],
    [
      'an empty mirror has nothing to compare',
      null,
      source,
      { kind: 'agrees', lastFetchedEpoch: -1, compared: false, sourceStart: 0n },
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
        what: 'its last sequence is 7 in epoch 0, so it was written for another offset than 9: something else writes to the mirror',
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
      { kind: 'agrees', lastFetchedEpoch: -1, compared: false, sourceStart: 10n },
    ],
    [
      'a high watermark behind the log end is waited for',
      batch,
      { ...source, highWatermark: 9n },
      'unsettled',
    ],
    [
      'an end above the source’s last stable offset is not judged yet',
      batch,
      { ...source, lastStableOffset: 9n },
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
      { kind: 'agrees', lastFetchedEpoch: -1, compared: false, sourceStart: 0n },
    ],
  ];
  it.each(rows)('%s', (_name, mirrorTail, sourceView, expected) => {
    const mirror: MirrorTail | null = mirrorTail && {
      newest: mirrorTail,
      newestData: mirrorTail,
      holeStart: null,
      beforeRun: 'unknown',
    };
    expect(judgeTail(view, mirror, sourceView, firstLife)).toEqual(expected);
  });

  const laterRun = { ...batch, producerEpoch: 3, lastSequence: 1 };
  const marker = { ...batch, baseOffset: 9n, lastOffset: 9n, isControl: true, lastSequence: -1 };
  const before = { ...batch, baseOffset: 7n, lastOffset: 8n, lastSequence: 8 };
  const beforeSource = { ...source, tail: { ...original, baseOffset: 7n, lastOffset: 8n } };
  const agreesUnknown = { kind: 'agrees', lastFetchedEpoch: -1, sourceStart: 0n };
  const holes: [string, MirrorTail, SourceView, unknown][] = [
    [
      'a run behind a marker is in its place',
      { newest: laterRun, newestData: laterRun, holeStart: null, beforeRun: 'marker' },
      source,
      { kind: 'agrees', lastFetchedEpoch: 3, compared: true, sourceStart: 0n },
    ],
    [
      'a later run that follows data directly is not in its place',
      { newest: laterRun, newestData: laterRun, holeStart: null, beforeRun: 'data' },
      source,
      { kind: 'differs', offset: 8n, what: expect.stringContaining('epoch 3') },
    ],
    [
      'behind a hole the newest data is compared, and says nothing about the epoch of the end',
      { newest: marker, newestData: before, holeStart: null, beforeRun: 'unknown' },
      beforeSource,
      { ...agreesUnknown, compared: true },
    ],
    [
      'a record of the source where the mirror holds a marker differs',
      { newest: marker, newestData: before, holeStart: null, beforeRun: 'unknown' },
      { ...beforeSource, visibleInHole: 9n },
      { kind: 'differs', offset: 9n, what: 'the source has a record where the mirror holds a marker' },
    ],
    [
      'a marker of a real producer is foreign when its data is',
      {
        newest: { ...marker, producerId: 4n },
        newestData: { ...before, producerId: 4n },
        holeStart: null,
        beforeRun: 'unknown',
      },
      beforeSource,
      { kind: 'foreign', offset: 7n },
    ],
    [
      'the marker of an empty transaction behind our own data is not',
      { newest: { ...marker, producerId: 4n }, newestData: before, holeStart: null, beforeRun: 'unknown' },
      beforeSource,
      { ...agreesUnknown, compared: true },
    ],
    [
      'markers alone have nothing to compare',
      { newest: marker, newestData: null, holeStart: null, beforeRun: 'unknown' },
      source,
      { ...agreesUnknown, compared: false },
    ],
  ];
  it.each(holes)('%s', (_name, mirror, sourceView, expected) => {
    expect(judgeTail(view, mirror, sourceView, firstLife)).toEqual(expected);
  });

  const life = { producerId: firstLife.producerId + (1n << 40n), incarnation: 1 };
  const tailOf = (newest: MirrorFingerprint, newestData: MirrorFingerprint | null): MirrorTail => ({
    ...{ newest, newestData, holeStart: null, beforeRun: 'unknown' },
  });
  const foreign = { ...batch, producerId: 4n, producerEpoch: 7, lastSequence: 900 };
  const own = { ...batch, producerId: life.producerId };
  const later: [string, MirrorTail | null, SourceView, unknown][] = [
    ['what producers wrote is compared by record', tailOf(foreign, foreign), source, 'compareEnds'],
    ['what a former life wrote is, too', tailOf(batch, batch), source, 'compareEnds'],
    [
      'and so is what stands before its own first hole',
      tailOf({ ...marker, producerId: life.producerId }, foreign),
      source,
      'compareEnds',
    ],
    ['nothing but markers of a former life', tailOf(marker, null), source, 'compareEnds'],
    [
      'its own records are compared as ever',
      tailOf(own, own),
      source,
      { kind: 'agrees', lastFetchedEpoch: 3, compared: true, sourceStart: 0n },
    ],
    [
      'its own records have to stand in their place',
      tailOf({ ...own, lastSequence: 3 }, own),
      source,
      { kind: 'differs', offset: 8n, what: expect.anything() },
    ],
    [
      'nothing stands there',
      null,
      source,
      { kind: 'agrees', lastFetchedEpoch: -1, compared: false, sourceStart: 0n },
    ],
    [
      'producers wrote behind the source’s end',
      tailOf(foreign, foreign),
      { ...source, logEnd: 7n },
      { kind: 'differs', offset: 7n, what: expect.stringContaining('before the direction turned') },
    ],
    ['the source can’t say yet', tailOf(foreign, foreign), { ...source, lastStableOffset: 9n }, 'unsettled'],
  ];
  it.each(later)('a later life of the mirror: %s', (_name, mirror, sourceView, expected) => {
    expect(judgeTail(view, mirror, sourceView, life)).toEqual(expected);
  });
});
