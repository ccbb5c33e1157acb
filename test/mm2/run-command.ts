// `lockstep run FILE` as a process of its own, as a person starts and stops it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../../bin/lockstep.mjs', import.meta.url));

export interface RunningCommand extends AsyncDisposable {
  /** What it printed to stderr so far. */
  told(): string;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  readonly exitCode: number | null;
}

export function startRun(...args: string[]): RunningCommand {
  const child = spawn(process.execPath, [command, 'run', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let told = '';
  child.stderr.on('data', (bytes) => {
    told += String(bytes);
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  return {
    told: () => told,
    get exitCode() {
      return child.exitCode;
    },
    stop: async () => {
      child.kill('SIGTERM');
      return (await ended)[0];
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await ended;
    },
  };
}
