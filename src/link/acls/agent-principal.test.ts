import { expect, test } from 'vitest';
import { agentPrincipalOf } from './agent-principal.ts';

test.each([
  ['PLAIN', { sasl: { mechanism: 'PLAIN', username: 'agent', password: 'x' } }, 'User:agent'],
  [
    'SCRAM, whatever certificate goes along',
    { sasl: { mechanism: 'SCRAM-SHA-512', username: 'agent', password: 'x' }, tls: { cert: 'c', key: 'k' } },
    'User:agent',
  ],
  ['a token', { sasl: { mechanism: 'OAUTHBEARER', token: 't' } }, null],
  ['a certificate', { tls: { cert: 'c', key: 'k' } }, null],
  ['TLS without a certificate of ours', { tls: {} }, 'User:ANONYMOUS'],
  ['no login', {}, 'User:ANONYMOUS'],
] as const)('%s', (_name, config, principal) => {
  expect(agentPrincipalOf(config)).toBe(principal);
});
