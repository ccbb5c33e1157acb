// Who waits until the log has been read up to some offset.
import type { Clock } from '../client/index.ts';
import { LockstepError } from '../errors.ts';

interface Waiter {
  readonly offset: bigint;
  resolve(): void;
  reject(error: unknown): void;
}

export class OffsetWaiters {
  readonly #clock: Clock;
  readonly #where: string;
  readonly #waiters = new Set<Waiter>();

  /** @param where what is read, for messages */
  constructor(clock: Clock, where: string) {
    this.#clock = clock;
    this.#where = where;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** Resolves when `reached` is told an offset above this one. @throws LockstepError REQUEST_TIMED_OUT */
  wait(offset: bigint, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        cancel();
        this.#waiters.delete(waiter);
        settle();
      };
      const waiter: Waiter = {
        offset,
        resolve: () => end(resolve),
        reject: (error) => end(() => reject(error)),
      };
      const late = `${this.#where}: offset ${offset} was not read within ${timeoutMs} ms`;
      const cancel = this.#clock.after(timeoutMs, () =>
        waiter.reject(new LockstepError('REQUEST_TIMED_OUT', late)),
      );
      this.#waiters.add(waiter);
    });
  }

  /** Everything below `nextOffset` has been read. */
  reached(nextOffset: bigint): void {
    for (const waiter of this.#waiters) if (waiter.offset < nextOffset) waiter.resolve();
  }

  fail(error: unknown): void {
    for (const waiter of this.#waiters) waiter.reject(error);
  }
}
