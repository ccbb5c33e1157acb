// Waiting for a condition with a deadline: the only way our tests wait. A sleep either wastes time or fails
// on a slow machine; a condition that never comes fails here and says what it was waiting for.
import { setTimeout as sleep } from 'node:timers/promises';

export type WaitOptions = {
  /** Fails after this many milliseconds. */
  readonly deadlineMs: number;
  /** What is waited for, to read as "waited 5000 ms for ...". A function may tell what was seen last. */
  readonly describe: string | (() => string);
  /** Pause between two looks; 50 ms by default. */
  readonly pollMs?: number;
};

/** Returns the first truthy answer of `condition`. What it throws counts as "not yet" and is the cause at the end. */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { deadlineMs, describe, pollMs = 50 }: WaitOptions,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + deadlineMs;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await condition();
      if (answer) return answer as NonNullable<T>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (Date.now() >= deadline) {
      const what = typeof describe === 'function' ? describe() : describe;
      throw new Error(`waited ${deadlineMs} ms for ${what}`, { cause });
    }
    await sleep(pollMs);
  }
}
