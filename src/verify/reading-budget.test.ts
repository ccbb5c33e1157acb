import { expect, it } from 'vitest';
import { ArrayLog, inBatches } from '../../test/verify/array-log.ts';
import { plainRecords } from '../../test/verify/corruptions.ts';
import type { Compression } from '../records/index.ts';
import type { PartitionLog } from './partition-log.ts';
import { ReadingBudget } from './reading-budget.ts';
import { verifyTopics } from './verify-link.ts';

const mib = 1024 * 1024;

/** Clusters of eight partitions whose answers count as large as told; says how much was held at the same time. */
function clusters(answerBytes: number, codecs: [Compression, Compression] = ['none', 'none']) {
  const held = { now: 0, most: 0, answers: 0, answersMost: 0 };
  const log = (compression: Compression): PartitionLog => {
    const inner = new ArrayLog(inBatches(plainRecords(40), [4], { compression }));
    inner.batchesPerFetch = 1;
    return {
      offsets: () => inner.offsets(),
      settings: () => inner.settings(),
      firstOffsetSince: (timestampMs) => inner.firstOffsetSince(timestampMs),
      async fetch(offset) {
        const fetched = await inner.fetch(offset);
        held.now += answerBytes;
        held.answers += 1;
        held.most = Math.max(held.most, held.now);
        held.answersMost = Math.max(held.answersMost, held.answers);
        const release = () => {
          held.now -= answerBytes;
          held.answers -= 1;
          fetched.release();
        };
        return { batches: fetched.batches, sizeBytes: answerBytes, release };
      },
    };
  };
  const cluster = (compression: Compression) => ({
    topicSizes: async () => new Map([['orders', 8]]),
    partitionLog: () => log(compression),
    close: () => {},
  });
  return { held, source: cluster(codecs[0]), destination: cluster(codecs[1]) };
}

const verify = ({ source, destination }: ReturnType<typeof clusters>, heldBytesMax = 24 * mib) =>
  verifyTopics(source, destination, {
    topics: [{ source: 'orders', destination: 'orders' }],
    waitMsMax: 0,
    partitionsInFlightMax: 4,
    heldBytesMax,
  });

it('holds what the first partition needs and otherwise stays in its bounds, and everybody gets on', async () => {
  const large = clusters(10 * mib);
  const link = await verify(large);
  expect(link.partitions.map(({ outcome }) => outcome)).toEqual(Array(8).fill('identical'));
  expect(large.held.most).toBeLessThanOrEqual(44 * mib);
  expect(large.held.now).toBe(0);
});

it('lets the first partition get on where not even one answer fits', async () => {
  const large = clusters(10 * mib);
  expect((await verify(large, 8 * mib)).outcome).toBe('identical');
  // One answer of each side, and one that is given back meanwhile.
  expect(large.held.answersMost).toBeLessThanOrEqual(3);
});

it('lets four partitions read ahead where answers are small', async () => {
  const small = clusters(mib);
  expect((await verify(small)).outcome).toBe('identical');
  expect(small.held.answersMost).toBeGreaterThan(8);
  expect(small.held.most).toBeLessThanOrEqual(24 * mib);
});

it.each([1, 10])('gets on where all must be decompressed, in turns, with answers of %i MiB', async (size) => {
  const packed = clusters(size * mib, ['gzip', 'zstd']);
  const link = await verify(packed);
  expect(link.partitions.map(({ outcome, compared }) => [outcome, compared.openedBatches])).toEqual(
    Array(8).fill(['identical', 20]),
  );
  expect(packed.held.now).toBe(0);
});

it('lets one partition decompress at a time, the one that was begun first', async () => {
  const budget = new ReadingBudget(mib);
  const [first, second] = [{}, {}];
  budget.begin(first);
  budget.begin(second);
  await budget.turn(first);
  let isTurn = false;
  const waiting = budget.turn(second).then(() => {
    isTurn = true;
  });
  budget.give(0);
  await new Promise((resolve) => setImmediate(resolve));
  expect(isTurn).toBe(false);
  budget.end(first);
  await waiting;
  expect(isTurn).toBe(true);
});
