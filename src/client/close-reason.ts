// Why did the other side close? Brokers end a connection without a word when it speaks the wrong thing: TLS
// expected, a login expected. Where the close is such a riddle, the port is asked what it speaks, so that the
// message can say what to change.
import type { LockstepError } from '../errors.ts';
import type { Clock } from './clock.ts';
import {
  causeCode,
  explainSocketError,
  isSilentEnd,
  type Peer,
  peerError,
  saslExpected,
  tlsExpected,
} from './connect-failure.ts';
import { answersTls } from './port-probes.ts';

export interface ClosedConnection {
  readonly peer: Peer;
  readonly clock: Clock;
  /** What the socket said; null for a plain end. */
  readonly cause: Error | null;
  /** Not a single byte came from the other side, and we spoke plaintext. */
  readonly isMuteInPlaintext: boolean;
  /** It told its versions and answered nothing after them, and we did not log in. */
  readonly isMuteWithoutLogin: boolean;
  /** The mechanisms of the port, when it wants a login before anything else; null when it does not. */
  readonly offeredMechanisms: () => Promise<readonly string[] | null>;
}

/** TLS_EXPECTED, AUTHENTICATION_FAILED, TLS_UNTRUSTED, or just CONNECTION_CLOSED. Takes up to a few seconds. */
export async function explainClose(closed: ClosedConnection): Promise<LockstepError> {
  const { peer, cause } = closed;
  if (isSilentEnd(cause)) {
    if (closed.isMuteInPlaintext && (await answersTls(peer.address, closed.clock)))
      return tlsExpected(peer, cause);
    if (closed.isMuteWithoutLogin) {
      const mechanisms = await closed.offeredMechanisms();
      if (mechanisms !== null) return saslExpected(peer, mechanisms, cause);
    }
  }
  const known = cause === null ? undefined : explainSocketError(peer, cause);
  if (known !== undefined && known.code !== 'CLUSTER_UNREACHABLE') return known;
  const code = causeCode(cause);
  return peerError(
    'CONNECTION_CLOSED',
    peer,
    `the broker closed the connection${code === '' ? '' : ` (${code})`}.`,
    { cause },
  );
}
