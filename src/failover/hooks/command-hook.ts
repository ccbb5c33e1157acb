// A hook that is a command. It runs without a shell in a process group of its own, so that a time-out ends what it
// started, too.
import { spawn } from 'node:child_process';
import { hookEnvironment, type SentHookEvent } from './event.ts';
import type { HookEnd, HookRun } from './hook-run.ts';
import { ShownOutput } from './shown-output.ts';

/** What a command left running in the background may hold its output open: not waited for longer than this, ms. */
const outputAfterExitMs = 500;
/** One that can't be killed (it runs as somebody else, or hangs in the kernel) is left alone after this, ms. */
const killMsMax = 2_000;

export async function runCommand(
  command: readonly string[],
  event: SentHookEvent,
  run: HookRun,
): Promise<HookEnd> {
  try {
    return await spawned(command, event, run);
  } catch (error) {
    // Arguments that no process can be given, and the like.
    return { failure: `${command[0]} can't be run: ${reasonOf(error as Error)}`, lines: [] };
  }
}

function spawned(
  command: readonly string[],
  event: SentHookEvent,
  { folder, environment, signal }: HookRun,
): Promise<HookEnd> {
  const [file = '', ...args] = command;
  const output = new ShownOutput();
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: folder,
      env: { ...environment, ...hookEnvironment(event) },
      stdio: 'pipe',
      detached: true,
    });
    let patience: NodeJS.Timeout | undefined;
    const kill = () => {
      killGroup(child.pid);
      patience = setTimeout(() => end('it could not be killed'), killMsMax);
    };
    const end = (failure: string | null) => {
      signal.removeEventListener('abort', kill);
      clearTimeout(patience);
      child.unref();
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ failure, lines: output.lines([]) });
    };
    child.stdout.on('data', (chunk: Buffer) => output.add(chunk));
    child.stderr.on('data', (chunk: Buffer) => output.add(chunk));
    // A command need not read what it is told.
    child.stdin.on('error', () => {});
    child.stdin.end(`${JSON.stringify(event)}\n`);
    child.on('error', (error: NodeJS.ErrnoException) => end(`${file} can't be run: ${reasonOf(error)}`));
    child.on('exit', (code, killedBy) => {
      const failure = code === 0 ? null : code === null ? `ended by ${killedBy}` : `exit code ${code}`;
      const late = setTimeout(() => end(failure), outputAfterExitMs);
      child.on('close', () => {
        clearTimeout(late);
        end(failure);
      });
    });
    if (signal.aborted) kill();
    else signal.addEventListener('abort', kill);
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended, or is somebody else's.
  }
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES') return 'it is not executable';
  return code ?? message;
}
