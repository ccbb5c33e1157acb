// TLS, SASL and rights against a real broker that has every listener: each way in, and each way to get it
// wrong. Every refusal must be one clear line with its own code and without the secret.

import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  Cluster,
  type ClusterConfig,
  Connection,
  createAcls,
  createTopics,
  deleteAcls,
  describeAcls,
  describeCluster,
  describeTopics,
  logEndOffset,
  type SaslConfig,
  unwrap,
} from '../../src/client/index.ts';
import type { LockstepError } from '../../src/errors.ts';
import { apis } from '../../src/protocol/index.ts';
import { encodeBatch } from '../../src/records/index.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { addressesOf, configOf, eventually } from './support.ts';

const user = { username: 'ann', password: 'ann-secret' };
const limited = { username: 'lim', password: 'lim-secret' };
const reauthMs = 2500;

const regions = useRegions({
  guarded: {
    security: {
      tls: true,
      sasl: { users: [user, limited] },
      authorizer: { superUsers: ['User:ann', 'User:oauth-user'] },
    },
    brokerConfig: { 'listener.name.sasl_ssl.connections.max.reauth.ms': String(reauthMs) },
  },
  'plain-only': { security: { sasl: { users: [user], mechanisms: ['PLAIN'] } } },
  mutual: { security: { tls: { clientAuth: 'required' } } },
});
const region = () => regions.guarded;

/** An unsigned JSON web token, which Kafka's unsecured OAUTHBEARER takes. */
function unsecuredToken(subject: string, lifetimeSeconds = 600): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  return `${encode({ alg: 'none' })}.${encode({ sub: subject, iat: now - 10, exp: now + lifetimeSeconds })}.`;
}

const rightLogins: [string, () => SaslConfig][] = [
  ['PLAIN', () => ({ mechanism: 'PLAIN', ...user })],
  ['SCRAM-SHA-256', () => ({ mechanism: 'SCRAM-SHA-256', ...user })],
  ['SCRAM-SHA-512', () => ({ mechanism: 'SCRAM-SHA-512', ...user })],
  ['OAUTHBEARER', () => ({ mechanism: 'OAUTHBEARER', token: unsecuredToken('oauth-user') })],
];
const wrongLogins: [string, () => SaslConfig][] = [
  ['PLAIN', () => ({ mechanism: 'PLAIN', username: 'ann', password: 'wrong-secret' })],
  ['PLAIN, unknown user', () => ({ mechanism: 'PLAIN', username: 'nobody', password: 'wrong-secret' })],
  ['SCRAM-SHA-256', () => ({ mechanism: 'SCRAM-SHA-256', username: 'ann', password: 'wrong-secret' })],
  ['SCRAM-SHA-512', () => ({ mechanism: 'SCRAM-SHA-512', username: 'nobody', password: 'wrong-secret' })],
  ['OAUTHBEARER, expired', () => ({ mechanism: 'OAUTHBEARER', token: unsecuredToken('oauth-user', -300) })],
  ['OAUTHBEARER, no token at all', () => ({ mechanism: 'OAUTHBEARER', token: 'wrong-secret' })],
];

async function refusal(config: ClusterConfig): Promise<LockstepError> {
  try {
    const cluster = await Cluster.connect(config);
    cluster.close();
  } catch (error) {
    return error as LockstepError;
  }
  throw new Error('the connection was not refused');
}

function tls() {
  return { ca: region().tls!.ca };
}

describe('the right way in', () => {
  it.each(rightLogins)('SASL_PLAINTEXT with %s', async (_name, sasl) => {
    const cluster = await Cluster.connect(configOf(region(), 'SASL_PLAINTEXT', { sasl: sasl() }));
    expect(cluster.brokers).toHaveLength(1);
    cluster.close();
  });

  it.each(rightLogins)('SASL_SSL with %s', async (_name, sasl) => {
    const cluster = await Cluster.connect(configOf(region(), 'SASL_SSL', { sasl: sasl(), tls: tls() }));
    const connection = await cluster.openConnection(1);
    expect((await connection.send(apis.Metadata, { topics: [] })).clusterId).toBe(cluster.clusterId);
    cluster.close();
  });

  it('SSL', async () => {
    const cluster = await Cluster.connect(configOf(region(), 'SSL', { tls: tls() }));
    expect(cluster.brokers[0]!.port).toBe(addressesOf(region(), 'SSL')[0]!.port);
    cluster.close();
  });
});

