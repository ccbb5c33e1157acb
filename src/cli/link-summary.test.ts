import { describe, expect, test } from 'vitest';
import { statusOf as link, partition } from '../../test/support/link-status.ts';
import type { LinkStatus } from '../link/index.ts';
import { formatSummary, summarizeLink } from './link-summary.ts';

const line = (now: LinkStatus, before?: LinkStatus): string =>
  formatSummary(summarizeLink(now, before, 2_000));

describe('the line of a link', () => {
  test('counts partitions that fill holes as mirroring, and tells what others wait for', () => {
    const states = ['Mirroring', 'ClaimingHole', 'FillingHole', ...Array(2).fill('WaitingForTransaction')];
    const partitions = states.map((state, index) =>
      partition({ partition: index, state, reason: index === 0 ? null : `why ${index}` }),
    );
    expect(line(link(partitions))).toBe(
      'us-to-eu  3 of 5 partitions mirroring (2 WaitingForTransaction)  lag none, but 2 wait for transactions',
    );
  });

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
    expect(line(now)).toBe('us-to-eu  1 of 2 partitions mirroring (1 Settling)  lag none, but unknown for 1');
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
      '1 STOPPED  lag 3 records, 100 ms, but 1 stopped',
    );
  });

  test('a link without partitions says so', () => {
    expect(line(link([]))).toBe('us-to-eu  no partitions yet');
  });

  test('troubles are counted by their state, the most frequent first, without their reasons', () => {
    const waiting = { state: 'Recovering', lagRecords: null, behindMs: null } as const;
    const partitions = [1, 2].map((number) =>
      partition({ partition: number, reason: `connection ${number} refused`, ...waiting }),
    );
    expect(line(link([partition({ state: 'Settling' }), ...partitions]))).toBe(
      'us-to-eu  0 of 3 partitions mirroring (2 Recovering, 1 Settling)  lag unknown for 3',
    );
  });

  test('a source that is away has nothing that mirrors, and what was heard last is no lag', () => {
    const line8 = (reason: string) =>
      line(link(Array.from({ length: 8 }, (_, number) => partition({ partition: number, reason }))));
    expect(line8('the partition has no leader at the source')).toBe(
      'us-to-eu  0 of 8 partitions mirroring (8: the partition has no leader at the source)  lag unknown for 8',
    );
    expect(line8('reading: connection to us1:9092 (10.0.0.1) refused')).toContain(
      '0 of 8 partitions mirroring (8: the source can not be read)  lag unknown for 8',
    );
  });

  test('what the limit holds back mirrors, and its lag is known', () => {
    const reason = 'held back by the limit of the link: bytesPerSecondMax is 19.5 KiB/s';
    const held = [0, 1].map((number) =>
      partition({ partition: number, reason, isHeldBack: true, lagRecords: 500n, behindMs: 2_000 }),
    );
    expect(line(link(held))).toBe(
      `us-to-eu  2 of 2 partitions mirroring (2: ${reason})  lag 1,000 records, 2.0 s`,
    );
  });

  test('no lag of the others hides one that stopped', () => {
    const stopped = partition({ state: 'Diverged', isStopped: true });
    expect(line(link([stopped, partition({ partition: 1 })]))).toContain('lag none, but 1 stopped');
  });

  test('a clean stop is no failure, and hides none', () => {
    const ended = [0, 1].map((number) =>
      partition({ partition: number, state: 'Stopped', isStopped: true, reason: 'stopped as asked' }),
    );
    expect(line(link(ended))).toBe('us-to-eu  2 of 2 partitions stopped cleanly');
    const diverged = partition({ partition: 2, state: 'Diverged', isStopped: true });
    expect(line(link([...ended, diverged]))).toBe('us-to-eu  2 of 3 partitions stopped cleanly  1 STOPPED');
  });

  test('counters that start again make no negative rate', () => {
    const now = link([partition({ bytesMirrored: 0 })]);
    expect(line(now, link([partition({ bytesMirrored: 500 })]))).toContain('0 B/s, 0 records/s');
  });
});
