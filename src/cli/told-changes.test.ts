import { describe, expect, test } from 'vitest';
import { type Partition, partition, statusOf } from '../../test/support/link-status.ts';
import type { LinkStatus } from '../link/index.ts';
import { ToldChanges } from './told-changes.ts';

const place = { file: 'lockstep.yaml', source: 'us:9092', destination: 'eu:9092' };

/** What is told when the partitions are so for one second each. */
function told(...statuses: (Partition[] | Partial<LinkStatus>)[]): string[] {
  const changes = new ToldChanges(() => place);
  return statuses.flatMap((status, second) =>
    changes.linesOf(Array.isArray(status) ? statusOf(status) : statusOf([], status), second * 1_000),
  );
}

const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);
const diverged = partition({ state: 'Diverged', isStopped: true, reason: 'it differs', stoppedAt: 7n });

describe('a partition that stops', () => {
  test('is told once, with its reason, its offset and the commands', () => {
    const lines = told([partition({})], [diverged], [diverged]);
    expect(lines).toEqual([
      expect.stringMatching(/^us-to-eu: orders-0: Diverged at offset 7: it differs\. Nothing is /),
    ]);
    expect(lines[0]).toContain('lockstep verify lockstep.yaml --topic orders');
    expect(lines[0]).toContain('kafka-topics.sh --bootstrap-server eu:9092 --delete --topic orders');
  });

  test('is told too when it is stopped from the first status on, and when it is back', () => {
    expect(told([diverged])).toHaveLength(1);
    expect(told([diverged], [partition({})]).at(-1)).toBe('us-to-eu: orders-0: Mirroring again');
  });

  test('is told anew when it stops for another reason', () => {
    expect(told([diverged], [partition({ state: 'Blocked', isStopped: true })])).toHaveLength(2);
  });

  test('is quiet when it was asked to stop', () => {
    expect(told([partition({})], [partition({ state: 'Stopped', isStopped: true })])).toEqual([]);
  });
});

test('a right that is missing is told at once', () => {
  const denied = partition({ state: 'NotAuthorized', reason: 'WRITE on topic orders' });
  expect(told([denied], [denied], [partition({})])).toEqual([
    expect.stringMatching(
      /^us-to-eu: orders-0: NotAuthorized: WRITE on topic orders\. It is asked again every 10 s\. .* lockstep doctor lockstep\.yaml\.$/,
    ),
    'us-to-eu: orders-0: Mirroring again',
  ]);
});

test('a loop is told at once, with what may have been meant', () => {
  const looped = partition({ state: 'LoopDetected', reason: 'us -> eu.orders -> us' });
  expect(told([looped], [looped], [partition({})])).toEqual([
    expect.stringMatching(
      /^us-to-eu: orders-0: LoopDetected: us -> eu\.orders -> us\. Nothing of it was copied\. .* lockstep links alter us-to-eu --exclude-topics/,
    ),
    'us-to-eu: orders-0: Mirroring again',
  ]);
});

describe('a partition that waits', () => {
  const waiting = (reason: string) => [partition({ state: 'WaitingForTransaction', reason })];

  test('is told after 10 s, with the newest reason and the command in it', () => {
    const early = times(10, waiting('whose is being asked'));
    const late = times(5, waiting('the transaction of producer id 5 hangs: kafka-transactions.sh ... abort'));
    expect(told(...early)).toEqual([]);
    expect(told(...early, ...late)).toEqual([
      'us-to-eu: orders-0: WaitingForTransaction: the transaction of producer id 5 hangs: kafka-transactions.sh ... abort.',
    ]);
  });

  test('is told with a command also where its reason has none', () => {
    expect(told(...times(12, waiting('a transaction is open')))[0]).toContain(
      'kafka-transactions.sh --bootstrap-server us:9092 find-hanging --topic orders --partition 0.',
    );
  });

  test('is quiet about transactions that end, one after the other', () => {
    const busy = times(60, [waiting('x'), [partition({})]]).flat();
    expect(told(...busy)).toEqual([]);
  });

  test('is quiet about holes that are filled', () => {
    expect(told(...times(60, [partition({ state: 'FillingHole', reason: 'x' })]))).toEqual([]);
  });
});

