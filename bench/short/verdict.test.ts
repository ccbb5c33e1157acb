import { describe, expect, test } from 'vitest';
import { grosslyWorse, medianRatios, ratiosOf } from './verdict.ts';

const recorded = { cpu: 4, time: 6, memory: 2 };

describe('the short benchmark', () => {
  test('takes ratios so that more is worse', () => {
    const lockstep = { cpuSecondsPerGb: 0.8, megabytesPerSecond: 300, peakRssMb: 120 };
    const copier = { cpuSecondsPerGb: 0.2, megabytesPerSecond: 1500, peakRssMb: 60 };
    expect(ratiosOf(lockstep, copier)).toEqual({ cpu: 4, time: 5, memory: 2 });
  });

  test('lets pass what is at most twice what was recorded, in the best round', () => {
    expect(grosslyWorse([{ cpu: 8, time: 12, memory: 4 }], recorded)).toEqual([]);
    const disturbed = { cpu: 30, time: 80, memory: 2 };
    expect(grosslyWorse([disturbed, { cpu: 5, time: 7, memory: 2 }], recorded)).toEqual([]);
  });

  test('tells each ratio that is grossly worse in every round', () => {
    const rounds = [
      { cpu: 9, time: 60, memory: 2 },
      { cpu: 8.1, time: 60, memory: 5 },
    ];
    expect(grosslyWorse(rounds, recorded)).toEqual([
      "CPU per GB: 8.10 times the bare copier's at best; 4.00 was recorded, 8.00 is the limit",
    ]);
  });

  test('does not take what could not be measured for good', () => {
    expect(grosslyWorse([{ cpu: Number.NaN, time: 6, memory: 2 }], recorded)).toHaveLength(1);
  });

  test('records medians', () => {
    const rounds = [1, 9, 3].map((cpu) => ({ cpu, time: 2 * cpu, memory: 1 }));
    expect(medianRatios(rounds)).toEqual({ cpu: 3, time: 6, memory: 1 });
  });
});
