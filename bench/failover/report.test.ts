import { expect, test } from 'vitest';
import { shapeOf } from './moves.ts';
import { parseFailoverOptions } from './options.ts';
import {
  type MoveMeasurement,
  medianBy,
  moveTable,
  type RestoreMeasurement,
  restoreTable,
} from './report.ts';

test('options: sizes, runs, and what makes no sense', () => {
  expect(parseFailoverOptions([])).toEqual({
    ...{ partitions: [10, 100, 1000], runs: 1, withMoves: true, withRestore: true, profileFolder: null },
  });
  expect(parseFailoverOptions(['--partitions', '5,50', '--runs', '3', '--only', 'moves'])).toMatchObject({
    ...{ partitions: [5, 50], runs: 3, withMoves: true, withRestore: false },
  });
  for (const wrong of [['--partitions', '0'], ['--runs', '1.5'], ['--only', 'all'], ['--what'], ['more']])
    expect(() => parseFailoverOptions(wrong), wrong.join(' ')).toThrow(/npm run bench -- failover/);
});

test('topics have up to 50 partitions, and all together as many as wanted', () => {
  for (const partitions of [1, 10, 50, 100, 1000]) {
    const { topicCount, partitionsPerTopic } = shapeOf(partitions);
    expect(topicCount * partitionsPerTopic).toBe(partitions);
    expect(partitionsPerTopic).toBeLessThanOrEqual(50);
  }
});

test('the middle run counts, of two the slower one', () => {
  expect(medianBy([3, 1, 2], (ms) => ms)).toBe(2);
  expect(medianBy([3, 1], (ms) => ms)).toBe(3);
});

const failover: MoveMeasurement = {
  ...{ kind: 'failover', partitions: 1000, acceptedMs: 3704, endedMs: 6100, startMs: 1520, pauseMs: null },
  steps: [{ step: 'promote', ms: 1990 }],
  load: 14.4,
};

test('tables tell what was waited for, each step, and the load', () => {
  expect(moveTable([failover, { ...failover, kind: 'switchover', pauseMs: 2030 }]).split('\n')).toEqual([
    'MOVE        PARTITIONS  ALL ACCEPT   PAUSE  LOAD  STEPS',
    'failover          1000      3.70 s       -  14.4  start 1.52, promote 1.99',
    'switchover        1000      3.70 s  2.03 s  14.4  start 1.52, promote 1.99',
    '',
  ]);
  const restore: RestoreMeasurement = {
    ...{
      topics: 100,
      diverged: 1,
      copiedTopics: 1,
      topicBytes: 1,
      agentReadBytes: 2_500_000,
      agentSentBytes: 1_500_000,
    },
    ...{ tookMs: 4000, steps: [], load: 1 },
  };
  expect(restoreTable([restore])).toMatch(/1 of 100 topics +1 topics +1\.5 MB +2\.5 MB +4\.00 s/);
});
