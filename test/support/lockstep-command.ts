// The command as a person types it, in the test's own process: what it printed, and its exit code.
import { Output } from '../../src/cli/output/output.ts';
import { runProgram } from '../../src/cli/program.ts';

export async function lockstepCommand(...args: string[]) {
  const printed = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => {
      printed[name] += text;
      return true;
    },
  });
  const output = new Output({ stdout: stream('stdout'), stderr: stream('stderr'), environment: {} });
  const exitCode = await runProgram(args, {
    output,
    signal: new AbortController().signal,
    environment: {},
  });
  return { exitCode, ...printed };
}
