import { describe, expect, test } from 'vitest';
import type { LinkStatus } from '../link/index.ts';
import { changesOf, formatSummary, summarizeLink } from './link-summary.ts';

type Partition = LinkStatus['partitions'][number];

const partition = (fields: Partial<Partition>): Partition => ({
  topic: 'orders',
  partition: 0,
  state: 'Mirroring',
  reason: null,
  sinceMs: 0,
  isStopped: false,
  stoppedAt: null,
  mirrorEnd: 10n,
  sourceEnd: 10n,
  lagRecords: 0n,
  behindMs: 0,
  recordsMirrored: 0,
  bytesMirrored: 0,
  lastError: null,
  lastErrorAtMs: null,
  acknowledgedLostCount: 0,
  ...fields,
});

const link = (partitions: Partition[], fields: Partial<LinkStatus> = {}): LinkStatus => ({
  name: 'us-to-eu',
  source: 'us-east',
  destination: 'eu-west',
  topics: [],
  partitions,
  heldBytes: 0,
  discoveryError: null,
  ...fields,
});

const line = (now: LinkStatus, before?: LinkStatus): string =>
  formatSummary(summarizeLink(now, before, 2_000));

describe('the line of a link', () => {
  test('sums lag and rates over its partitions', () => {
    const before = link([partition({}), partition({ partition: 1 })]);
    const now = link([
      partition({ lagRecords: 1_000n, behindMs: 300, recordsMirrored: 4_000, bytesMirrored: 1_048_576 }),
      partition({
        partition: 1,
        lagRecords: 234n,
        behindMs: 1_200,
        recordsMirrored: 4_000,
        bytesMirrored: 1_048_576,
      }),
    ]);
    expect(line(now, before)).toBe(
      'us-to-eu  2 of 2 partitions mirroring  lag 1,234 records, 1.2 s  1.0 MiB/s, 4,000 records/s',
    );
  });

  test('says unknown where one partition is unknown, and no rate without an earlier status', () => {
    const now = link([
      partition({}),
      partition({ partition: 1, state: 'Settling', lagRecords: null, behindMs: null }),
    ]);
    expect(line(now)).toBe('us-to-eu  1 of 2 partitions mirroring  lag unknown  (1 Settling)');
  });

  test('is not silent about partitions that stopped and topics that can not be listed', () => {
    const now = link([partition({ state: 'Diverged', isStopped: true, lagRecords: 5n, behindMs: null })], {
      discoveryError: 'no answer',
    });
    expect(line(now)).toBe(
      'us-to-eu  0 of 1 partition mirroring  1 STOPPED  looking for topics failed: no answer',
    );
  });

  test('a stopped partition does not hide the lag of the others', () => {
    const stopped = partition({ state: 'Diverged', isStopped: true, lagRecords: null, behindMs: null });
    expect(line(link([stopped, partition({ partition: 1, lagRecords: 3n, behindMs: 100 })]))).toContain(
      '1 STOPPED  lag 3 records, 100 ms',
    );
  });

  test('a link without partitions says so', () => {
    expect(line(link([]))).toBe('us-to-eu  no partitions yet');
  });

  test('the most frequent trouble is told with its reason', () => {
    const waiting = { state: 'Recovering', reason: 'connection refused', lagRecords: null, behindMs: null };
    const partitions = [0, 1].map((number) => partition({ partition: number, ...waiting }));
    expect(line(link([...partitions, partition({ partition: 2, state: 'Settling' })]))).toContain(
      '(2 Recovering: connection refused)',
    );
  });

  test('counters that start again make no negative rate', () => {
    const now = link([partition({ bytesMirrored: 0 })]);
    expect(line(now, link([partition({ bytesMirrored: 500 })]))).toContain('0 B/s, 0 records/s');
  });
});

describe('changes', () => {
  const stopped = link([
    partition({ state: 'Diverged', isStopped: true, reason: 'it differs', stoppedAt: 7n }),
  ]);

  test('a partition that stops is told once, with its reason', () => {
    expect(changesOf(stopped, link([partition({})]))).toEqual([
      expect.stringMatching(
        /^us-to-eu: orders-0: Diverged at offset 7: it differs\. Run lockstep verify, .*\.$/,
      ),
    ]);
    expect(changesOf(stopped, stopped)).toEqual([]);
  });

  test('one that is stopped from the first status on is told too, and its return', () => {
    expect(changesOf(stopped, undefined)).toHaveLength(1);
    expect(changesOf(link([partition({})]), stopped)).toEqual(['us-to-eu: orders-0: Mirroring again']);
  });

  test('a clean stop and the usual states are quiet', () => {
    const ending = link([partition({ state: 'Stopped', isStopped: true })]);
    expect(changesOf(ending, link([partition({})]))).toEqual([]);
    expect(changesOf(link([partition({})]), link([partition({ state: 'Settling' })]))).toEqual([]);
  });

  test('a topic that can not be prepared is told with its reason, one that is being prepared is not', () => {
    const topic = { topic: 't', state: 'Preparing' as const, partitionCount: 1 };
    const failed = link([], { topics: [{ ...topic, reason: 'POLICY_VIOLATION' }] });
    expect(changesOf(link([], { topics: [{ ...topic, reason: null }] }), undefined)).toEqual([]);
    expect(changesOf(failed, undefined)).toEqual(['us-to-eu: topic t: Preparing: POLICY_VIOLATION']);
    expect(changesOf(failed, failed)).toEqual([]);
  });

  test('a refused topic is told with its reason', () => {
    const topics = [
      { topic: 't', state: 'Refused' as const, reason: 'it holds foreign data', partitionCount: 1 },
    ];
    expect(changesOf(link([], { topics }), link([]))).toEqual([
      'us-to-eu: topic t: Refused: it holds foreign data',
    ]);
  });
});
