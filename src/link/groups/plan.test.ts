import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type GroupPlan, keyOf, type PlanInput, type Position, planGroup, type SeenGroup } from './plan.ts';
import type { GroupMirror } from './types.ts';

function group(
  positions: Record<string, number | [number, string]>,
  seen: Partial<SeenGroup> = {},
): SeenGroup {
  return {
    groupId: 'g',
    type: 'classic',
    protocolType: 'consumer',
    state: 'Empty',
    problem: null,
    ...seen,
    positions: Object.entries(positions).map(([key, value]) => {
      const [topic, partition] = [
        key.slice(0, key.lastIndexOf('-')),
        Number(key.slice(key.lastIndexOf('-') + 1)),
      ];
      const [offset, metadata] = typeof value === 'number' ? [value, ''] : value;
      return { topic, partition, offset: BigInt(offset), metadata };
    }),
  };
}

const absent = group({}, { state: 'Absent', type: '', protocolType: '' });

function mirror(sourceTopic: string, mirrorTopic = sourceTopic, shift: bigint | null = 0n): GroupMirror {
  return { sourceTopic, mirrorTopic, partitionCount: 3, shiftOf: () => shift };
}

function plan(
  source: SeenGroup,
  destination: SeenGroup,
  changes: Partial<PlanInput> & { mirror?: GroupMirror; end?: bigint | null; start?: bigint } = {},
): GroupPlan {
  const { mirror: one = mirror('orders'), end = 1000n, start = 0n, ...rest } = changes;
  return planGroup({
    source,
    destination,
    mirrors: new Map([[one.sourceTopic, one]]),
    edgesOf: () => ({ start, highWatermark: end }),
    mayGoBack: false,
    isRefreshDue: false,
    ...rest,
  });
}

/** `topic-partition=offset` of everything that is to be committed. */
function commitsOf({ positions }: GroupPlan): string[] {
  return positions.flatMap(({ commit }) =>
    commit === null ? [] : [`${keyOf(commit)}=${commit.offset}${commit.metadata && `:${commit.metadata}`}`],
  );
}

