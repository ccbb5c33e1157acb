import { expect, test } from 'vitest';
import { figuresOf, finishOf, type Look } from './look.ts';

const look = (at: number, offsets: number, cpuSeconds: number): Look => ({
  ...{ at, offsets, cpuSeconds, peakRssBytes: 150e6 },
  ...{ sourceCpuSeconds: 10 + cpuSeconds / 2, destinationCpuSeconds: 20 + cpuSeconds * 2 },
});

test('figures are what happened between two looks, and nothing before', () => {
  const figures = figuresOf(look(2_000, 1_000_000, 30), look(12_000, 3_000_000, 34), {
    ...{ startSeconds: 7, bytesPerOffset: 1_000, recordsPerOffset: 1 },
  });
  expect(figures).toEqual({
    ...{ seconds: 10, megabytesPerSecond: 200, recordsPerSecond: 200_000, startSeconds: 7 },
    ...{ cpuSecondsPerGb: 2, cpuMicrosecondsPerRecord: 2, corePercent: 40, peakRssMb: 150 },
    ...{ sourceBrokerCpuSecondsPerGb: 1, destinationBrokerCpuSecondsPerGb: 4 },
  });
});

test('markers are offsets, but no records', () => {
  const how = { startSeconds: 0, bytesPerOffset: 1_000, recordsPerOffset: 100 / 101 };
  const { recordsPerSecond, megabytesPerSecond } = figuresOf(look(0, 0, 0), look(1_000, 1_010, 1), how);
  expect(recordsPerSecond).toBeCloseTo(1_000);
  expect(megabytesPerSecond).toBeCloseTo(1.01);
});

test('who copies to the end took so long from the first record, and from its start', () => {
  const { figures, note } = finishOf({
    ...{ first: look(2_000, 0, 1), last: look(6_000, 10_000, 3), startedAt: -1_000, wantedOffsets: 10_000 },
    ...{ how: { bytesPerOffset: 100, recordsPerOffset: 0.1 }, title: 'Lockstep' },
  });
  expect(figures).toMatchObject({ startSeconds: 3, finishSeconds: 4, startToFinishSeconds: 7 });
  expect(figures.recordsPerSecond).toBeCloseTo(250);
  expect(note).toBeNull();
});

test('who was stopped before is credited with the pace until then, and a note says so', () => {
  const { figures, note } = finishOf({
    ...{ first: look(2_000, 0, 1), last: look(6_000, 1_000, 3), startedAt: 0, wantedOffsets: 10_000 },
    ...{ how: { bytesPerOffset: 100, recordsPerOffset: 0.1 }, title: 'Lockstep' },
  });
  expect(figures).toMatchObject({ startSeconds: 2, finishSeconds: 40, startToFinishSeconds: 42 });
  expect(figures.recordsPerSecond).toBeCloseTo(25);
  expect(note).toBe("Lockstep: 10.0 % of the offsets after 4 s; its time until all is copied is that pace's");
});
