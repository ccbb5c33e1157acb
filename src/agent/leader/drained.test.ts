import { describe, expect, test } from 'vitest';
import type { MirrorRecord } from '../../control/index.ts';
import { type DrainLook, type Ends, notDrained, quietMs, stoodStill } from './drained.ts';

const full: Ends = {
  ...{ partition: 0, shift: 0n, sourceHighWatermark: 100n, sourceLastStable: 100n },
  ...{ mirrorLogEnd: 100n, mirrorHighWatermark: 100n },
};
const known = { topicId: 'a', partitionCount: 3 };
const look = (atMs: number, ...ends: Partial<Ends>[]): DrainLook => ({
  ...{ atMs, source: known, mirrored: known },
  ends: ends.map((each, partition) => ({ ...full, partition, ...each })),
});

describe('a mirror is drained', () => {
  test('when nothing lags and the source stood still between two looks', () => {
    expect(notDrained(look(quietMs, {}), look(0, {}))).toBeNull();
  });

  test.each([
    ['no earlier look to compare with', look(5_000, {}), null, /whether writes have stopped/],
    ['two looks too close to each other', look(quietMs - 1, {}), look(0, {}), /whether writes have stopped/],
    [
      'the source grew',
      look(2_000, {
        sourceHighWatermark: 120n,
        sourceLastStable: 120n,
        mirrorLogEnd: 120n,
        mirrorHighWatermark: 120n,
      }),
      look(0, {}),
      /writes go on: 20 offsets in 2.0 s/,
    ],
    [
      'a transaction is open',
      look(2_000, { sourceLastStable: 90n, mirrorLogEnd: 90n, mirrorHighWatermark: 90n }),
      look(0, {}),
      /transaction is open at the source on partition 0/,
    ],
    [
      'one of two partitions lags',
      look(2_000, {}, { mirrorLogEnd: 93n, mirrorHighWatermark: 93n }),
      look(0, {}, {}),
      /lags by 7 offsets/,
    ],
    [
      'a replica of the mirror is behind',
      look(2_000, {}, { mirrorHighWatermark: 99n }),
      look(0, {}, {}),
      /replicas of the mirror are behind on partition 1/,
    ],
  ])('but not when %s', (_what, now, before, reason) => {
    expect(notDrained(now, before)).toMatch(reason);
  });
});

test.each([
  [
    'partitions that the mirror does not have yet',
    { topicId: 'a', partitionCount: 4 },
    /4 partitions and the mirror 3/,
  ],
  ['another topic under its name', { topicId: 'b', partitionCount: 3 }, /created again/],
])('a mirror is not drained while the source has %s', (_, source, reason) => {
  expect(notDrained({ ...look(quietMs, {}), source }, look(0, {}))).toMatch(reason);
});

describe('whoever asked for it has watched the source', () => {
  const asked = (...stood: string[]) => ({ promotion: { stoodStill: stood } }) as unknown as MirrorRecord;
  const now = look(0, { shift: 5n }, {});

  test('which stands where it stood: no second look is needed', () => {
    expect(notDrained(now, stoodStill(asked('105', '100'), now))).toBeNull();
  });

  test('which has moved on since', () => {
    expect(notDrained(now, stoodStill(asked('103', '100'), now))).toMatch(/writes go on: 2 offsets/);
  });

  test('but not each of its partitions, or nobody has', () => {
    expect(stoodStill(asked('105'), now)).toBeNull();
    expect(stoodStill({} as MirrorRecord, now)).toBeNull();
  });
});
