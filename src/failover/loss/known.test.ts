import { describe, expect, test } from 'vitest';
import type { MirrorRecord, PromotedPartition, StatusRecord } from '../../control/index.ts';
import { groupsBack, knownLoss, undecidedTransactions } from './known.ts';

const promoted = (changes: Partial<PromotedPartition>): PromotedPartition => ({
  ...{ partition: 0, cutOffset: '80', sourceEnd: '100', sourceSeenAtMs: 5_000 },
  ...{ missingRecords: '20', isReplicated: true },
  ...changes,
});

const mirror = (...partitions: PromotedPartition[]): MirrorRecord => ({
  ...{
    v: 1,
    link: 'us-to-eu',
    sourceTopic: 'orders',
    mirrorTopic: 'orders',
    partitionCount: partitions.length,
  },
  ...{ sourceTopicId: 's', mirrorTopicId: 'm', state: 'Promoted', sinceMs: 9_000, reason: null },
  promotion: { commandId: 'c', kind: 'now', requestedAtMs: 8_000, deadlineMs: 9_000, partitions },
});

const status = (sourceSeen: StatusRecord['sourceSeen'] & object, shift = '0'): StatusRecord => ({
  ...{ v: 1, agent: 'a', atMs: 6_000, state: 'Stopped', reason: null, sinceMs: 6_000, sourceEnd: null },
  ...{ mirrorEnd: '80', lagRecords: null, behindMs: null, lastFetchAtMs: null, lastError: null },
  ...{ sourceSeen, shift },
});

describe('what is known of a partition', () => {
  test('are the offsets from the cut to the end that was seen last', () => {
    const seen = { end: '100', atMs: 5_000, perSecond: 12.5 };
    expect(knownLoss(mirror(promoted({})), () => status(seen)).partitions).toEqual([
      {
        ...{ partition: 0, cutOffset: '80', sourceEnd: '100', sourceSeenAtMs: 5_000, missing: '20' },
        ...{ perSecond: 12.5, isReplicated: true, shift: '0', undecided: null, exact: null, unread: null },
      },
    ]);
  });

  test('is nothing where the source was never seen: unknown, not zero', () => {
    const never = promoted({ sourceEnd: null, sourceSeenAtMs: null, missingRecords: null });
    expect(knownLoss(mirror(never), () => undefined).partitions).toMatchObject([
      { sourceEnd: null, missing: null, perSecond: null, undecided: null },
    ]);
  });

  test('a mirror that went on beyond the end that was seen lacks nothing that is known', () => {
    expect(knownLoss(mirror(promoted({ sourceEnd: '70' })), () => undefined).partitions[0]!.missing).toBe(
      '0',
    );
  });
});

describe('a transaction that was open', () => {
  const undecided = { highWatermark: '130', transactionalId: null, producerId: null };

  test('is named in offsets of the new primary', () => {
    const loss = knownLoss(mirror(promoted({})), () => status({ end: '110', atMs: 5, undecided }, '10'));
    expect(loss.partitions[0]!.undecided).toMatchObject({ from: '100', to: '120' });
  });

  test('has ended when the mirror went on beyond its first offset', () => {
    const loss = knownLoss(mirror(promoted({})), () => status({ end: '79', atMs: 5, undecided }));
    expect(loss.partitions[0]!.undecided).toBeNull();
  });

  test('is one on all partitions of a producer, and stays unknown where nobody told whose it is', () => {
    const statuses = [
      status({ end: '100', atMs: 5, undecided: { ...undecided, producerId: '7' } }),
      status({ end: '90', atMs: 5, undecided: { ...undecided, producerId: '7', transactionalId: 'pay' } }),
      status({ end: '95', atMs: 5, undecided }),
    ];
    const partitions = [0, 1, 2].map((partition) => promoted({ partition }));
    const loss = knownLoss(mirror(...partitions), (partition) => statuses[partition]);
    expect(undecidedTransactions([loss])).toMatchObject([
      {
        transactionalId: 'pay',
        producerId: '7',
        outcome: null,
        missing: ['orders-0 from 100', 'orders-1 from 90'],
      },
      { transactionalId: null, producerId: null, outcome: null, missing: ['orders-2 from 95'] },
    ]);
  });
});

describe('a group', () => {
  const told = { isExact: false, heardAtMs: 4_000 };
  const topic = (positions: Record<string, (string | null)[]>) => ({
    ...knownLoss(mirror(promoted({})), () => undefined),
    positions,
  });
  const back = (is: string | null, was: bigint) =>
    groupsBack(topic({ g: [is] }), [{ group: 'g', partition: 0, was }], told);

  test('beyond the cut had read what does not exist any more', () => {
    expect(back('80', 95n)).toEqual([
      { group: 'g', topic: 'orders', partition: 0, was: '95', is: '80', again: '0', gone: '15', ...told },
    ]);
  });

  test('that is behind the cut reads again what it had read', () => {
    expect(back('60', 95n)).toMatchObject([{ again: '20', gone: '15' }]);
    expect(back('60', 70n)).toMatchObject([{ again: '10', gone: '0' }]);
  });

  test('without a position here begins where auto.offset.reset says', () => {
    expect(back(null, 70n)).toMatchObject([{ is: null, again: null, gone: '0' }]);
  });

  test('that is where it was is not named', () => {
    expect(back('70', 70n)).toEqual([]);
    expect(back('75', 70n)).toEqual([]);
  });
});
