// Credentials that rotate under load, on a broker that ends sessions after two seconds: passwords, tokens and
// certificates are replaced in their files and at the broker, and no request of the load is lost.
import { copyFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  Cluster,
  type ClusterConfig,
  Connection,
  createTopics,
  logEndOffset,
  setScramPassword,
  unwrap,
} from '../../src/client/index.ts';
import { LockstepError } from '../../src/errors.ts';
import { apis } from '../../src/protocol/index.ts';
import { encodeBatch } from '../../src/records/index.ts';
import type { ClientListener } from '../../src/regions/index.ts';
import { resolveClusterReference } from '../../src/topology/index.ts';
import { addressesOf, configOf, eventually } from '../client/support.ts';
import { manualClock } from '../support/manual-clock.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { makeClientCertificate } from './certificates.ts';

const reauthMs = 2_000;
const regions = useRegions({
  rotating: {
    security: {
      tls: { clientAuth: 'required' },
      sasl: {
        users: [
          { username: 'ann', password: 'first' },
          { username: 'bob', password: 'bobs' },
        ],
      },
    },
    brokerConfig: { 'listener.name.sasl_ssl.connections.max.reauth.ms': String(reauthMs) },
  },
});
const region = () => regions.rotating;
const folder = useTemporaryFolder();
const at = (name: string): string => path.join(folder.path, name);

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

/** The cluster as lockstep.yaml would declare it, with files in our folder. */
function declared(listener: ClientListener, tls: object, sasl?: object): ClusterConfig {
  const bootstrap = region().bootstrapOf(listener);
  return resolveClusterReference(
    { name: 'rotating', bootstrap, tls, ...(sasl && { sasl }) },
    { folder: folder.path, environment: {} },
  );
}

async function connect(config: ClusterConfig, warnings: string[] = []): Promise<Cluster> {
  const options = { credentialsCheckMs: 100, onWarning: (text: string) => warnings.push(text) };
  const cluster = await Cluster.connect(config, options);
  open.push(cluster);
  return cluster;
}

async function newTopic(cluster: Cluster): Promise<{ name: string; topicId: string }> {
  const name = uniqueTopic('rotation');
  unwrap((await createTopics(cluster, [{ name, partitionCount: 1 }])).get(name)!);
  const { topicId } = await eventually('a leader', () => cluster.leaderOf(name, 0));
  return { name, topicId };
}

async function endOf(cluster: Cluster, topic: string): Promise<number> {
  return Number((await logEndOffset(cluster, { topic, partition: 0 })).logEndOffset);
}

/**
 * A producer that pipelines: several requests at a time on a connection of its own, which it opens again when it is
 * not open any more, as a mirror does. Nothing is sent twice, so the log's end counts what arrived.
 */
