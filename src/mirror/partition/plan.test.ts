import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GapFilling, isHeldBy, mergeableCount, type Plan, planBatch, type Step } from './plan.ts';
import { TestBatch } from './test-batch.ts';

/** `d10-12` data, `h13` a hole up to 13 (exclusive), `c13` copies up to 13. */
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
    [
      'gaps inside a batch are holes between what is left',
      TestBatch.compacted({ from: 10n, to: 20n }, [12n, 13n, 16n]),
      ['h12', 'd12-13', 'h16', 'd16-16', 'h21'],
    ],
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

  it('fills gaps with copies of the record behind them when asked to, and waits for it', () => {
    const batch = TestBatch.compacted({ from: 12n, to: 20n }, [14n, 17n]);
    const plan = planned(batch, 10n, 'copies');
    expect(told(plan.steps)).toEqual(['c14', 'd14-14', 'c17', 'd17-17']);
    expect(plan.plannedEnd).toBe(18n);
    const next = planned(new TestBatch(21n, 1), 18n, 'copies');
    expect(told(next.steps)).toEqual(['c21', 'd21-21']);
    const marker = planned(new TestBatch(21n, 1, { isControl: true }), 18n, 'copies');
    expect(told(marker.steps)).toEqual(['h22']);
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
          if (step.kind === 'data') {
            expect(step.batch.baseOffset).toBe(at);
            for (; at <= step.batch.lastOffset; at++) copied.push(at);
          } else {
            expect(step.end).toBeGreaterThan(at);
            at = step.end;
          }
        }
        expect(at).toBe(41n);
        expect(copied).toEqual(present.filter((offset) => offset >= BigInt(from)));
      }),
    );
  });
});

describe('gaps that are filled with copies within a batch', () => {
  const filled = (batch: TestBatch, from: bigint, bytesMax = 10_000): string[] => {
    const verdict = planBatch(batch, from, 'copies', bytesMax);
    if (typeof verdict === 'string' || 'kind' in verdict) throw new Error('no plan');
    return [...told(verdict.steps), `up to ${verdict.plannedEnd}`];
  };
  const cleaned = TestBatch.compacted({ from: 10n, to: 20n }, [12n, 13n, 16n]);

  it('make one batch up to the last record; the gap behind it waits for the record behind', () => {
    expect(filled(cleaned, 10n)).toEqual(['d10-16', 'up to 17']);
    expect(filled(cleaned, 5n)).toEqual(['d5-16', 'up to 17']);
    expect(filled(cleaned, 13n)).toEqual(['d13-16', 'up to 17']);
    expect(filled(new TestBatch(14n, 2), 10n)).toEqual(['d10-15', 'up to 16']);
  });

  it('leave a batch as it lies there that has none', () => {
    const batch = new TestBatch(10n, 2);
    expect(planBatch(batch, 10n, 'copies', 10_000)).toMatchObject({ steps: [{ kind: 'data', batch }] });
  });

  it('are filled part by part in front of it where they are long, and everywhere after a broker refused that', () => {
    expect(filled(cleaned, 0n, 800)).toEqual(['c10', 'd10-16', 'up to 17']);
    expect(filled(cleaned, 10n, 0)).toEqual(['c12', 'd12-13', 'c16', 'd16-16', 'up to 17']);
  });

  it('are holes in front of a marker and of aborted records', () => {
    expect(filled(new TestBatch(12n, 1, { isControl: true }), 10n)).toEqual(['h13', 'up to 13']);
    expect(filled(new TestBatch(12n, 2, { isAborted: true }), 10n)).toEqual(['h14', 'up to 14']);
  });

  it('may be all there is', () => {
    expect(filled(TestBatch.compacted({ from: 10n, to: 20n }, []), 10n)).toEqual(['up to 10']);
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