describe('a partition that does not come to copying', () => {
  const behind = { lagRecords: 5n, mirrorEnd: 3n };
  const round = [
    [partition({ state: 'Recovering', reason: 'CORRUPT_MESSAGE', ...behind })],
    [partition({ state: 'ReadingDestination', lastError: 'CORRUPT_MESSAGE', ...behind })],
    [partition({ state: 'Settling', lastError: 'CORRUPT_MESSAGE', ...behind })],
    [partition({ state: 'Mirroring', lastError: 'CORRUPT_MESSAGE', ...behind })],
  ];

  test('is told after 30 s as one that tries again and again, and once it has copied something', () => {
    const rounds = times(7, round).flat();
    expect(told(...rounds)).toEqual([]);
    const lines = told(...rounds, ...times(3, round).flat());
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^us-to-eu: orders-0: \w+: CORRUPT_MESSAGE\. /);
    const over = told(...rounds, ...times(3, round).flat(), [partition({ lagRecords: 2n, mirrorEnd: 6n })]);
    expect(over.at(-1)).toBe('us-to-eu: orders-0: Mirroring again');
  });

  test('is quiet while it begins', () => {
    expect(told(...times(20, [partition({ state: 'Settling' })]), [partition({})])).toEqual([]);
  });

  test('is one piece of news with all the others that a cluster holds up', () => {
    const away = [0, 1, 2].map((number) =>
      partition({ partition: number, reason: 'reading: connection refused', lagRecords: null }),
    );
    expect(told(...times(10, away))).toEqual([]);
    expect(told(...times(11, away))).toHaveLength(1);
    expect(told(...times(40, away))).toEqual([
      'us-to-eu: orders-0 and 2 more partitions: Mirroring: reading: connection refused. It is tried again by itself, every few seconds. If the reason stays: lockstep doctor lockstep.yaml.',
    ]);
  });
});

test('a source that is away for moments, again and again, is no news', () => {
  const away = [partition({ reason: 'reading: connection refused', lagRecords: 5n })];
  const back = [partition({ lagRecords: 5n })];
  expect(told(...times(4, [...times(6, away), back]).flat())).toEqual([]);
});

describe('offsets that the source had deleted', () => {
  const lost = (sourceLostCount: bigint) => [partition({ sourceLostCount })];
  const words = (count: string) =>
    `us-to-eu: topic orders, partition 0: ${count} that the source had deleted`;

  test('are told once for each time that they become more', () => {
    expect(told(lost(0n), lost(1_200n), lost(1_200n), lost(1_201n))).toEqual([
      `${words('1,200 offsets')} were never mirrored; a hole stands in their place (retentionOvertook: jump)`,
      `${words('1 offset')} was never mirrored; a hole stands in its place (retentionOvertook: jump)`,
    ]);
  });

  test('are told of a new worker too, which counts from 0', () => {
    expect(told(lost(20n), lost(0n), lost(7n))).toHaveLength(2);
  });

  test('are not told where it stopped before the hole', () => {
    const stopped = [partition({ state: 'StartTooFar', isStopped: true, sourceLostCount: 5n })];
    expect(told(stopped).join()).not.toContain('never mirrored');
  });
});

describe('topics', () => {
  const ids = { mirrorTopic: 't', sourceTopicId: 'S', mirrorTopicId: null };
  const topic = { topic: 't', state: 'Preparing' as const, partitionCount: 1, ...ids };

  test('one that can not be prepared is told with its reason, one that is being prepared is not', () => {
    const failed = { topics: [{ ...topic, reason: 'POLICY_VIOLATION' }] };
    expect(told({ topics: [{ ...topic, reason: null }] })).toEqual([]);
    expect(told(failed, failed)).toEqual(['us-to-eu: topic t: Preparing: POLICY_VIOLATION']);
  });

  test('a refused one is told with its reason', () => {
    const refused = { ...topic, state: 'Refused' as const, reason: 'it holds foreign data' };
    expect(told({ topics: [refused] })).toEqual(['us-to-eu: topic t: Refused: it holds foreign data']);
  });

  test('many that stand by since roles turned are one line', () => {
    const topics = ['a', 'b', 'c'].map((name) => ({
      ...{ ...topic, topic: name, state: 'Standby' as const, reason: 'eu is primary' },
    }));
    expect(told({ topics })).toEqual(['us-to-eu: topic a and 2 more topics: Standby: eu is primary']);
  });
});