function startLoad(cluster: Cluster, topicId: string) {
  const load = {
    acknowledgedCount: 0,
    failures: [] as unknown[],
    connections: new Set<Connection>(),
    isOver: false,
  };
  let connection: Connection | null = null;
  let opening: Promise<Connection> | null = null;
  const current = async (): Promise<Connection> => {
    if (connection?.isOpen) return connection;
    opening ??= cluster.openConnection(1, { purpose: 'load' }).finally(() => {
      opening = null;
    });
    connection = await opening;
    load.connections.add(connection);
    return connection;
  };
  const record = { offset: 0n, timestamp: 1n, key: null, value: Buffer.alloc(1_000), headers: [] };
  const records = encodeBatch([record], { compression: 'none' });
  const sender = async (): Promise<void> => {
    while (!load.isOver) {
      try {
        const { responses } = await (await current()).send(apis.Produce, {
          acks: -1,
          timeoutMs: 10_000,
          topicData: [{ topicId, partitionData: [{ index: 0, records }] }],
        });
        const { errorCode } = responses[0]!.partitionResponses[0]!;
        if (errorCode === 0) load.acknowledgedCount += 1;
        else load.failures.push(errorCode);
      } catch (error) {
        load.failures.push(error);
        // Not in a tight loop; what counts is that it goes on.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  const senders = Array.from({ length: 5 }, sender);
  return {
    load,
    reauthentications: () =>
      [...load.connections].reduce((sum, one) => sum + one.statistics().reauthenticationCount, 0),
    async goOn(count = 200): Promise<void> {
      const from = load.acknowledgedCount;
      await eventually(`${count} more acknowledgements`, () => load.acknowledgedCount >= from + count);
    },
    async stop(): Promise<void> {
      load.isOver = true;
      await Promise.all(senders);
    },
  };
}

/** An unsigned JSON web token, which Kafka's unsecured OAUTHBEARER takes. */
function unsecuredToken(lifetimeSeconds: number): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  return `${encode({ alg: 'none' })}.${encode({ sub: 'ann', iat: now - 1, exp: now + lifetimeSeconds })}.`;
}

function makeCertificate(name: string, { isTrusted }: { isTrusted: boolean }): void {
  makeClientCertificate(folder.path, name, isTrusted ? region().tls!.caFile : null);
}

describe('a session that ends', () => {
  it('is renewed on the living connection, and a pipelined load loses nothing', async () => {
    writeFileSync(at('password'), 'first');
    const sasl = { mechanism: 'SCRAM-SHA-256', username: 'ann', password: '${file:password}' };
    const cluster = await connect(declared('SASL_SSL', { ca: region().tls!.caFile }, sasl));
    const topic = await newTopic(cluster);
    const producer = startLoad(cluster, topic.topicId);
    await eventually('four logins on one connection', () => producer.reauthentications() >= 4);
    await producer.stop();
    expect(producer.load.failures).toEqual([]);
    expect(producer.load.connections.size).toBe(1);
    expect(await endOf(cluster, topic.name)).toBe(producer.load.acknowledgedCount);
  });

  it('is renewed early enough for long polls that stand in line', async () => {
    const sasl = { mechanism: 'SCRAM-SHA-256', username: 'ann', password: 'first' };
    const cluster = await connect(declared('SASL_SSL', { ca: region().tls!.caFile }, sasl));
    const { topicId } = await newTopic(cluster);
    const connection = await cluster.openConnection(1);
    const poll = () =>
      connection.send(apis.Fetch, {
        maxWaitMs: 350,
        minBytes: 1,
        maxBytes: 1_000,
        topics: [{ topicId, partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000 }] }],
      });
    let polls = 0;
    const poller = async (): Promise<void> => {
      while (connection.statistics().reauthenticationCount < 4) {
        await poll();
        polls += 1;
      }
    };
    await Promise.all([poller(), poller()]);
    expect(polls).toBeGreaterThan(8);
    expect(connection.isOpen).toBe(true);
  });

  it('is ended by the broker where nobody renews it', async () => {
    const connection = await Connection.open({
      ...addressesOf(region(), 'SASL_SSL')[0]!,
      tls: { ca: region().tls!.ca },
      sasl: { mechanism: 'SCRAM-SHA-256', username: 'ann', password: 'first' },
      clock: manualClock(), // whose timers never fire
    });
    open.push(connection);
    const started = Date.now();
    await eventually('the end of the session', () => Date.now() - started > reauthMs + 200);
    await expect(connection.send(apis.Metadata, { topics: [] })).rejects.toMatchObject({
      code: 'CONNECTION_CLOSED',
    });
  });
});

