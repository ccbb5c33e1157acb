// The program behind `lockstep`: one process, one command, one exit code.

import { askAtTerminal } from './ask.ts';
import { Output } from './output/output.ts';
import { runProgram } from './program.ts';
import { listenForStop } from './stop-signals.ts';

const output = new Output({ stdout: process.stdout, stderr: process.stderr, environment: process.env });
using stop = listenForStop(() => process.exit(130));

// `lockstep ... | head` closes our stdout early: end quietly instead of with a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  output.closeData();
  stop.stop();
});
process.stderr.on('error', () => {});

const exitCode = await runProgram(process.argv.slice(2), {
  output,
  signal: stop.signal,
  environment: process.env,
  ...(process.stdin.isTTY && process.stderr.isTTY && { ask: askAtTerminal(stop.signal) }),
});

process.exitCode = exitCode;
// Connections that were being opened may still wait for a broker that does not answer: whoever loses a region must not
// wait for it. What was printed gets out first.
const printed = [process.stdout, process.stderr].map(
  (stream) => new Promise<void>((resolve) => stream.write('', () => resolve())),
);
if (!stop.signal.aborted) await Promise.all(printed);
process.exit(exitCode);
