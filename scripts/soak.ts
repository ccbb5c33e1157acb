// npm run soak -- --minutes M --seed S: writers, agents, brokers and the network of two real regions are killed,
// frozen, cut and slowed for M minutes; then everything heals, and every partition has to be identical.
// Ends with a table and one line of JSON. Exit code 0 only when all is identical and no partition complained.
import { parseArgs } from 'node:util';
import { problemsOf, reportTable } from './soak/report.ts';
import { runSoak } from './soak/run.ts';

const usage = 'usage: npm run soak -- [--minutes 10] [--seed N] [--quiet]';
const plainProgressEveryMs = 10_000;
const barWidth = 24;

const { minutes, seed, isQuiet } = readArguments();
const startedAtMs = Date.now();
const isTerminal = process.stderr.isTTY === true;
let lastProgressAtMs = 0;
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => stopping.abort(new Error('interrupted')));

console.error(
  `soak: ${minutes} minutes, seed ${seed} (the same seed gives the same faults at the same times)`,
);
try {
  const report = await runSoak({ minutes, seed, say, onProgress, signal: stopping.signal });
  if (isTerminal) process.stderr.write('\r\u001b[K');
  const problems = problemsOf(report);
  console.log(reportTable(report));
  for (const problem of problems) console.log(`  ! ${problem}`);
  console.log(
    report.isIdentical
      ? `\nEvery partition is identical, offset for offset. (${report.seconds} s)`
      : `\nThe soak FAILED: see the lines above. Again with: npm run soak -- --minutes ${minutes} --seed ${seed}`,
  );
  console.log(JSON.stringify(report));
  process.exitCode = report.isIdentical ? 0 : 1;
} catch (error) {
  if (stopping.signal.aborted) {
    console.error('soak: interrupted; everything was taken down');
    process.exit(130);
  }
  console.error(`soak: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exitCode = 4;
}
// What was interrupted may still wait for something; nothing of it is wanted.
process.exit();

function say(text: string): void {
  if (isQuiet) return;
  if (isTerminal) process.stderr.write('\r\u001b[K');
  console.error(`${elapsed()}  ${text}`);
}

/** A bar that is drawn over on a terminal, a line every ten seconds elsewhere. */
function onProgress(part: number, text: string): void {
  const filled = Math.round(part * barWidth);
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}]`;
  if (isTerminal) {
    process.stderr.write(`\r\u001b[K${`${bar} ${text}`.slice(0, (process.stderr.columns ?? 80) - 1)}`);
    return;
  }
  if (Date.now() - lastProgressAtMs < plainProgressEveryMs) return;
  lastProgressAtMs = Date.now();
  console.error(`${elapsed()}  ${bar} ${text}`);
}

function elapsed(): string {
  return `${((Date.now() - startedAtMs) / 1000).toFixed(1).padStart(6)} s`;
}

function readArguments(): { minutes: number; seed: number; isQuiet: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '10' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        quiet: { type: 'boolean', default: false },
      },
    });
    const [minutesWanted, seedWanted] = [Number(values.minutes), Number(values.seed)];
    if (!(minutesWanted > 0) || !Number.isSafeInteger(seedWanted) || seedWanted < 0)
      throw new Error('--minutes is a number above 0, --seed a whole number from 0');
    return { minutes: minutesWanted, seed: seedWanted, isQuiet: values.quiet };
  } catch (error) {
    console.error(`soak: ${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}
