// How long to wait before trying again: exponential with jitter, the rule of Kafka's own clients
// (org.apache.kafka.common.utils.ExponentialBackoff, KIP-580).
import type { Random } from './clock.ts';

export interface BackoffOptions {
  /** Wait before the first retry, ms. */
  readonly initialMs: number;
  /** No wait is longer, ms. */
  readonly maxMs: number;
  /** Each wait is this many times the one before. Default 2. */
  readonly multiplier?: number;
  /** The wait is spread evenly over ± this share of itself, so that many clients don't return at once. Default 0.2. */
  readonly jitter?: number;
}

/** retry.backoff.ms and retry.backoff.max.ms of Kafka's clients. */
export const requestBackoff: BackoffOptions = { initialMs: 100, maxMs: 1000 };
/** reconnect.backoff.ms and reconnect.backoff.max.ms of Kafka's clients. */
export const reconnectBackoff: BackoffOptions = { initialMs: 50, maxMs: 1000 };

/**
 * The wait before retry number `attempt` (0 is the first retry), ms, never above `maxMs`.
 * `random` gives the jitter; 0.5 gives the middle.
 */
export function backoffMs(attempt: number, options: BackoffOptions, random: Random): number {
  const { initialMs, maxMs, multiplier = 2, jitter = 0.2 } = options;
  const exponential = Math.min(maxMs, initialMs * multiplier ** attempt);
  const factor = 1 - jitter + 2 * jitter * random();
  return Math.min(maxMs, Math.round(exponential * factor));
}
