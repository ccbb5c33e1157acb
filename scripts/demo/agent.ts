// The agent as its own process, so that SIGKILL means what it means in an outage.
// It may also end by itself: that is said when it happens, and ends whatever waits for its work.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { guardChild } from '../../src/regions/index.ts';

export const lockstep = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
/** How many of its lines a failure repeats. */
const lastLinesMax = 5;

export class Agent {
  readonly #file: string;
  readonly #say: (text: string) => void;
  #child: ChildProcess | null = null;
  #endedByItself = new AbortController();

  constructor(file: string, say: (text: string) => void) {
    this.#file = file;
    this.#say = say;
  }

  /** Aborted when the agent that was started last ends by itself. */
  get signal(): AbortSignal {
    return this.#endedByItself.signal;
  }

  start(): void {
    const child = spawn(process.execPath, [lockstep, 'run', this.#file], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    guardChild(child);
    this.#child = child;
    const endedByItself = new AbortController();
    this.#endedByItself = endedByItself;
    const lastLines: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (line.trim() === '') return;
        this.#say(`│ ${line}`);
        lastLines.push(line);
        if (lastLines.length > lastLinesMax) lastLines.shift();
      });
    }
    // `close`, not `exit`: its last lines have been read by then.
    child.once('close', (code, signal) => {
      if (this.#child !== child) return;
      const how = `the agent ended by itself (${signal ?? `exit code ${code}`})`;
      this.#say(how);
      const said = lastLines.length === 0 ? 'it had said nothing' : `it said last:\n${lastLines.join('\n')}`;
      endedByItself.abort(new Error(`${how}; ${said}`));
    });
  }

  /** It hangs, as it does when its network is gone; `resume` wakes it up. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Answers with its exit code; null when a signal ended it. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    if (child === null) return null;
    this.#child = null;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
    child.kill(signal);
    return ended;
  }
}