describe('a password', () => {
  const sasl = { mechanism: 'SCRAM-SHA-512', username: 'ann', password: '${file:password}' };
  const alter = async (password: string): Promise<void> => {
    const admin = await Cluster.connect(
      configOf(region(), 'SASL_PLAINTEXT', {
        sasl: { mechanism: 'PLAIN', username: 'ann', password: 'first' },
      }),
    );
    open.push(admin);
    unwrap(await setScramPassword(admin, { name: 'ann', mechanism: 'SCRAM-SHA-512', password }));
  };

  it('is changed in the file first and at the broker later: no request fails', async () => {
    writeFileSync(at('password'), 'first');
    const warnings: string[] = [];
    const cluster = await connect(declared('SASL_SSL', { ca: region().tls!.caFile }, sasl), warnings);
    const topic = await newTopic(cluster);
    const producer = startLoad(cluster, topic.topicId);
    await producer.goOn();
    writeFileSync(at('password'), 'second');
    const before = producer.reauthentications();
    await eventually('two logins with the former password', () => producer.reauthentications() >= before + 2);
    const another = await cluster.openConnection(1);
    expect(another.isOpen).toBe(true);
    await alter('second');
    const between = producer.reauthentications();
    await eventually('two logins with the new password', () => producer.reauthentications() >= between + 2);
    await producer.stop();
    expect(producer.load.failures).toEqual([]);
    expect(producer.load.connections.size).toBe(1);
    expect(warnings).toEqual([
      expect.stringMatching(/^cluster rotating: the newest credentials are refused/),
    ]);
    expect(JSON.stringify(warnings)).not.toMatch(/first|second/);
  });

  it('is changed at the broker first: what fails meanwhile can be tried again, and it goes on by itself', async () => {
    await alter('second');
    writeFileSync(at('password'), 'second');
    const cluster = await connect(declared('SASL_SSL', { ca: region().tls!.caFile }, sasl));
    const topic = await newTopic(cluster);
    const producer = startLoad(cluster, topic.topicId);
    await producer.goOn();
    await alter('third');
    await eventually('a login that fails', () => producer.load.failures.length > 0);
    const request = cluster.request(apis.Metadata, { topics: [] }, { timeoutMs: 60_000 });
    writeFileSync(at('password'), 'third');
    await producer.goOn();
    expect((await request).clusterId).toBe(cluster.clusterId);
    await producer.stop();
    for (const failure of producer.load.failures) {
      expect(failure).toBeInstanceOf(LockstepError);
      expect(failure).toMatchObject({ retriable: true });
      expect(String((failure as Error).message)).not.toMatch(/second|third/);
    }
    expect(await endOf(cluster, topic.name)).toBeGreaterThanOrEqual(producer.load.acknowledgedCount);
  });
});

describe('a user', () => {
  it('is another one: connections are replaced, and no request fails', async () => {
    writeFileSync(at('user'), 'ann');
    writeFileSync(at('password'), 'first');
    const sasl = { mechanism: 'SCRAM-SHA-256', username: '${file:user}', password: '${file:password}' };
    const warnings: string[] = [];
    const cluster = await connect(declared('SASL_SSL', { ca: region().tls!.caFile }, sasl), warnings);
    const topic = await newTopic(cluster);
    const producer = startLoad(cluster, topic.topicId);
    await producer.goOn();
    const [former] = [...producer.load.connections];
    // One file after the other: for a moment the new user has the former password.
    writeFileSync(at('user'), 'bob');
    await eventually('a warning', () => warnings.some((text) => text.includes('as user bob failed')));
    await producer.goOn();
    expect(former!.isOpen).toBe(true);
    writeFileSync(at('password'), 'bobs');
    await eventually('the end of the former connection', async () => (await former!.closed) !== null);
    await producer.goOn();
    await producer.stop();
    expect(producer.load.failures).toEqual([]);
    expect(producer.load.connections.size).toBe(2);
  });
});

