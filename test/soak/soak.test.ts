// One short round of `npm run soak`, as a person runs it: everything breaks for a few seconds, and in the end both
// judges find every partition identical.
import path from 'node:path';
import { expect, test } from 'vitest';
import { problemsOf, type SoakReport } from '../../scripts/soak/report.ts';
import { runChild } from '../support/child-output.ts';

const program = path.resolve(import.meta.dirname, '..', '..', 'scripts', 'soak.ts');
/** Its plan has a kill and a freeze of an agent, a kill of a broker and several network faults. */
const seed = 4;
const timeoutMs = 300_000;

test('a quarter of a minute of faults ends with every partition identical', {
  timeout: timeoutMs,
}, async () => {
  const args = [program, '--minutes', '0.25', '--seed', String(seed), '--quiet'];
  const done = await runChild(process.execPath, args, { timeoutMs: timeoutMs - 10_000 });
  const lastLine = done.stdout.toString('utf8').trimEnd().split('\n').at(-1) ?? '';
  const report = JSON.parse(lastLine) as SoakReport;
  expect(problemsOf(report)).toEqual([]);
  expect(report).toMatchObject({ seed, isIdentical: true, judged: { partitions: 19 } });
  expect(done.code).toBe(0);
  // The faults fired, and there was something to compare.
  const { faults, network, writers, judged } = report;
  expect(faults.agentKills + faults.agentFreezes).toBeGreaterThan(0);
  expect(faults.brokerKills + faults.brokerFreezes + faults.brokerRestarts).toBeGreaterThan(0);
  expect(network.cut + network.refused + network.halfOpened + network.delayedChunks).toBeGreaterThan(0);
  expect(writers.committed).toBeGreaterThan(0);
  expect(writers.aborted).toBeGreaterThan(0);
  expect(judged?.records).toBeGreaterThan(3_000);
  expect(judged?.holes).toBeGreaterThan(20);
});
