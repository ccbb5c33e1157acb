// Carries a SASL exchange over a connection: SaslHandshake v1 names the mechanism, SaslAuthenticate takes the
// bytes there and back (KIP-152), and the broker says how long the login lasts (KIP-368).
import { LockstepError } from '../../errors.ts';
import type { SaslAuthenticateResponse, SaslHandshakeResponse } from '../../protocol/index.ts';
import type { SaslConfig } from '../config.ts';
import { type Peer, peerError } from '../connect-failure.ts';
import type { SaslExchange } from './mechanism.ts';
import { oauthBearerExchange } from './oauthbearer.ts';
import { plainExchange } from './plain.ts';
import { scramExchange } from './scram.ts';
import type { TokenSource } from './token-source.ts';

/** More rounds than this are no mechanism that we know; SCRAM takes two. */
const roundsMax = 8;

const unsupportedSaslMechanism = 33;
const illegalSaslState = 34;

/** The two requests that a login consists of. */
export interface SaslChannel {
  handshake(input: { mechanism: string }): Promise<SaslHandshakeResponse>;
  authenticate(input: { authBytes: Buffer }): Promise<SaslAuthenticateResponse>;
}

/**
 * Logs in; resolves with the session's lifetime in ms, 0 when it does not end.
 * @throws LockstepError AUTHENTICATION_FAILED with the broker's reason and the way out, never the password.
 */
export async function authenticate(
  peer: Peer,
  sasl: SaslConfig,
  tokens: TokenSource | null,
  channel: SaslChannel,
): Promise<number> {
  const exchange = exchangeOf(sasl, tokens);
  const user = sasl.mechanism === 'OAUTHBEARER' ? '' : ` as user ${sasl.username}`;
  const fail = (what: string, cause?: unknown) =>
    peerError('AUTHENTICATION_FAILED', peer, `login by ${sasl.mechanism}${user} failed: ${what}`, { cause });

  const handshake = await channel.handshake({ mechanism: sasl.mechanism });
  if (handshake.errorCode !== 0) throw fail(handshakeProblem(handshake.errorCode, handshake.mechanisms));
  try {
    let message: Buffer | null = await exchange.first();
    for (let round = 0; round < roundsMax; round += 1) {
      const answer = await channel.authenticate({ authBytes: message });
      if (answer.errorCode !== 0) throw fail(refusal(answer, sasl));
      message = await exchange.next(answer.authBytes);
      if (message === null) return Number(answer.sessionLifetimeMs);
    }
  } catch (cause) {
    if (cause instanceof LockstepError && isExchangeFailure(cause)) throw fail(cause.message, cause);
    throw cause;
  }
  throw fail('it does not come to an end.');
}

/** Errors of the mechanisms and token sources know no peer yet. */
function isExchangeFailure(error: LockstepError): boolean {
  return (
    ['AUTHENTICATION_FAILED', 'FILE_UNREADABLE'].includes(error.code) && error.detail.address === undefined
  );
}

function exchangeOf(sasl: SaslConfig, tokens: TokenSource | null): SaslExchange {
  switch (sasl.mechanism) {
    case 'PLAIN':
      return plainExchange(sasl);
    case 'SCRAM-SHA-256':
    case 'SCRAM-SHA-512':
      return scramExchange({ ...sasl, mechanism: sasl.mechanism });
    case 'OAUTHBEARER':
      if (tokens === null) throw new LockstepError('INTERNAL', 'OAUTHBEARER has no source of tokens.');
      return oauthBearerExchange(tokens, sasl.extensions);
  }
}

function handshakeProblem(errorCode: number, mechanisms: readonly string[]): string {
  if (errorCode === unsupportedSaslMechanism) {
    return `the broker does not offer this mechanism. It offers ${mechanisms.join(', ') || 'none'}.`;
  }
  if (errorCode === illegalSaslState)
    return 'this port takes no login. Take sasl away, or use the SASL port.';
  return `the broker answered with error ${errorCode}.`;
}

function refusal(answer: SaslAuthenticateResponse, sasl: SaslConfig): string {
  const reason = answer.errorMessage ?? `error ${answer.errorCode}`;
  const wayOut = sasl.mechanism === 'OAUTHBEARER' ? 'Check the token' : 'Check username and password';
  return `${reason.slice(0, 300).replace(/\.$/, '')}. ${wayOut}.`;
}