describe('large frames over TLS', () => {
  it('come whole and unchanged, pipelined', async () => {
    const cluster = await Cluster.connect(configOf(region(), 'SSL', { tls: tls() }));
    const name = 'large-over-tls';
    const configs = { 'max.message.bytes': '8000000' };
    unwrap((await createTopics(cluster, [{ name, partitionCount: 1, configs }])).get(name)!);
    await logEndOffset(cluster, { topic: name, partition: 0 });
    const { topicId } = await cluster.leaderOf(name, 0);
    const value = randomBytes(5_000_000);
    const record = { offset: 0n, timestamp: BigInt(Date.now()), key: null, value, headers: [] };
    const sent = encodeBatch([record], { compression: 'none' });
    const connection = await cluster.openConnection(1);
    const { responses } = await connection.send(apis.Produce, {
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ topicId, partitionData: [{ index: 0, records: sent }] }],
    });
    expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
    const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 10_000_000 }];
    const input = { maxWaitMs: 500, minBytes: 1, maxBytes: 10_000_000, topics: [{ topicId, partitions }] };
    const fetches = await Promise.all([1, 2, 3].map(() => connection.sendForFrame(apis.Fetch, input)));
    for (const { body, frame } of fetches) {
      const records = body.responses[0]!.partitions[0]!.records!;
      expect(records.length).toBe(sent.length);
      expect(records.subarray(16).equals(sent.subarray(16))).toBe(true);
      frame.release();
    }
    expect(cluster.framePool.statistics().outstandingCount).toBe(0);
    cluster.close();
  });
});

describe('the wrong login', () => {
  it.each(wrongLogins)('%s is AUTHENTICATION_FAILED and shows no secret', async (_name, sasl) => {
    const config = sasl();
    const error = await refusal(configOf(region(), 'SASL_PLAINTEXT', { sasl: config }));
    expect(error.code).toBe('AUTHENTICATION_FAILED');
    expect(error.message).toMatch(/^cluster guarded, broker 127\.0\.0\.1:\d+: login by \S+ .*failed: /);
    expect(error.message).toMatch(/Check (username and password|the token)/);
    expect(JSON.stringify([error.message, error.detail, error.stack])).not.toContain('wrong-secret');
  });

  it('a mechanism that is not offered names those that are', async () => {
    const sasl: SaslConfig = { mechanism: 'SCRAM-SHA-512', ...user };
    const error = await refusal(configOf(regions['plain-only'], 'SASL_PLAINTEXT', { sasl }));
    expect(error.code).toBe('AUTHENTICATION_FAILED');
    expect(error.message).toContain('It offers PLAIN.');
  });

  it('no login at a port that wants one names the mechanisms', async () => {
    const error = await refusal(configOf(region(), 'SASL_PLAINTEXT'));
    expect(error.code).toBe('AUTHENTICATION_FAILED');
    expect(error.message).toContain('wants a login, and none is configured');
    expect(error.message).toContain('SCRAM-SHA-512');
  });

  it('a login at a port that takes none says so', async () => {
    const error = await refusal(configOf(region(), 'PLAINTEXT', { sasl: { mechanism: 'PLAIN', ...user } }));
    expect(error.code).toBe('AUTHENTICATION_FAILED');
    expect(error.message).toContain('takes no login');
  });
});

describe('TLS mixed up', () => {
  it.each(['SSL', 'SASL_SSL'] as const)('plaintext spoken to %s is TLS_EXPECTED', async (listener) => {
    const error = await refusal(configOf(region(), listener));
    expect(error.code).toBe('TLS_EXPECTED');
    expect(error.message).toMatch(
      /^cluster guarded, broker .*: this port speaks TLS, and we speak plaintext/,
    );
  });

  it.each(['PLAINTEXT', 'SASL_PLAINTEXT'] as const)(
    'TLS spoken to %s is TLS_NOT_EXPECTED',
    async (listener) => {
      const error = await refusal(configOf(region(), listener, { tls: tls() }));
      expect(error.code).toBe('TLS_NOT_EXPECTED');
      expect(error.message).toContain('this port speaks plaintext, and we speak TLS');
    },
  );

  it('an unknown authority is TLS_UNTRUSTED with the way out', async () => {
    const error = await refusal(configOf(region(), 'SSL', { tls: {} }));
    expect(error.code).toBe('TLS_UNTRUSTED');
    expect(error.message).toContain('Give its CA in tls.ca');
  });

  it('another host name is TLS_UNTRUSTED', async () => {
    const error = await refusal(
      configOf(region(), 'SSL', { tls: { ...tls(), servername: 'kafka.example' } }),
    );
    expect(error.code).toBe('TLS_UNTRUSTED');
    expect(error.message).toContain('for another name');
  });

  it('a PEM that is none is CONFIG_INVALID', async () => {
    const error = await refusal(configOf(region(), 'SSL', { tls: { ...tls(), cert: 'x', key: 'y' } }));
    expect(error.code).toBe('CONFIG_INVALID');
  });

  it('a missing client certificate is TLS_UNTRUSTED, a right one is taken', async () => {
    const { ca, cert, key } = regions.mutual.tls!;
    const error = await refusal(configOf(regions.mutual, 'SSL', { tls: { ca } }));
    expect(error.code).toBe('TLS_UNTRUSTED');
    expect(error.message).toContain('tls.cert and tls.key');
    const cluster = await Cluster.connect(configOf(regions.mutual, 'SSL', { tls: { ca, cert, key } }));
    expect(cluster.brokers).toHaveLength(1);
    cluster.close();
  });
});

