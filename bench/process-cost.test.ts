import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readProcessCost } from './process-cost.ts';

test('times and memory are read also when the command has blanks and parentheses', () => {
  const proc = mkdtempSync(path.join(tmpdir(), 'lockstep-proc-'));
  mkdirSync(path.join(proc, '42'));
  const stat = '42 (a (b) c) S 1 42 42 0 -1 4194560 100 0 0 0 1234 66 0 0 20 0 1 0 5 6 7 8';
  writeFileSync(path.join(proc, '42', 'stat'), stat);
  writeFileSync(path.join(proc, '42', 'status'), 'Name:\ta\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n');
  expect(readProcessCost(42, proc)).toEqual({
    cpuSeconds: 13,
    peakRssBytes: 2 * 1024 * 1024,
    rssBytes: 1024,
  });
  rmSync(proc, { recursive: true });
});

test.runIf(process.platform === 'linux')('for this process it agrees with what Node says of itself', () => {
  const burnUntil = performance.now() + 150;
  while (performance.now() < burnUntil);
  const { user, system } = process.cpuUsage();
  const cost = readProcessCost(process.pid);
  expect(cost.cpuSeconds).toBeCloseTo((user + system) / 1e6, 0);
  expect(cost.peakRssBytes).toBeGreaterThanOrEqual(process.memoryUsage.rss() * 0.5);
});
