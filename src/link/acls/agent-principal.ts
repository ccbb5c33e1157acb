// Whom the destination takes the agent for, as far as its own credentials tell (Kafka's default principal builder).
import type { Credentials } from '../../client/index.ts';

/** Null with a certificate (brokers map its name by rules of theirs) and with a token (its subject is theirs to read). */
export function agentPrincipalOf({ sasl, tls }: Credentials): string | null {
  if (sasl !== undefined) return 'username' in sasl ? `User:${sasl.username}` : null;
  return tls === undefined || tls.cert === undefined ? 'User:ANONYMOUS' : null;
}
