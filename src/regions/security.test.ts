import { expect, test } from 'vitest';
import { LockstepError } from '../errors.ts';
import {
  interBrokerListenerOf,
  listenersOf,
  type RegionSecurity,
  scramFormatArgs,
  securityProperties,
} from './security.ts';
import type { TlsFiles } from './tls-files.ts';

const users = [{ username: 'alice', password: 'a"b\\c' }];

test.each<[string, RegionSecurity, string[], string]>([
  ['plain region', {}, ['PLAINTEXT'], 'PLAINTEXT'],
  ['TLS beside plaintext', { tls: true }, ['PLAINTEXT', 'SSL'], 'PLAINTEXT'],
  ['TLS alone', { tls: true, plaintext: false }, ['SSL'], 'SSL'],
  ['SASL alone', { sasl: { users }, plaintext: false }, ['SASL_PLAINTEXT'], 'SASL_PLAINTEXT'],
  ['all', { tls: true, sasl: { users } }, ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'], 'PLAINTEXT'],
])('listeners of a region: %s', (_name, security, listeners, interBroker) => {
  expect(listenersOf(security)).toEqual(listeners);
  expect(interBrokerListenerOf(listenersOf(security))).toBe(interBroker);
});

test('a region that nobody could reach is refused', () => {
  expect(() => listenersOf({ plaintext: false })).toThrow(LockstepError);
});

test('a region without plaintext needs PLAIN for its own brokers', () => {
  const security: RegionSecurity = { sasl: { users, mechanisms: ['SCRAM-SHA-512'] }, plaintext: false };
  expect(() => securityProperties(security, null)).toThrow(/needs the mechanism PLAIN/);
});

test('passwords are quoted for JAAS', () => {
  const properties = securityProperties({ sasl: { users, mechanisms: ['PLAIN'] } }, null);
  expect(properties['listener.name.sasl_plaintext.plain.sasl.jaas.config']).toContain(
    'user_alice="a\\"b\\\\c"',
  );
  expect(properties['listener.name.sasl_plaintext.sasl.enabled.mechanisms']).toBe('PLAIN');
});

test('SCRAM passwords are given to the format of the folder, one for each mechanism and user', () => {
  const sasl = { users: [{ username: 'alice', password: 'pw' }] };
  expect(scramFormatArgs({ sasl })).toEqual([
    ...['--add-scram', 'SCRAM-SHA-256=[name=alice,password=pw]'],
    ...['--add-scram', 'SCRAM-SHA-512=[name=alice,password=pw]'],
  ]);
  expect(scramFormatArgs({ sasl: { ...sasl, mechanisms: ['PLAIN'] } })).toEqual([]);
});

test('the authorizer denies by default, and the controllers stay super users', () => {
  const properties = securityProperties({ authorizer: { superUsers: ['User:admin'] } }, null);
  expect(properties['allow.everyone.if.no.acl.found']).toBe('false');
  expect(properties['super.users']?.split(';')).toEqual([
    'User:ANONYMOUS',
    'User:region-broker',
    'User:admin',
  ]);
});

test('TLS asks for client certificates only where told', () => {
  const files = { brokerKeystore: '/k.pem', caFile: '/ca.crt' } as TlsFiles;
  expect(securityProperties({ tls: true }, files)['ssl.client.auth']).toBe('none');
  expect(securityProperties({ tls: { clientAuth: 'required' } }, files)['ssl.client.auth']).toBe('required');
});
