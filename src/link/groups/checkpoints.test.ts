import { expect, test } from 'vitest';
import { checkpointsOf } from './checkpoints.ts';
import { planGroup, type SeenGroup, uncommitted } from './plan.ts';
import type { GroupMirror } from './types.ts';

const group = (offset: bigint | null, metadata = 'm'): SeenGroup => ({
  ...{ groupId: 'g', type: 'classic', protocolType: 'consumer', state: 'Empty', problem: null },
  positions: offset === null ? [] : [{ topic: 'orders', partition: 2, offset, metadata }],
});
const here = (offset: bigint | null): SeenGroup => ({
  ...group(null),
  positions: offset === null ? [] : [{ topic: 'us.orders', partition: 2, offset, metadata: 'm' }],
});

function told(
  source: SeenGroup,
  {
    shift = 0n,
    end = 100n,
    held = null,
  }: { shift?: bigint | null; end?: bigint | null; held?: bigint | null } = {},
) {
  const mirror: GroupMirror = {
    sourceTopic: 'orders',
    mirrorTopic: 'us.orders',
    partitionCount: 3,
    shiftOf: () => shift,
  };
  const plan = planGroup({
    ...{ source, destination: here(held), mirrors: new Map([['orders', mirror]]) },
    edgesOf: () => ({ start: 0n, highWatermark: end }),
    ...{ mayGoBack: false, isRefreshDue: false },
  });
  const [one] = checkpointsOf([plan], { groups: new Map([[source.groupId, source]]) });
  return one && [one.group, one.topic, one.partition, one.upstreamOffset, one.offset, one.metadata];
}

// biome-ignore format: a table
const cases: readonly [name: string, told: ReturnType<typeof told>, upstream: bigint, offset: bigint][] = [
  ['an identical mirror: the same offset', told(group(70n)), 70n, 70n],
  ['at the end of the mirror', told(group(100n)), 100n, 100n],
  ['beyond it: no further than the mirror', told(group(130n)), 130n, 100n],
  ['a shifted mirror: less the shift', told(group(70n), { shift: 20n }), 70n, 50n],
  ['a mirror that doubled records: the shift is negative', told(group(70n), { shift: -5n }), 70n, 75n],
  ['before a shifted mirror begins: its start', told(group(10n), { shift: 20n }), 10n, 0n],
  ['what is committed there already', told(group(70n), { held: 70n }), 70n, 70n],
  ['a destination that is further: still what the source says', told(group(70n), { held: 80n }), 70n, 70n],
  ['committed there, beyond a mirror that was made anew', told(group(70n), { held: 70n, end: 20n }), 70n, 20n],
];

test.each(cases)('%s', (_name, one, upstream, offset) => {
  expect(one).toEqual(['g', 'us.orders', 2, upstream, offset, 'm']);
});

test('nothing where the place is not known, and no text that the format can not hold', () => {
  expect(told(group(70n), { shift: null })).toBeUndefined();
  expect(told(group(70n), { end: null })).toBeUndefined();
  expect(told(group(null))).toBeUndefined();
  expect(told(group(70n, 'x'.repeat(40_000)))).toEqual(['g', 'us.orders', 2, 70n, 70n, '']);
});

test('without commits groups are told so, and nothing is committed', () => {
  const position = {
    topic: 'orders',
    mirrorTopic: 'us.orders',
    partition: 0,
    source: 1n,
    wanted: 1n,
    destination: null,
  };
  const commit = { topic: 'us.orders', partition: 0, offset: 1n, metadata: '' };
  const behind = { ...position, state: 'behind', isBelowMirrorStart: false, commit } as const;
  const plan = { groupId: 'g', state: 'Synced', reason: null, positions: [behind] } as const;
  expect(uncommitted(plan)).toMatchObject({ state: 'NotCommitted', positions: [{ commit: null }] });
  expect(uncommitted({ ...plan, state: 'NoPositions' })).toMatchObject({ state: 'NoPositions' });
});
