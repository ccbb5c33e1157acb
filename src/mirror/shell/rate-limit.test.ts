// Invariants, whatever is read and whenever:
// 1. What was read never exceeds rate * time + a second's worth + a turn of those that catch up (a tenth of that) + what one
//    answer had beyond what was asked for.
// 2. Who only ever waits as long as it is told may read: nothing waits for ever, and a debt is paid in its own time.
// 3. Something is asked for whenever it is allowed: what catches up alone has the whole rate.
// 4. Live ones are not kept waiting by the others, and those that catch up have their tenth all the same.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bucket, newBucket, planRead, type ReadWish, refilled, spent, withRate } from './rate-limit.ts';

const rates = fc.integer({ min: 1024, max: 1024 ** 3 });
const answerBytesMax = 4 * 1024 * 1024;
const wish: ReadWish = { hasLive: true, hasBehind: true, readers: 1, answerBytesMax };

interface Reading {
  readonly nowMs: number;
  /** By scope, bytes. */
  readonly read: Record<'all' | 'live' | 'behind', number>;
  readonly beyond: number;
  readonly pausesMs: number[];
  readonly asked: number[];
}

/** Readers that do as they are told for `forMs`; `answer` says how large each answer is. */
function simulate(
  bytesPerSecond: number,
  options: Partial<ReadWish> & {
    forMs: number;
    answer: (asked: { scope: 'all' | 'live' | 'behind'; bytesMax: number }, nowMs: number) => number;
    roundTripMs?: number;
  },
): Reading {
  const { forMs, answer, roundTripMs = 1, ...wishes } = options;
  let bucket: Bucket = newBucket(bytesPerSecond, 0);
  const read = { all: 0, live: 0, behind: 0 };
  const pausesMs: number[] = [];
  const asked: number[] = [];
  let beyond = 0;
  let nowMs = 0;
  while (nowMs < forMs) {
    bucket = refilled(bucket, nowMs);
    const plan = planRead(bucket, { ...wish, ...wishes });
    if (plan.kind === 'pause') {
      pausesMs.push(plan.pauseMs);
      nowMs += plan.pauseMs;
      continue;
    }
    const bytes = answer(plan, nowMs);
    asked.push(plan.bytesMax);
    read[plan.scope] += bytes;
    beyond = Math.max(beyond, bytes - plan.bytesMax);
    nowMs += bytes === 0 ? Math.max(roundTripMs, Math.min(500, plan.waitMsMax)) : roundTripMs;
    bucket = spent(refilled(bucket, nowMs), {
      bytes,
      behindBytes: plan.scope === 'live' ? 0 : bytes,
      scope: plan.scope,
    });
  }
  return { nowMs, read, beyond, pausesMs, asked };
}

const total = ({ read }: Reading): number => read.all + read.live + read.behind;

