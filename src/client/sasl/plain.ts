// SASL/PLAIN (RFC 4616): the user and the password in one message. The broker proves nothing in return, which
// is why this belongs over TLS.
import type { SaslPasswordConfig } from '../config.ts';
import type { SaslExchange } from './mechanism.ts';

export function plainExchange(config: SaslPasswordConfig): SaslExchange {
  return {
    mechanism: 'PLAIN',
    first: async () => Buffer.from(`\0${config.username}\0${config.password}`, 'utf8'),
    next: async () => null,
  };
}
