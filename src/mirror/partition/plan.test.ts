import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fillableCount,
  type GapFilling,
  gaplessCount,
  isHeldBy,
  mergeableCount,
  type Plan,
  planBatch,
  type Step,
  stretchesOf,
} from './plan.ts';
import { TestBatch } from './test-batch.ts';

/** `d10-12` data, `h13` a hole up to 13 (exclusive). */
function told(steps: readonly Step<TestBatch>[]): string[] {
  return steps.map((step) =>
    step.kind === 'data'
      ? `d${step.batch.baseOffset}-${step.batch.lastOffset}`
      : `${step.kind[0]}${step.end}`,
  );
}

/** A plan, where the batch has one. */
function planned(batch: TestBatch, from: bigint, gaps: GapFilling = 'markers'): Plan<TestBatch> {
  const verdict = planBatch(batch, from, gaps);
  if (typeof verdict === 'string' || 'kind' in verdict) throw new Error('no plan');
  return verdict;
}

describe('planBatch', () => {
  const rows: [string, TestBatch, string[]][] = [
    ['data at the end of the mirror is copied', new TestBatch(10n, 3), ['d10-12']],
    ['a gap before the batch is a hole', new TestBatch(14n, 1), ['h14', 'd14-14']],
    ['a marker is a hole', new TestBatch(10n, 1, { isControl: true }), ['h11']],
    ['a marker behind a gap is one hole with it', new TestBatch(12n, 1, { isControl: true }), ['h13']],
    ['records of an aborted transaction are a hole', new TestBatch(10n, 5, { isAborted: true }), ['h15']],
    [
      'records of a committed transaction are copied',
      new TestBatch(10n, 2, { isTransactional: true }),
      ['d10-11'],
    ],
    ['a batch that the cleaner emptied is a hole', TestBatch.compacted({ from: 10n, to: 14n }, []), ['h15']],
    ['LogAppendTime is made anew', new TestBatch(10n, 2, { timestampType: 'LogAppendTime' }), ['d10-11']],
    ['a mirror that ends inside a batch gets the rest', new TestBatch(8n, 5), ['d10-12']],
    ['a mirror that ends inside a hole gets the rest', new TestBatch(8n, 5, { isAborted: true }), ['h13']],
  ];
  it.each(rows)('%s', (_name, batch, expected) => {
    const plan = planned(batch, 10n);
    expect(told(plan.steps)).toEqual(expected);
    expect(plan.plannedEnd).toBe(batch.lastOffset + 1n);
  });

  it('keeps the batch itself where it can be appended as it lies there', () => {
    const batch = new TestBatch(10n, 2);
    const plan = planned(batch, 10n);
    expect(plan).toMatchObject({ steps: [{ kind: 'data', batch }] });
    expect(isHeldBy(plan.steps, batch)).toBe(true);
    const restamped = new TestBatch(10n, 2, { timestampType: 'LogAppendTime' });
    const other = planned(restamped, 10n);
    expect(isHeldBy(other.steps, restamped)).toBe(false);
  });

  it('passes what the mirror has already', () => {
    expect(planBatch(new TestBatch(5n, 5), 10n, 'markers')).toBe('behind');
  });

  it('stops at old record formats', () => {
    expect(planBatch(new TestBatch(12n, 1, { magic: 1 }), 10n, 'markers')).toMatchObject({
      kind: 'OldRecordFormat',
      offset: 10n,
    });
  });

  it('keeps a batch as the source has it where its gaps are to be filled with copies', () => {
    const batch = TestBatch.compacted({ from: 12n, to: 20n }, [14n, 17n]);
    const plan = planned(batch, 10n, 'copies');
    expect(plan).toEqual({ steps: [{ kind: 'data', batch }], plannedEnd: 21n });
    const marker = planned(new TestBatch(23n, 1, { isControl: true }), 21n, 'copies');
    expect(told(marker.steps)).toEqual(['h24']);
    const aborted = planned(new TestBatch(23n, 2, { isAborted: true }), 21n, 'copies');
    expect(told(aborted.steps)).toEqual(['h25']);
    const emptied = TestBatch.compacted({ from: 23n, to: 30n }, []);
    expect(planned(emptied, 21n, 'copies')).toEqual({ steps: [], plannedEnd: 31n });
  });

  it('leaves a batch with gaps as it is until its turn comes, behind the gap before it', () => {
    const batch = TestBatch.compacted({ from: 12n, to: 20n }, [12n, 13n, 16n]);
    const plan = planned(batch, 10n);
    expect(plan).toEqual({
      steps: [
        { kind: 'hole', end: 12n },
        { kind: 'data', batch },
      ],
      plannedEnd: 21n,
    });
    expect(told(stretchesOf(batch, 12n))).toEqual(['d12-13', 'h16', 'd16-16', 'h21']);
    expect(told(stretchesOf(batch, 13n))).toEqual(['d13-13', 'h16', 'd16-16', 'h21']);
    expect(told(stretchesOf(batch, 17n))).toEqual(['h21']);
  });

  it('covers every offset exactly once, whatever the cleaner left', () => {
    const offsets = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 30 });
    fc.assert(
      fc.property(offsets, fc.integer({ min: 0, max: 40 }), (left, from) => {
        const present = left.toSorted((a, b) => a - b).map(BigInt);
        const batch = TestBatch.compacted({ from: 0n, to: 40n }, present);
        const plan = planned(batch, BigInt(from));
        const copied: bigint[] = [];
        let at = BigInt(from);
        for (const step of plan.steps) {
          // In its turn, where it has gaps.
          const gappy = step.kind === 'data' && step.batch === batch;
          for (const each of gappy ? stretchesOf(batch, at) : [step]) {
            if (each.kind === 'data') {
              expect(each.batch.baseOffset).toBe(at);
              copied.push(...each.batch.offsets);
              at = each.batch.lastOffset + 1n;
            } else {
              expect(each.end).toBeGreaterThan(at);
              at = each.end;
            }
          }
        }
        expect(at).toBe(41n);
        expect(copied).toEqual(present.filter((offset) => offset >= BigInt(from)));
      }),
    );
  });
});

