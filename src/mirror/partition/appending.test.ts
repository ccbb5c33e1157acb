// What small batches become on their way to the destination.
import { describe, expect, it } from 'vitest';
import { acknowledge, again, fetch, machine, mirroring } from '../../../test/support/partition-machine.ts';
import { releasesOf, TestBatch } from './test-batch.ts';

describe('small batches', () => {
  const small = (offset: bigint): TestBatch => new TestBatch(offset, 1, { codec: 0 });

  it('go together when they queue up, with the memory of the originals given back at once', () => {
    mirroring();
    const batches = [10n, 11n, 12n].map(small);
    const [append] = fetch(...batches);
    expect(append).toMatchObject({
      type: 'append',
      append: { offset: 10n, isMerged: true, batch: { recordCount: 3 } },
    });
    expect(releasesOf(batches)).toEqual([1, 0, 1, 1]);
    acknowledge(10n);
    expect(machine.mirrorEnd).toBe(13n);
    expect(releasesOf(batches)).toEqual([1, 1, 1, 1]);
  });

  it('that wait are put together while the append before them is answered', () => {
    mirroring();
    expect(fetch(new TestBatch(10n, 1, { codec: 0, sizeBytes: 40_000 }))).toHaveLength(1);
    const batches = [11n, 12n, 13n].map(small);
    fetch(...batches);
    expect(machine.hasToPrepare).toBe(true);
    machine.prepare();
    expect(machine.hasToPrepare).toBe(false);
    expect(releasesOf(batches)).toEqual([1, 0, 1, 1]);
    expect(machine.flow).toMatchObject({ queuedBytes: 300, queue: [{ batch: { recordCount: 3 } }] });
    expect(acknowledge(10n)).toMatchObject([{ append: { offset: 11n, isMerged: true } }]);
    acknowledge(11n);
    expect(machine.mirrorEnd).toBe(14n);
    expect(releasesOf(batches)).toEqual([1, 1, 1, 1]);
    machine.prepare();
  });

  const squeezed = (offset: bigint) => new TestBatch(offset, 1, { codec: 4, sizeBytes: 100, togetherMax: 3 });

  it('that would be too large when they are read wait for the next turn, and nothing is lost', () => {
    mirroring();
    fetch(new TestBatch(10n, 1, { codec: 0, sizeBytes: 40_000 }));
    const batches = [11n, 12n, 13n, 14n, 15n, 16n, 17n].map(squeezed);
    fetch(...batches);
    machine.prepare();
    expect(machine.flow?.queue).toMatchObject(
      [3, 1, 1, 1, 1].map((recordCount) => ({ batch: { recordCount } })),
    );
    expect(machine.flow?.queuedBytes).toBe(700);
    expect(acknowledge(10n)).toMatchObject([{ append: { offset: 11n, batch: { recordCount: 3 } } }]);
    // What was put together goes as it is: to read it again is the same work once more.
    expect(acknowledge(11n)).toMatchObject([{ append: { offset: 14n, batch: { recordCount: 3 } } }]);
    expect(acknowledge(14n)).toMatchObject([{ append: { offset: 17n, batch: { recordCount: 1 } } }]);
    acknowledge(17n);
    expect(machine.mirrorEnd).toBe(18n);
    expect(releasesOf(batches).every((count) => count === 1)).toBe(true);
    expect(machine.flow?.queuedBytes).toBe(0);
  });

  it('of which not even two may go together go alone from then on', () => {
    mirroring();
    const batches = [10n, 11n, 12n, 13n, 14n, 15n, 16n, 17n, 18n].map(
      (offset) => new TestBatch(offset, 1, { codec: 4, sizeBytes: 100, togetherMax: 1 }),
    );
    expect(fetch(...batches)).toMatchObject([{ append: { offset: 10n, isMerged: false } }]);
    for (const offset of [10n, 11n, 12n, 13n, 14n, 15n, 16n, 17n, 18n]) acknowledge(offset);
    expect(machine.mirrorEnd).toBe(19n);
    expect(releasesOf(batches)).toEqual(batches.map(() => 1));
  });

  it('of which one can’t be read go alone: what is in front of it is copied, and the destination tells which', () => {
    mirroring();
    const batches = [10n, 11n, 12n].map(small);
    batches[0]!.mergeWith = () => {
      throw new Error('checksum');
    };
    expect(fetch(...batches)).toMatchObject([{ append: { offset: 10n, isMerged: false } }]);
    expect(machine.hasToPrepare).toBe(false);
    expect(acknowledge(10n)).toMatchObject([{ append: { offset: 11n, isMerged: false } }]);
    fetch(small(13n), small(14n));
    expect(acknowledge(11n)).toMatchObject([{ append: { offset: 12n, isMerged: false } }]);
    expect(acknowledge(12n)).toMatchObject([{ append: { offset: 13n, isMerged: true } }]);
    expect(releasesOf(batches)).toEqual([1, 1, 1]);
  });

  it('go alone after a broker refused them together', () => {
    mirroring();
    fetch(small(10n), small(11n));
    machine.handle({ type: 'appendRefused', round: machine.round, errorCode: 10, reason: 'too large' });
    expect(machine.state.name).toBe('Recovering');
    again();
    expect(fetch(small(10n), small(11n))[0]).toMatchObject({
      append: { isMerged: false, batch: { recordCount: 1 } },
    });
    machine.handle({ type: 'appendRefused', round: machine.round, errorCode: 10, reason: 'too large' });
    expect(machine.state.name).toBe('Blocked');
  });
});

it('compressed batches that were refused as 960 KiB go together up to 512 KiB, and up to 64 KiB only after those', () => {
  mirroring();
  const sizeBytes = 16 * 1024;
  const together = (): number => {
    const waiting = Array.from(
      { length: 80 },
      (_, index) => new TestBatch(10n + BigInt(index), 1, { sizeBytes }),
    );
    const [append] = fetch(...waiting);
    const { batch } = (append as Extract<typeof append, { type: 'append' }>).append;
    machine.handle({ type: 'appendRefused', round: machine.round, errorCode: 10, reason: 'too large' });
    again();
    return batch.recordCount;
  };
  expect([together(), together(), together()]).toEqual([60, 32, 4]);
});

it('batches that were put together before it saw them are asked for in smaller ones when they are refused', () => {
  mirroring();
  const refused = (sizeBytes: number): void => {
    expect(fetch(new TestBatch(10n, 900, { isMerged: true, sizeBytes }))[0]).toMatchObject({
      append: { isMerged: true },
    });
    machine.handle({ type: 'appendRefused', round: machine.round, errorCode: 10, reason: 'too large' });
    expect(machine.state.name).toBe('Recovering');
    again();
  };
  expect(machine.mergedBytesMax).toBe(512 * 1024);
  refused(500_000);
  expect(machine.mergedBytesMax).toBe(64 * 1024);
  refused(60_000);
  expect(machine.mergedBytesMax).toBe(0);
});