describe('a limit in bytes a second', () => {
  it('is never exceeded by more than a second’s worth, a turn, and what one answer had too much', () => {
    fc.assert(
      fc.property(
        rates,
        fc.array(fc.integer({ min: 0, max: 3_000_000 }), { minLength: 1 }),
        (rate, sizes) => {
          let at = 0;
          const reading = simulate(rate, {
            forMs: 20_000,
            answer: ({ bytesMax }) => {
              const size = sizes[at++ % sizes.length]!;
              // One batch comes whole; more than one only as far as they fit.
              return size > bytesMax ? size : Math.max(size, Math.floor(bytesMax / Math.max(1, size)) * size);
            },
          });
          expect(total(reading)).toBeLessThanOrEqual(
            rate * (reading.nowMs / 1_000 + 1.1) + Math.max(0, reading.beyond) + 1,
          );
        },
      ),
    );
  });

  it('is used up by what catches up alone, in pieces', () => {
    fc.assert(
      fc.property(rates, (rate) => {
        const reading = simulate(rate, {
          ...{ hasLive: false, forMs: 20_000, answer: ({ bytesMax }) => bytesMax },
        });
        expect(Math.max(...reading.asked)).toBeLessThanOrEqual(Math.min(rate, answerBytesMax));
        // Answers of 4 MiB each millisecond are as fast as it gets here.
        const possible = Math.min(rate, (answerBytesMax * 1_000) / 2);
        expect(total(reading)).toBeGreaterThanOrEqual(possible * (reading.nowMs / 1_000) * 0.9);
      }),
    );
  });

  it('lets a batch through that is larger than a second’s worth, and waits until it is paid for', () => {
    fc.assert(
      fc.property(rates, fc.integer({ min: 2, max: 100 }), (rate, seconds) => {
        const batch = rate * seconds;
        const bucket = spent(newBucket(rate, 0), { bytes: batch, behindBytes: batch });
        const plan = planRead(bucket, wish);
        expect(plan.kind).toBe('pause');
        if (plan.kind !== 'pause') return;
        expect(plan.pauseMs / 1_000).toBeGreaterThanOrEqual(seconds - 1);
        expect(plan.pauseMs / 1_000).toBeLessThanOrEqual(seconds + 1);
        expect(planRead(refilled(bucket, plan.pauseMs + 1), wish).kind).toBe('read');
      }),
    );
  });

  it('is shared by readers side by side: together they ask for no more than there is', () => {
    fc.assert(
      fc.property(rates, fc.integer({ min: 1, max: 50 }), (rate, readers) => {
        const plan = planRead(newBucket(rate, 0), { ...wish, readers });
        expect(plan).toMatchObject({ kind: 'read', scope: 'all' });
        if (plan.kind === 'read')
          expect(plan.bytesMax * readers).toBeLessThanOrEqual(Math.max(rate, readers));
      }),
    );
  });

  it('keeps live partitions waiting for nothing but debts, however large the backlog of others is', () => {
    fc.assert(
      fc.property(rates, fc.integer({ min: 1, max: 50 }), (rate, perMille) => {
        // Up to 5 % of the rate arrive at the live ones each tenth of a second.
        let pending = 0;
        let pendingSince = 0;
        let nextMs = 0;
        let longestMs = 0;
        simulate(rate, {
          forMs: 20_000,
          answer: ({ scope, bytesMax }, nowMs) => {
            if (nowMs >= nextMs) {
              if (pending === 0) pendingSince = nextMs;
              pending += Math.ceil((rate * perMille) / 1_000 / 10);
              nextMs += 100;
            }
            if (scope === 'behind') return bytesMax;
            // Brokers answer about those first that had no data lately.
            const taken = Math.min(pending, bytesMax);
            pending -= taken;
            if (taken > 0 && pending === 0) longestMs = Math.max(longestMs, nowMs - pendingSince);
            return scope === 'live' ? taken : bytesMax;
          },
        });
        expect(longestMs).toBeLessThan(1_000);
      }),
    );
  });

  it('keeps live ones waiting for two batches at most, where each is worth seconds of the limit', () => {
    fc.assert(
      fc.property(rates, fc.integer({ min: 1, max: 20 }), (rate, seconds) => {
        const batch = rate * seconds;
        let sinceMs = 0;
        let longestMs = 0;
        const { nowMs: endMs } = simulate(rate, {
          forMs: 200_000,
          answer: ({ scope }, nowMs) => {
            // There is always a record for the live ones; they are asked for, or not.
            if (scope === 'behind') return batch;
            longestMs = Math.max(longestMs, nowMs - sinceMs);
            sinceMs = nowMs;
            return scope === 'all' ? batch : 100;
          },
        });
        // Whoever is not asked for any more has no last time.
        expect(Math.max(longestMs, endMs - sinceMs)).toBeLessThan((2 * seconds + 1) * 1_000);
      }),
    );
  });

  it('leaves about a tenth to those that catch up where live ones take all they are given', () => {
    fc.assert(
      fc.property(rates, (rate) => {
        const reading = simulate(rate, { forMs: 30_000, answer: ({ bytesMax }) => bytesMax });
        const { all, live, behind } = reading.read;
        const possible = Math.min(rate, answerBytesMax) * (reading.nowMs / 1_000);
        expect(behind + all).toBeGreaterThan(possible * 0.08);
        expect(live).toBeGreaterThan(possible * 0.5);
      }),
    );
  });

  it('lets the broker wait for live data only until the others have their turn', () => {
    const rate = 1024 * 1024;
    const bucket = spent(newBucket(rate, 0), { bytes: rate * 0.6, behindBytes: rate });
    expect(planRead(bucket, wish)).toEqual({
      ...{ kind: 'read', scope: 'live', bytesMax: Math.floor(rate * 0.4) },
      waitMsMax: 350,
    });
  });
});

describe('a limit that changes', () => {
  it('keeps what is owed, and no more than a second’s worth of the new rate', () => {
    fc.assert(
      fc.property(rates, rates, fc.integer({ min: -(2 ** 31), max: 2 ** 31 }), (before, after, level) => {
        const bucket = withRate({ ...newBucket(before, 0), level: Math.min(before, level) }, after);
        expect(bucket.level).toBeCloseTo(Math.min(after, before, level), 3);
        expect(bucket.floor).toBeLessThanOrEqual(after / 10 + 0.001);
      }),
    );
  });

  it('gains nothing from a clock that goes back', () => {
    const bucket = spent(newBucket(1024, 10_000), { bytes: 1024, behindBytes: 0 });
    expect(refilled(bucket, 5_000)).toEqual(bucket);
    expect(refilled(refilled(bucket, 5_000), 10_500).level).toBe(512);
  });
});