describe('what is committed', () => {
  const at = (offset: number) => group({ 'orders-0': offset });
  const cases: [string, GroupPlan, string, string[]][] = [
    ['a new position is committed', plan(at(7), absent), 'Synced', ['orders-0=7']],
    ['one that moved on is committed', plan(at(7), at(5)), 'Synced', ['orders-0=7']],
    ['one that is there is left alone', plan(at(7), at(7)), 'Synced', []],
    ['unless it may expire', plan(at(7), at(7), { isRefreshDue: true }), 'Synced', ['orders-0=7']],
    ['one that is further here is left alone', plan(at(7), at(9)), 'Ahead', []],
    ['and kept from expiring', plan(at(7), at(9), { isRefreshDue: true }), 'Ahead', ['orders-0=9']],
    ['it goes back when that is allowed', plan(at(7), at(9), { mayGoBack: true }), 'Synced', ['orders-0=7']],
    [
      'a position beyond the mirror stops at its end',
      plan(at(70), at(5), { end: 50n }),
      'WaitingForMirror',
      ['orders-0=50'],
    ],
    ['which is committed once', plan(at(70), at(50), { end: 50n }), 'WaitingForMirror', []],
    ['and never takes back what is further', plan(at(70), at(60), { end: 50n }), 'WaitingForMirror', []],
    [
      'a mirror whose end is unknown gets nothing',
      plan(at(70), at(5), { end: null }),
      'WaitingForMirror',
      [],
    ],
    ['a position may be at the very end', plan(at(1000), at(5)), 'Synced', ['orders-0=1000']],
    ['another topic is ignored', plan(group({ 'other-0': 7 }), absent), 'NoPositions', []],
    ['a group without positions has none', plan(group({}), absent), 'NoPositions', []],
    [
      'a prefix is put before the topic',
      plan(at(7), absent, { mirror: mirror('orders', 'us.orders') }),
      'Synced',
      ['us.orders-0=7'],
    ],
    [
      'a prefixed position that is there is left alone',
      plan(at(7), group({ 'us.orders-0': 7 }), { mirror: mirror('orders', 'us.orders') }),
      'Synced',
      [],
    ],
    [
      'a shifted mirror has lower offsets',
      plan(at(107), absent, { mirror: mirror('orders', 'orders', 100n) }),
      'Synced',
      ['orders-0=7'],
    ],
    [
      'and nothing below its first',
      plan(at(30), absent, { mirror: mirror('orders', 'orders', 100n) }),
      'Synced',
      ['orders-0=0'],
    ],
    [
      'an unknown shift gets nothing',
      plan(at(30), absent, { mirror: mirror('orders', 'orders', null) }),
      'WaitingForMirror',
      [],
    ],
    [
      'the text of a position is kept',
      plan(group({ 'orders-0': [7, 'mine'] }), absent),
      'Synced',
      ['orders-0=7:mine'],
    ],
    [
      'a text that changed is committed',
      plan(group({ 'orders-0': [7, 'new'] }), group({ 'orders-0': [7, 'old'] })),
      'Synced',
      ['orders-0=7:new'],
    ],
    [
      'only what differs is committed',
      plan(group({ 'orders-0': 7, 'orders-1': 8 }), group({ 'orders-0': 7, 'orders-1': 5 })),
      'Synced',
      ['orders-1=8'],
    ],
  ];
  test.each(cases)('%s', (_name, planned, state, commits) => {
    expect(planned.state).toBe(state);
    expect(commitsOf(planned)).toEqual(commits);
  });

  test('a position below the start of the mirror is committed as it is, and told', () => {
    const planned = plan(at(7), absent, { start: 10n });
    expect(commitsOf(planned)).toEqual(['orders-0=7']);
    expect(planned.positions[0]!.isBelowMirrorStart).toBe(true);
    expect(planned.reason).toMatch(/below the start of the mirror.*orders-0 \(source 7/);
  });

  test('and so is one that a shifted mirror does not reach down to', () => {
    const planned = plan(at(30), absent, { mirror: mirror('orders', 'orders', 100n) });
    expect(planned.positions[0]!.isBelowMirrorStart).toBe(true);
  });
});

describe('which groups get nothing', () => {
  const source = group({ 'orders-0': 7 });
  const refused = { state: 'NotAuthorized', reason: 'no right' } as const;
  const cases: [string, SeenGroup, SeenGroup, string, RegExp][] = [
    [
      'members here',
      source,
      group({}, { state: 'Stable' }),
      'ActiveAtDestination',
      /Stable at the destination/,
    ],
    [
      'members that join',
      source,
      group({}, { state: 'PreparingRebalance' }),
      'ActiveAtDestination',
      /Preparing/,
    ],
    [
      'members of the new protocol',
      source,
      group({}, { state: 'Assigning', type: 'consumer' }),
      'ActiveAtDestination',
      /Assigning/,
    ],
    [
      'a share group',
      group({}, { type: 'share', protocolType: 'share' }),
      absent,
      'NotSupported',
      /share group at the source/,
    ],
    [
      'a Streams group',
      group({}, { type: 'Streams', protocolType: 'streams' }),
      absent,
      'NotSupported',
      /Streams group at the source/,
    ],
    [
      'workers of Connect',
      group({}, { protocolType: 'connect' }),
      absent,
      'NotSupported',
      /protocol connect/,
    ],
    [
      'a share group of that name here',
      source,
      group({}, { type: 'share', protocolType: 'share' }),
      'NotSupported',
      /at the destination/,
    ],
    ['no right at the source', { ...source, problem: refused }, absent, 'NotAuthorized', /no right/],
    ['no right here', source, { ...absent, problem: refused }, 'NotAuthorized', /no right/],
  ];
  test.each(cases)('%s', (_name, there, here, state, reason) => {
    const planned = plan(there, here, { isRefreshDue: true });
    expect(planned.state).toBe(state);
    expect(planned.reason).toMatch(reason);
    expect(commitsOf(planned)).toEqual([]);
  });

  test('what can not be read at the source any more is kept from expiring, no more', () => {
    const there = { ...group({ 'orders-0': 7, 'orders-1': 8 }), problem: refused };
    const planned = plan(there, group({ 'orders-0': 7, 'orders-1': 5 }), { isRefreshDue: true });
    expect(planned.state).toBe('NotAuthorized');
    expect(commitsOf(planned)).toEqual(['orders-0=7']);
  });

  test.each(['Empty', 'Dead', 'Absent', ''])('a group that is %j here gets its positions', (state) => {
    expect(commitsOf(plan(source, group({}, { state })))).toEqual(['orders-0=7']);
  });
});

// Whatever the positions, ends and settings:
//   - nothing is committed beyond the high watermark, except what stands there already;
//   - nothing goes back unless allowed;
//   - a position within the mirror ends up exactly where it is at the source, less the shift;
//   - a second look after the commits has nothing to do.
test('the rules hold for any positions', () => {
  const offset = fc.bigInt(0n, 60n);
  const partition = fc.record({
    source: offset,
    held: fc.option(offset),
    end: fc.option(offset),
    shift: fc.bigInt(0n, 20n),
  });
  const input = fc.record({
    partitions: fc.array(partition, { minLength: 1, maxLength: 5 }),
    mayGoBack: fc.boolean(),
    isRefreshDue: fc.boolean(),
  });
  fc.assert(
    fc.property(input, ({ partitions, mayGoBack, isRefreshDue }) => {
      const positionsOf = (pick: (entry: (typeof partitions)[number]) => bigint | null, topic: string) =>
        partitions.flatMap((entry, index): Position[] => {
          const value = pick(entry);
          return value === null ? [] : [{ topic, partition: index, offset: value, metadata: '' }];
        });
      const source = { ...group({}), positions: positionsOf((entry) => entry.source, 'orders') };
      const held = positionsOf((entry) => entry.held, 'us.orders');
      const look = (positions: Position[], refresh: boolean) =>
        planGroup({
          source,
          destination: { ...group({}), positions },
          mirrors: new Map([
            ['orders', { ...mirror('orders', 'us.orders'), shiftOf: (index) => partitions[index]!.shift }],
          ]),
          edgesOf: (_topic, index) => ({ start: 0n, highWatermark: partitions[index]!.end }),
          mayGoBack,
          isRefreshDue: refresh,
        });
      const planned = look(held, isRefreshDue);
      const after = new Map(held.map((position) => [position.partition, position]));
      for (const { commit } of planned.positions) {
        if (commit === null) continue;
        const { held: before, end } = partitions[commit.partition]!;
        const stays = commit.offset === before;
        expect(stays || (end !== null && commit.offset <= end)).toBe(true);
        expect(stays || before === null || mayGoBack || commit.offset > before).toBe(true);
        after.set(commit.partition, commit);
      }
      for (const [index, { source: at, shift, end, held: before }] of partitions.entries()) {
        const wanted = at > shift ? at - shift : 0n;
        if (end === null || wanted > end || (before !== null && before > wanted && !mayGoBack)) continue;
        expect(after.get(index)?.offset).toBe(wanted);
      }
      expect(commitsOf(look([...after.values()], false))).toEqual([]);
    }),
  );
});

describe('a mirror that was taken over from MirrorMaker 2', () => {
  const taken = { ...mirror('orders', 'us.orders', -60n), takenAt: () => 40n };

  test('from that point on positions follow, higher than at the source where it holds more', () => {
    const made = plan(group({ 'orders-0': 50 }), absent, { mirror: taken });
    expect(commitsOf(made)).toEqual(['us.orders-0=110']);
  });

  test('in front of it they are left alone, and said', () => {
    const held = group({ 'us.orders-0': 77 });
    const made = plan(group({ 'orders-0': 39 }), held, { mirror: taken, mayGoBack: true });
    expect(commitsOf(made)).toEqual([]);
    expect(made).toMatchObject({
      state: 'WaitingForMirror',
      reason: expect.stringContaining('only lockstep migrate FILE can tell'),
    });
    const refreshed = plan(group({ 'orders-0': 39 }), held, { mirror: taken, isRefreshDue: true });
    expect(commitsOf(refreshed)).toEqual(['us.orders-0=77']);
  });
});
