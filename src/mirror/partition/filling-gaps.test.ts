// Gaps by compaction: when their turn comes, and how much is made of them at once.
import { beforeEach, describe, expect, it } from 'vitest';
import {
  acknowledge,
  again,
  fetch,
  machine,
  mirroring,
  use,
  view,
} from '../../../test/support/partition-machine.ts';
import { PartitionMachine } from './machine.ts';
import { stretchesMax } from './plan.ts';
import { defaultPolicy } from './state.ts';
import { releasesOf, TestBatch } from './test-batch.ts';

/** Records of the test's batches in one append: 512 KiB of 100 bytes each. */
const appendCount = 5242n;

beforeEach(() => {
  use(new PartitionMachine<TestBatch>({ ...defaultPolicy, compactionGaps: 'copies' }));
  mirroring();
});

/** Acknowledges appends until none is under way; `10+3` for each: where it went, and how many records it had. */
function drained(prepares = true): string[] {
  const said: string[] = [];
  for (;;) {
    const append = machine.flow?.inFlight;
    if (!append) return said;
    said.push(`${append.offset}+${append.batch.recordCount}`);
    if (prepares) machine.prepare();
    acknowledge(append.offset);
  }
}

function heldCount(batches: readonly TestBatch[]): number {
  return releasesOf(batches).filter((releases) => releases === 0).length;
}

/** The markers of the hole under way are written, the first ones of a worker behind a look. */
function fillHole(end: bigint): void {
  const { round, mirrorEnd } = machine;
  const logEnd = (at: bigint) =>
    machine.handle({ type: 'logEndRead', round, ends: { leaderEpoch: 4, logEnd: at, highWatermark: at } });
  if (machine.flow?.hole?.phase === 'claiming') {
    machine.handle({ type: 'timer', round });
    logEnd(mirrorEnd!);
  }
  machine.handle({ type: 'markersAnswered', round, errorCode: 0, reason: '' });
  logEnd(end);
}

const cleaned = (from: bigint, to: bigint, ...offsets: bigint[]) =>
  TestBatch.compacted({ from, to }, offsets);

describe('gaps that are filled with copies', () => {
  it('are a part of the batch behind them', () => {
    const batch = new TestBatch(14n, 2);
    expect(fetch(batch)).toMatchObject([
      { type: 'append', append: { offset: 10n, isMerged: true, batch: { recordCount: 6 } } },
    ]);
    expect(drained()).toEqual(['10+6']);
    expect(machine.mirrorEnd).toBe(16n);
    expect(releasesOf([batch])).toEqual([1, 1]);
  });

  it.for([true, false])(
    'make one batch of small neighbours; what is missing at the end waits (%s)',
    (prepares) => {
      const batches = [cleaned(10n, 20n, 12n, 13n, 16n), cleaned(21n, 30n), cleaned(31n, 40n, 33n, 38n)];
      fetch(new TestBatch(10n, 1));
      fetch(...batches.slice(0, 1));
      fetch(...batches.slice(1));
      expect(drained(prepares)).toEqual(['10+1', '11+28']);
      expect(machine.flow).toMatchObject({ mirrorEnd: 39n, fetchOffset: 41n, queue: [], queuedBytes: 0 });
      expect(heldCount(batches)).toBe(0);
      fetch(new TestBatch(41n, 1));
      expect(drained(prepares)).toEqual(['39+3']);
    },
  );

  it('are filled an append at a time, however long they are, and no more than the next one is made before', () => {
    const batches = [
      new TestBatch(10n, 1),
      new TestBatch(1_000_000n, 1),
      cleaned(1_000_001n, 2_000_000n, 1_500_000n),
    ];
    fetch(...batches);
    for (let appends = 0; machine.flow?.inFlight; appends++) {
      machine.prepare();
      machine.prepare();
      const made = batches.flatMap((batch) => batch.made);
      expect(heldCount(made)).toBeLessThanOrEqual(2);
      const { offset, batch } = machine.flow.inFlight;
      expect(BigInt(batch.recordCount)).toBeLessThanOrEqual(appendCount);
      acknowledge(offset);
      expect(appends).toBeLessThan(Number(1_500_000n / appendCount) + 3);
    }
    expect(machine.flow).toMatchObject({ mirrorEnd: 1_500_001n, queue: [], queuedBytes: 0 });
    expect(heldCount(batches)).toBe(0);
  });

  it('leave batches as they lie there that have none, and those are put together', () => {
    const whole = [10n, 12n].map((offset) => new TestBatch(offset, 2, { codec: 0 }));
    const gappy = new TestBatch(15n, 1, { codec: 0 });
    const large = new TestBatch(16n, 4, { codec: 0, sizeBytes: 40_000 });
    fetch(new TestBatch(10n, 1, { codec: 0, lastOffset: 9n, recordCount: 0 }), ...whole, gappy, large);
    expect(drained()).toEqual(['10+4', '14+2', '16+4']);
    expect(large.made).toEqual([]);
    expect(heldCount([...whole, gappy, large])).toBe(0);
  });

  it('are holes in front of a marker and of aborted records, also where a batch ends with one', () => {
    const batch = cleaned(10n, 14n, 11n);
    fetch(batch, new TestBatch(17n, 1, { isControl: true }));
    expect(drained()).toEqual(['10+2']);
    expect(machine.flow).toMatchObject({ mirrorEnd: 12n, hole: { end: 18n }, queue: [] });
    expect(heldCount([batch])).toBe(0);
  });

  it('go on from where what is under way ends, when the rest is forgotten or a worker starts there', () => {
    const batch = new TestBatch(20_000n, 1);
    fetch(batch);
    machine.prepare();
    const end = 10n + appendCount;
    expect(machine.handle({ type: 'shed', round: machine.round })).toMatchObject([
      { type: 'startFetching', offset: end },
    ]);
    expect(heldCount([batch])).toBe(1);
    acknowledge(10n);
    fetch(new TestBatch(20_000n, 1));
    expect(machine.flow?.inFlight).toMatchObject({ offset: end });
  });

  it('are smaller when a broker refuses that, down to one record at a time, which has to fit', () => {
    const refuse = () =>
      machine.handle({ type: 'appendRefused', round: machine.round, errorCode: 10, reason: 'too large' });
    for (const count of [5242, 655, 1]) {
      fetch(new TestBatch(20_000n, 1));
      expect(machine.flow?.inFlight).toMatchObject({ offset: 10n, batch: { recordCount: count } });
      refuse();
      if (count > 1) again(view);
    }
    expect(machine.state).toMatchObject({ name: 'Blocked', offset: 10n });
  });

  it('of a batch that can’t be read are found when those before it are in', () => {
    const [good, bad] = [cleaned(10n, 12n, 11n), cleaned(13n, 20n, 15n)] as const;
    const fails = (batches: readonly TestBatch[]) => {
      if (batches.includes(bad)) throw new Error('no checksum');
    };
    for (const batch of [good, bad]) {
      const fill = batch.withoutGaps.bind(batch);
      batch.withoutGaps = (from, next, bytesMax) => {
        fails([batch, ...next]);
        return fill(from, next, bytesMax);
      };
    }
    fetch(good, bad);
    expect(machine.flow?.inFlight).toMatchObject({ offset: 10n, batch: { recordCount: 2 } });
    machine.prepare();
    acknowledge(10n);
    expect(machine.state).toMatchObject({ name: 'Recovering' });
    expect(JSON.stringify(machine.state)).toContain('batch at offset 13 can’t be read: no checksum');
    expect(heldCount([good, bad])).toBe(0);
  });
});