describe('a token file', () => {
  it('is read again for each login: tokens that live for seconds carry a connection on', async () => {
    writeFileSync(at('token'), unsecuredToken(4));
    const sasl = { mechanism: 'OAUTHBEARER', tokenFile: 'token' };
    const cluster = await connect(declared('SASL_SSL', { ca: region().tls!.caFile }, sasl));
    const topic = await newTopic(cluster);
    const renewer = setInterval(() => writeFileSync(at('token'), unsecuredToken(4)), 500);
    open.push({ close: () => clearInterval(renewer) });
    const producer = startLoad(cluster, topic.topicId);
    const started = Date.now();
    await eventually('three lives of a token', () => Date.now() - started > 12_000);
    await producer.goOn();
    await producer.stop();
    expect(producer.load.failures).toEqual([]);
    expect(producer.load.connections.size).toBe(1);
    expect(producer.reauthentications()).toBeGreaterThanOrEqual(4);
  });
});

describe('certificate files', () => {
  const tls = () => ({ ca: region().tls!.caFile, cert: 'agent.pem', key: 'agent.key' });
  const use = (name: string): void => {
    copyFileSync(at(`${name}.pem`), at('agent.pem'));
    copyFileSync(at(`${name}.key`), at('agent.key'));
  };
  const ownSubjects = (cluster: Cluster): string[] =>
    cluster.certificates().flatMap(({ kind, subject }) => (kind === 'own' ? [subject] : []));

  it('are replaced: connections move at a quiet moment, and no request fails', async () => {
    makeCertificate('one', { isTrusted: true });
    makeCertificate('three', { isTrusted: true });
    use('one');
    const warnings: string[] = [];
    const cluster = await connect(declared('SSL', tls()), warnings);
    const topic = await newTopic(cluster);
    const producer = startLoad(cluster, topic.topicId);
    await producer.goOn();
    const [former] = [...producer.load.connections];
    expect(ownSubjects(cluster)).toEqual(['CN=one']);
    // The certificate first, its key a moment later: between them they are no pair.
    copyFileSync(at('three.pem'), at('agent.pem'));
    await eventually('a warning', () => warnings.some((text) => text.includes('no pair')));
    await producer.goOn();
    expect(former!.isOpen).toBe(true);
    copyFileSync(at('three.key'), at('agent.key'));
    await eventually('the new certificate', () => ownSubjects(cluster)[0] === 'CN=three');
    await eventually('the end of the former connection', async () => (await former!.closed) !== null);
    await producer.goOn();
    await producer.stop();
    expect(producer.load.failures).toEqual([]);
    expect(producer.load.connections.size).toBe(2);
    expect(await endOf(cluster, topic.name)).toBe(producer.load.acknowledgedCount);
  });

  it('are replaced by ones that the broker refuses: the former stay in use, and that is told', async () => {
    makeCertificate('one', { isTrusted: true });
    makeCertificate('stranger', { isTrusted: false });
    use('one');
    const warnings: string[] = [];
    const cluster = await connect(declared('SSL', tls()), warnings);
    const topic = await newTopic(cluster);
    const producer = startLoad(cluster, topic.topicId);
    await producer.goOn();
    use('stranger');
    await eventually('a warning', () => warnings.some((text) => text.includes('are refused')));
    expect((await cluster.openConnection(1)).isOpen).toBe(true);
    await producer.goOn();
    await producer.stop();
    expect(producer.load.failures).toEqual([]);
    expect(producer.load.connections.size).toBe(1);
    expect(ownSubjects(cluster)).toEqual(['CN=one']);
  });

  it('tell when they expire: ours, the authority, and what the broker shows', async () => {
    makeCertificate('one', { isTrusted: true });
    use('one');
    const cluster = await connect(declared('SSL', tls()));
    const days = (expiresAtMs: number) => Math.round((expiresAtMs - Date.now()) / 86_400_000);
    expect(
      cluster.certificates().map(({ expiresAtMs, ...facts }) => ({ ...facts, days: days(expiresAtMs) })),
    ).toEqual([
      { kind: 'own', subject: 'CN=one', days: 3 },
      { kind: 'authority', subject: 'CN=lockstep region CA', days: 30 },
      { kind: 'broker', subject: 'CN=broker', days: 30 },
    ]);
  });
});
