// One request, tried until it succeeds, can't succeed, or the time is up. What an error calls for is read from
// Kafka's own classes: retriable ones wait and try again, those about stale metadata have it renewed first.
import { LockstepError } from '../errors.ts';
import { backoffMs, requestBackoff } from './backoff.ts';
import { type Clock, type Random, sleep } from './clock.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** For all attempts together, ms. */
  readonly deadlineMs: number;
  /** false: one attempt only. */
  readonly retry: boolean;
  readonly signal?: AbortSignal;
  /** Called before the wait that follows a failed attempt. */
  readonly onFailure: (error: LockstepError) => void;
}

/** A topic that the brokers don't know may have been created a moment ago; longer than this it was not, ms. */
const unknownTopicMsMax = 5000;
const unknownTopicErrors: ReadonlySet<unknown> = new Set([3, 100]);

/**
 * Calls `attempt` with the time that is left until it resolves.
 * @throws LockstepError the last attempt's error: the first one that retrying can't mend, or the one at which
 *   the time was up (detail.attempts tells how many there were).
 */
export async function retrying<T>(
  options: RetryOptions,
  attempt: (remainingMs: number) => Promise<T>,
): Promise<T> {
  const { clock, random, deadlineMs, retry, signal, onFailure } = options;
  const startMs = clock.nowMs();
  for (let attemptIndex = 0; ; attemptIndex += 1) {
    const remainingMs = deadlineMs - (clock.nowMs() - startMs);
    try {
      return await attempt(Math.max(1, remainingMs));
    } catch (error) {
      if (!(error instanceof LockstepError) || !error.retriable || !retry || signal?.aborted) throw error;
      onFailure(error);
      const waitMs = backoffMs(attemptIndex, requestBackoff, random);
      const spentMs = clock.nowMs() - startMs + waitMs;
      const limitMs = unknownTopicErrors.has(error.detail.number)
        ? Math.min(deadlineMs, unknownTopicMsMax)
        : deadlineMs;
      if (spentMs >= limitMs) throw gaveUp(error, attemptIndex + 1, spentMs - waitMs);
      await sleep(clock, waitMs, signal);
    }
  }
}

function gaveUp(error: LockstepError, attempts: number, spentMs: number): LockstepError {
  if (attempts === 1) return error;
  const text = `${error.message} Gave up after ${attempts} attempts in ${(spentMs / 1000).toFixed(1)} s.`;
  return new LockstepError(error.code, text, {
    cause: error,
    detail: { ...error.detail, attempts },
    retriable: error.retriable,
  });
}
