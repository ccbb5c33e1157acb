// Waiting for work that a cluster, or a person's network, may hold up for ever.
import { LockstepError } from './errors.ts';
import { formatDuration } from './units.ts';

/** Resolves when the work has ended, or after that long; rejects as the work does until then. */
export async function orPatience(work: Promise<unknown>, patienceMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patienceMs);
  });
  try {
    await Promise.race([work, patience]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * What the work resolves with; what it does later is nobody's business any more.
 * @throws LockstepError REQUEST_TIMED_OUT saying what took so long; what the work throws.
 */
export async function within<T>(work: Promise<T>, limitMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(
        new LockstepError('REQUEST_TIMED_OUT', `${what} has not ended within ${formatDuration(limitMs)}`),
      );
    }, limitMs);
  });
  work.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
