// The demo waits for what has to happen, never for a time: on a loaded machine everything takes longer, and the story
// has to stay true. What never happens fails here and says what it was.
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 100;
/** Long enough for a machine with ten times more work than cores, ms. */
const deadlineMs = 180_000;

/** The first answer that is not null. What `look` throws counts as "not yet"; aborting `signal` ends the wait at once. */
export async function until<T>(
  what: string,
  look: () => Promise<T | null> | T | null,
  signal?: AbortSignal,
): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  const aborted = new Promise<never>((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  aborted.catch(() => {});
  for (;;) {
    let cause: unknown;
    const looking = Promise.resolve()
      .then(look)
      .catch((error: unknown) => {
        cause = error;
        return null;
      });
    const answer = await Promise.race([looking, aborted]);
    if (answer !== null) return answer;
    if (Date.now() >= deadline) throw new Error(`waited ${deadlineMs / 1000} s for ${what}`, { cause });
    await Promise.race([sleep(pollMs), aborted]);
  }
}