describe('a broker that is not there', () => {
  it('names address and way out when nobody listens', async () => {
    const error = await refusal({ name: 'gone', bootstrap: [{ host: '127.0.0.1', port: 1 }] });
    expect(error.code).toBe('CLUSTER_UNREACHABLE');
    expect(error.message).toMatch(/^cluster gone, broker 127\.0\.0\.1:1: nobody listens there/);
  });

  it('names a host that DNS does not know', async () => {
    const error = await refusal({ name: 'gone', bootstrap: [{ host: 'no-such-host.invalid', port: 9092 }] });
    expect(error.code).toBe('CLUSTER_UNREACHABLE');
    expect(error.message).toMatch(/DNS/);
  });

  it('names every address when there are several, and takes the one that answers', async () => {
    const dead = [
      { host: '127.0.0.1', port: 1 },
      { host: '127.0.0.1', port: 2 },
    ];
    const error = await refusal({ name: 'gone', bootstrap: dead });
    expect(error.message).toContain('127.0.0.1:1');
    expect(error.message).toContain('127.0.0.1:2');
    const config = configOf(region());
    const cluster = await Cluster.connect({ ...config, bootstrap: [...dead, ...config.bootstrap] });
    expect(cluster.brokers).toHaveLength(1);
    cluster.close();
  });

  it('gives up on a port that takes connections and says nothing', async () => {
    const sockets: Socket[] = [];
    const server: Server = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const opening = Connection.open({ host: '127.0.0.1', port, requestTimeoutMs: 300 });
      await expect(opening).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' });
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });
});

describe('sessions that end', () => {
  it('logs in again on the same connection before the session ends, while requests are in flight', async () => {
    const address = addressesOf(region(), 'SASL_SSL')[0]!;
    const connection = await Connection.open({
      ...address,
      tls: tls(),
      sasl: { mechanism: 'SCRAM-SHA-512', ...user },
    });
    const answers: Promise<unknown>[] = [];
    await eventually('a second login', async () => {
      answers.push(connection.send(apis.Metadata, { topics: [] }));
      await answers.at(-1);
      return connection.statistics().reauthenticationCount >= 2;
    });
    expect((await Promise.all(answers)).length).toBeGreaterThan(1);
    expect(connection.isOpen).toBe(true);
    connection.close();
  });
});

describe('rights', () => {
  it('creates, lists and deletes ACLs, and they count', async () => {
    const config = (login: typeof user) =>
      configOf(region(), 'SASL_PLAINTEXT', { sasl: { mechanism: 'SCRAM-SHA-256', ...login } });
    const admin = await Cluster.connect(config(user));
    const other = await Cluster.connect(config(limited));
    try {
      await createTopics(admin, [{ name: 'secret-topic', partitionCount: 1 }]);
      const refused = (await createTopics(other, [{ name: 'mine', partitionCount: 1 }])).get('mine')!;
      expect(refused).toMatchObject({
        ok: false,
        error: { code: 'NOT_AUTHORIZED', detail: { cluster: 'guarded' } },
      });
      await expect(describeAcls(other)).rejects.toMatchObject({
        code: 'NOT_AUTHORIZED',
        detail: { kafkaError: 'CLUSTER_AUTHORIZATION_FAILED', number: 31 },
      });

      const acl = {
        resourceType: 'TOPIC',
        resourceName: 'secret-',
        patternType: 'PREFIXED',
        principal: 'User:lim',
        host: '*',
        operation: 'DESCRIBE',
        permission: 'ALLOW',
      } as const;
      expect((await describeTopics(other, ['secret-topic'])).get('secret-topic')?.ok).toBe(false);
      expect(await createAcls(admin, [acl])).toEqual([{ ok: true, value: undefined }]);
      expect(await describeAcls(admin, { principal: 'User:lim' })).toEqual([acl]);
      await eventually(
        'the right to describe',
        async () => (await describeTopics(other, ['secret-topic'])).get('secret-topic')?.ok,
      );
      expect(await deleteAcls(admin, [{ principal: 'User:lim' }])).toEqual([{ ok: true, value: [acl] }]);
      expect(await describeAcls(admin)).toEqual([]);

      expect((await describeCluster(admin)).authorizedOperations).toContain('CLUSTER_ACTION');
      expect((await describeCluster(other)).authorizedOperations).toEqual([]);
    } finally {
      admin.close();
      other.close();
    }
  });
});
