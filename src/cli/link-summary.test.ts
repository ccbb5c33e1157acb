import { describe, expect, test } from 'vitest';
import { statusOf as link, partition } from '../../test/support/link-status.ts';
import type { LinkStatus } from '../link/index.ts';
import { formatSummary, summarizeLink } from './link-summary.ts';

const line = (now: LinkStatus, before?: LinkStatus): string =>
  formatSummary(summarizeLink(now, before, 2_000));

describe('the line of a link', () => {
  test('counts partitions that fill holes as mirroring, and tells what others wait for', () => {
    const states = ['Mirroring', 'ClaimingHole', 'FillingHole', 'WaitingForTransaction'];
    const partitions = states.map((state, index) =>
      partition({ partition: index, state, reason: index === 0 ? null : 'why' }),
    );
    expect(line(link(partitions))).toBe(
      'us-to-eu  3 of 4 partitions mirroring  lag none  (1 WaitingForTransaction: why)',
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