describe('gaps that become holes', () => {
  it('are told apart from what is between them when their turn comes, a batch at a time', () => {
    use(new PartitionMachine<TestBatch>());
    mirroring();
    const batches = [cleaned(11n, 20n, 11n, 12n, 15n), cleaned(21n, 30n, 24n)];
    fetch(new TestBatch(10n, 1), ...batches);
    expect(machine.flow).toMatchObject({ queue: batches.map((batch) => ({ batch })), queuedBytes: 200 });
    machine.prepare();
    machine.prepare();
    expect(batches.map(({ made, releases }) => [made.length, releases])).toEqual([
      [2, 1],
      [0, 0],
    ]);
    acknowledge(10n);
    expect(machine.flow).toMatchObject({
      inFlight: { offset: 11n, batch: { recordCount: 2 } },
      queue: [{ end: 15n }, { batch: { baseOffset: 15n } }, { end: 21n }, { batch: batches[1] }],
      queuedBytes: 200,
    });
    machine.handle({ type: 'stop' });
    acknowledge(11n);
    expect(machine.state).toMatchObject({ name: 'Stopped', offset: 13n });
    expect(heldCount(batches)).toBe(0);
  });

  it('are told apart some hundred at a time, however many a batch has, each offset once', () => {
    use(new PartitionMachine<TestBatch>());
    mirroring();
    const offsets = Array.from({ length: 1_000 }, (_, index) => 10n + BigInt(index) * 2n);
    const [large, next] = [cleaned(10n, 2_015n, ...offsets), new TestBatch(2_016n, 1)];
    fetch(large, next);
    const appended: bigint[] = [];
    let holes = 0;
    while (machine.flow?.inFlight || machine.flow?.queue.length) {
      machine.prepare();
      expect(heldCount(large.made)).toBeLessThanOrEqual(2 * stretchesMax);
      const { inFlight, hole } = machine.flow;
      if (inFlight !== null) {
        appended.push(inFlight.offset);
        acknowledge(inFlight.offset);
        continue;
      }
      holes += 1;
      fillHole(hole!.end);
    }
    expect(appended).toEqual([...offsets, 2_016n]);
    expect([holes, large.made.length]).toEqual([1_000, 1_000]);
    expect(machine.flow).toMatchObject({ mirrorEnd: 2_017n, queuedBytes: 0 });
    expect(heldCount([large, next])).toBe(0);
  });

  it('are one with the hole behind them', () => {
    use(new PartitionMachine<TestBatch>());
    mirroring();
    fetch(cleaned(10n, 20n, 10n), new TestBatch(21n, 1, { isControl: true }));
    expect(machine.flow).toMatchObject({ inFlight: { offset: 10n }, queue: [{ kind: 'hole', end: 22n }] });
  });
});
