// When to log in again on a living connection (KIP-368).
//
//   login ─────────────────────── hold ── log in again ── end of the session
//                                   └ what is in flight is answered first
//
// Brokers close a connection on the first request that they read after the session's end; the login itself they still
// take. Requests that were sent before the login wait in line at the broker, so the login comes early enough for them.
import type { Random } from '../clock.ts';

/** At 85 to 95 % of the session, as Kafka's Java client does. */
const share = { from: 0.85, spread: 0.1 } as const;
/** Time for what is in flight, where the session is long enough, ms. */
const inFlightMs = 10_000;
/** Never before half of the session. */
const earliestShare = 0.5;
/** Brokers take a login on a connection once a second (KafkaChannel: MIN_REAUTH_INTERVAL_ONE_SECOND_NANOS), ms. */
export const loginsApartMs = 1_100;
/** setTimeout's limit; a longer session is renewed earlier, ms. */
const timerMsMax = 2 ** 31 - 1;

/** How long after a login requests are held for the next one, ms. */
export function loginAgainAfterMs(sessionMs: number, random: Random): number {
  const jitter = share.spread * random();
  const usual = sessionMs * (share.from + jitter);
  const early = Math.max(sessionMs - inFlightMs, sessionMs * (earliestShare + jitter));
  return Math.min(timerMsMax, usual, early);
}
