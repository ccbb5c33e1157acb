// How often an agent looks at its partitions, and who hears of it.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { partition } from '../../test/support/link-status.ts';
import type { ControlTopic } from '../control/index.ts';
import type { LinkPartitions } from '../link/index.ts';
import { Reporting } from './reporting.ts';

/** So many that all of them are looked at every five seconds only. */
const all = Array.from({ length: 10_000 }, (_, number) => partition({ partition: number }));

let reporting: Reporting;
let stirred: LinkPartitions['partitions'];
let told: string[];
let seen: string[];
let isAway: boolean;

beforeEach(async () => {
  vi.useFakeTimers();
  [stirred, told, seen, isAway] = [[], [], [], false];
  const put = async (entries: ReadonlyMap<string, object>): Promise<void> => {
    if (isAway) await new Promise<void>((resolve) => setTimeout(resolve, 8_000));
    told.push(...entries.keys());
  };
  reporting = new Reporting({
    control: { state: { statuses: new Map() }, put } as unknown as ControlTopic,
    ...{ agentId: 'a', version: '0', heartbeats: [], apiUrl: () => null, principal: () => null },
    ...{ isLeading: () => false, ownedCount: () => all.length, isElsewhere: () => false, told: () => [] },
    links: (which) => [{ name: 'us-to-eu', partitions: which === 'all' ? all : stirred }],
    onLooked: ([link]) => {
      seen.push(...link!.partitions.filter(({ state }) => state !== 'Mirroring').map(({ state }) => state));
    },
    onWarning: () => {},
  });
  await reporting.report();
  reporting.start();
});
afterEach(async () => {
  const stopped = reporting.stop();
  await vi.advanceTimersByTimeAsync(10_000);
  await stopped;
  vi.useRealTimers();
});

it('shows a trouble within a second, however many partitions there are, and however soon it is over', async () => {
  stirred = [partition({ partition: 7, state: 'Recovering' })];
  await vi.advanceTimersByTimeAsync(1_000);
  stirred = [];
  await vi.advanceTimersByTimeAsync(5_000);
  expect(seen).toEqual(['Recovering']);
});

it('goes on looking while the destination takes no report, and tells afterwards what it saw', async () => {
  isAway = true;
  stirred = [partition({ partition: 7, state: 'Recovering' })];
  await vi.advanceTimersByTimeAsync(1_000);
  stirred = [partition({ partition: 8, state: 'Diverged', isStopped: true })];
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen).toEqual(['Recovering', 'Diverged']);
  told = [];
  isAway = false;
  await vi.advanceTimersByTimeAsync(8_000);
  expect(told).toContain('status/us-to-eu/orders/8');
});
