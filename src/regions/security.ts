// What a region with TLS, SASL or an authorizer adds to its brokers' configuration. Pure, apart from the
// certificate files that tls-files.ts makes.
//
// The controllers speak plaintext among themselves in every region, as ANONYMOUS; with an authorizer
// ANONYMOUS is therefore a super user, and rights are tested over the SASL or SSL listeners.
import { LockstepError } from '../errors.ts';
import type { ClientListener } from './node-config.ts';
import type { TlsFiles } from './tls-files.ts';

export const saslMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const;
export type SaslMechanism = (typeof saslMechanisms)[number];
export type SaslUser = { readonly username: string; readonly password: string };

export type RegionSecurity = {
  /** Opens an SSL listener with a certificate authority of the region's own. */
  readonly tls?: boolean | { readonly clientAuth: 'none' | 'requested' | 'required' };
  /** Opens SASL_PLAINTEXT, and SASL_SSL too where tls is on. OAUTHBEARER takes any unsigned token. */
  readonly sasl?: { readonly users: readonly SaslUser[]; readonly mechanisms?: readonly SaslMechanism[] };
  /** Turns Kafka's StandardAuthorizer on. Principals as in ACLs: 'User:alice'. */
  readonly authorizer?: { readonly superUsers?: readonly string[]; readonly allowEveryoneIfNoAcl?: boolean };
  /** false closes the PLAINTEXT listener that a region otherwise always has. */
  readonly plaintext?: boolean;
};

/** The user that brokers use among themselves where PLAINTEXT is off. */
const interBrokerUser = { username: 'region-broker', password: 'region-broker-password' };

/** The listeners that a broker of this region opens; the first is the one that `bootstrap` names. */
export function listenersOf(security: RegionSecurity): ClientListener[] {
  const listeners: ClientListener[] = [
    ...(security.plaintext === false ? [] : (['PLAINTEXT'] as const)),
    ...(security.tls ? (['SSL'] as const) : []),
    ...(security.sasl ? (['SASL_PLAINTEXT'] as const) : []),
    ...(security.sasl && security.tls ? (['SASL_SSL'] as const) : []),
  ];
  if (listeners.length > 0) return listeners;
  throw new LockstepError('USAGE', 'A region without PLAINTEXT needs tls or sasl, or nobody could reach it.');
}

export function interBrokerListenerOf(listeners: readonly ClientListener[]): ClientListener {
  return (
    (['PLAINTEXT', 'SASL_PLAINTEXT', 'SSL'] as const).find((name) => listeners.includes(name)) ?? 'PLAINTEXT'
  );
}

/** Settings of server.properties. */
export function securityProperties(security: RegionSecurity, tls: TlsFiles | null): Record<string, string> {
  return { ...tlsProperties(security, tls), ...saslProperties(security), ...authorizerProperties(security) };
}

/** Arguments of StorageTool's format: SCRAM passwords live in the cluster's metadata from the start. */
export function scramFormatArgs(security: RegionSecurity): string[] {
  const mechanisms = mechanismsOf(security).filter((mechanism) => mechanism.startsWith('SCRAM'));
  return mechanisms.flatMap((mechanism) =>
    (security.sasl?.users ?? []).flatMap((user) => [
      '--add-scram',
      `${mechanism}=[name=${user.username},password=${user.password}]`,
    ]),
  );
}

function mechanismsOf({ sasl }: RegionSecurity): readonly SaslMechanism[] {
  return sasl ? (sasl.mechanisms ?? saslMechanisms) : [];
}

function tlsProperties({ tls: wanted }: RegionSecurity, tls: TlsFiles | null): Record<string, string> {
  if (!wanted || !tls) return {};
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': tls.brokerKeystore,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': tls.caFile,
    'ssl.client.auth': wanted === true ? 'none' : wanted.clientAuth,
  };
}

function saslProperties(security: RegionSecurity): Record<string, string> {
  if (!security.sasl) return {};
  const mechanisms = mechanismsOf(security);
  const properties: Record<string, string> = { 'sasl.mechanism.inter.broker.protocol': 'PLAIN' };
  for (const listener of listenersOf(security).filter((name) => name.startsWith('SASL'))) {
    const prefix = `listener.name.${listener.toLowerCase()}`;
    properties[`${prefix}.sasl.enabled.mechanisms`] = mechanisms.join(',');
    for (const mechanism of mechanisms) {
      properties[`${prefix}.${mechanism.toLowerCase()}.sasl.jaas.config`] = jaasConfig(
        mechanism,
        security.sasl.users,
      );
    }
  }
  if (security.plaintext === false && !mechanisms.includes('PLAIN')) {
    throw new LockstepError(
      'USAGE',
      'A region without PLAINTEXT needs the mechanism PLAIN for its own brokers.',
    );
  }
  return properties;
}

function jaasConfig(mechanism: SaslMechanism, users: readonly SaslUser[]): string {
  const security = 'org.apache.kafka.common.security';
  switch (mechanism) {
    case 'PLAIN': {
      const known = [...users, interBrokerUser].map(
        (user) => `user_${user.username}=${quote(user.password)}`,
      );
      const own = `username=${quote(interBrokerUser.username)} password=${quote(interBrokerUser.password)}`;
      return `${security}.plain.PlainLoginModule required ${own} ${known.join(' ')};`;
    }
    case 'OAUTHBEARER':
      return `${security}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="region-broker";`;
    default:
      return `${security}.scram.ScramLoginModule required;`;
  }
}

function quote(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

function authorizerProperties({ authorizer }: RegionSecurity): Record<string, string> {
  if (!authorizer) return {};
  const superUsers = ['User:ANONYMOUS', `User:${interBrokerUser.username}`, ...(authorizer.superUsers ?? [])];
  return {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': superUsers.join(';'),
    'allow.everyone.if.no.acl.found': String(authorizer.allowEveryoneIfNoAcl ?? false),
  };
}
