// `lockstep run FILE` as a process, which a test may kill.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { guardChild, withParentDeathSignal } from '../../src/regions/index.ts';

const lockstep = fileURLToPath(new URL('../../bin/lockstep.mjs', import.meta.url));

export class RunningFile implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #log = '';

  constructor(file: string) {
    const [command, args] = withParentDeathSignal(process.execPath, [lockstep, 'run', file]);
    this.#child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    guardChild(this.#child);
    this.#child.stderr!.on('data', (bytes) => {
      this.#log += String(bytes);
    });
    this.#closed = once(this.#child, 'close');
  }

  get pid(): number {
    return this.#child.pid!;
  }
  get log(): string {
    return this.#log;
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.#closed;
  }

  /** Resolves with the exit code, when it ends by itself. */
  async ended(): Promise<number | null> {
    await this.#closed;
    return this.#child.exitCode;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