describe('gaplessCount', () => {
  it('takes neighbours from an offset on, as far as brokers take them as they are', () => {
    const data = (batch: TestBatch): Step<TestBatch> => ({ kind: 'data', batch });
    const two = [data(new TestBatch(10n, 2)), data(new TestBatch(12n, 1))];
    expect(gaplessCount(two, 10n)).toBe(2);
    expect(gaplessCount(two, 9n)).toBe(0);
    expect(gaplessCount([...two, data(new TestBatch(14n, 1))], 10n)).toBe(2);
    expect(gaplessCount([...two, { kind: 'hole', end: 14n }], 10n)).toBe(2);
    expect(gaplessCount([...two, data(TestBatch.compacted({ from: 13n, to: 15n }, [13n]))], 10n)).toBe(2);
    const stamped = new TestBatch(13n, 1, { timestampType: 'LogAppendTime' });
    expect(gaplessCount([...two, data(stamped)], 10n)).toBe(2);
  });
});

describe('fillableCount', () => {
  it('takes the first whatever it is, and small neighbours of its codec', () => {
    const data = (sizeBytes: number, codec = 0): Step<TestBatch> => ({
      kind: 'data',
      batch: new TestBatch(10n, 1, { sizeBytes, codec }),
    });
    const small = [data(100), data(100)];
    expect(fillableCount([data(900_000), ...small], 1_000_000)).toBe(3);
    expect(fillableCount([data(900_000), ...small], 64 * 1024)).toBe(1);
    expect(fillableCount([...small, data(40_000), ...small], 512 * 1024)).toBe(2);
    expect(fillableCount([...small, data(100, 3)], 512 * 1024)).toBe(2);
    expect(fillableCount([...small, { kind: 'hole', end: 14n }], 512 * 1024)).toBe(2);
    expect(fillableCount([{ kind: 'hole', end: 14n }, ...small], 512 * 1024)).toBe(0);
  });
});

describe('mergeableCount', () => {
  const small = (baseOffset: bigint): Step<TestBatch> => ({
    kind: 'data',
    batch: new TestBatch(baseOffset, 1, { codec: 0 }),
  });

  it('takes small neighbours that are not compressed, two as well', () => {
    expect(mergeableCount([small(1n), small(2n), small(3n)])).toBe(3);
  });

  it('ends before a hole, a compressed batch and a large one', () => {
    const compressed: Step<TestBatch> = { kind: 'data', batch: new TestBatch(3n, 1) };
    const large: Step<TestBatch> = {
      kind: 'data',
      batch: new TestBatch(3n, 1, { codec: 0, sizeBytes: 33_000 }),
    };
    expect(mergeableCount([small(1n), small(2n), { kind: 'hole', end: 4n }, small(4n)])).toBe(2);
    expect(mergeableCount([small(1n), small(2n), compressed])).toBe(2);
    expect(mergeableCount([small(1n), small(2n), large])).toBe(2);
    expect(mergeableCount([large, small(4n)])).toBe(1);
  });

  it('takes compressed neighbours of one codec, where several wait', () => {
    const compressed = (baseOffset: bigint, codec = 3): Step<TestBatch> => ({
      kind: 'data',
      batch: new TestBatch(baseOffset, 1, { codec }),
    });
    const four = [1n, 2n, 3n, 4n].map((offset) => compressed(offset));
    expect(mergeableCount(four)).toBe(4);
    expect(mergeableCount([...four, compressed(5n, 4)])).toBe(4);
    expect(mergeableCount([...four, small(5n)])).toBe(4);
    expect(mergeableCount(four.slice(1))).toBe(1);
    const gzip = [1n, 2n, 3n, 4n].map((offset) => compressed(offset, 1));
    expect(mergeableCount(gzip)).toBe(1);
  });

  it('does not make batches larger than brokers like', () => {
    const steps = Array.from({ length: 1_000 }, (_, index) => small(BigInt(index)));
    expect(mergeableCount(steps, 64 * 1024)).toBe(655);
    expect(mergeableCount(steps, 0)).toBe(1);
  });

  it('takes more of compressed ones, until a broker has refused that', () => {
    const compressed: Step<TestBatch> = { kind: 'data', batch: new TestBatch(0n, 1, { codec: 3 }) };
    const steps = Array.from({ length: 10_000 }, () => compressed);
    expect(mergeableCount(steps)).toBe(9830);
    expect(mergeableCount(steps.map(() => small(0n)))).toBe(5242);
    expect(mergeableCount(steps, 64 * 1024)).toBe(655);
  });
});
