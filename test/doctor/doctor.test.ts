// `lockstep doctor` as a person runs it, on real clusters: one that is fine, one with rights withheld, wrong
// logins and listeners.
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type Acl,
  Cluster,
  type ClusterConfig,
  createAcls,
  createTopics,
  describeAcl,
  describeAcls,
  listTopics,
  unwrap,
} from '../../src/client/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const admin = { username: 'admin', password: 'admin-secret' };
const agent = { username: 'agent', password: 'agent-secret' };
const folder = useTemporaryFolder();
const regions = useRegions({
  open: { brokerConfig: { 'producer.id.expiration.ms': '604800000' } },
  guarded: {
    kafkaVersion: '3.9.2',
    security: {
      tls: true,
      sasl: { users: [admin, agent], mechanisms: ['PLAIN', 'SCRAM-SHA-512'] },
      authorizer: { superUsers: ['User:admin'] },
    },
  },
});

const command = fileURLToPath(new URL('../../bin/lockstep.mjs', import.meta.url));

function lockstep(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (bytes) => {
    stdout += String(bytes);
  });
  child.stderr.on('data', (bytes) => {
    stderr += String(bytes);
  });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

const addresses = (region: Region, listener: 'PLAINTEXT' | 'SASL_PLAINTEXT' | 'SASL_SSL'): string =>
  JSON.stringify(region.bootstrapOf(listener));

/** A file with both clusters and one link between them; `guarded` is reached as the lines say. */
async function topology(name: string, guarded: string, link: string): Promise<string> {
  const file = path.join(folder.path, `${name}.yaml`);
  const text = `version: 1
clusters:
  open: {bootstrap: ${addresses(regions.open, 'PLAINTEXT')}}
  guarded:
${guarded}
links:
  l: ${link}
`;
  await writeFile(file, text);
  return file;
}

const login = (user: { username: string; password: string }, mechanism = 'SCRAM-SHA-512'): string =>
  `    bootstrap: ${addresses(regions.guarded, 'SASL_PLAINTEXT')}
    sasl: {mechanism: ${mechanism}, username: ${user.username}, password: ${user.password}}`;

interface Report {
  outcome: string;
  clusters: { name: string; checks: { name: string; mark: string; detail: string; remedy?: string }[] }[];
}

async function doctorReport(file: string, ...flags: string[]) {
  const { code, stdout, stderr } = await lockstep('doctor', file, '--json', ...flags);
  const report = JSON.parse(stdout) as Report;
  const check = (cluster: string, name: string) =>
    report.clusters.find((each) => each.name === cluster)?.checks.find((each) => each.name === name);
  return { code, report, check, text: stdout + stderr };
}

/** Runs work with the guarded cluster's super user. */
async function asAdmin<T>(work: (cluster: Cluster) => Promise<T>): Promise<T> {
  const bootstrap = regions.guarded.bootstrapOf('SASL_PLAINTEXT').map((address) => {
    const [host = '', port] = address.split(':');
    return { host, port: Number(port) };
  });
  const config: ClusterConfig = {
    name: 'guarded',
    bootstrap,
    sasl: { mechanism: 'SCRAM-SHA-512', ...admin },
  };
  const cluster = await Cluster.connect(config);
  try {
    return await work(cluster);
  } finally {
    cluster.close();
  }
}

/** A topic of the other cluster, for links from there. */
async function createSourceTopic(name: string): Promise<void> {
  const bootstrap = regions.open.brokers.map(({ host, port }) => ({ host, port }));
  const cluster = await Cluster.connect({ name: 'open', bootstrap });
  try {
    for (const outcome of (await createTopics(cluster, [{ name, partitionCount: 1 }])).values())
      unwrap(outcome);
  } finally {
    cluster.close();
  }
}

const allow = (
  operation: Acl['operation'],
  resource: Pick<Acl, 'resourceType' | 'resourceName' | 'patternType'>,
): Acl => ({
  ...resource,
  principal: 'User:agent',
  host: '*',
  operation,
  permission: 'ALLOW',
});
const topicOrders = { resourceType: 'TOPIC', resourceName: 'orders', patternType: 'LITERAL' } as const;

async function grant(...acls: Acl[]): Promise<void> {
  await asAdmin(async (cluster) => {
    for (const outcome of await createAcls(cluster, acls)) unwrap(outcome);
    // The controller has them; the broker that checks rights learns of them a moment later.
    const isInForce = async (): Promise<boolean> => {
      const known = (await describeAcls(cluster, { principal: 'User:agent' })).map(describeAcl);
      return acls.every((acl) => known.includes(describeAcl(acl)));
    };
    await waitFor(isInForce, { deadlineMs: 30_000, describe: 'the rights to be in force' });
  });
}

beforeAll(async () => {
  await asAdmin(async (cluster) => {
    for (const outcome of (await createTopics(cluster, [{ name: 'orders', partitionCount: 1 }])).values())
      unwrap(outcome);
  });
});

describe('a super user, with the probe', () => {
  test('is fine on both releases: exit code 0, every rule a row, no secret anywhere', async () => {
    const file = await topology(
      'fine',
      login(admin),
      '{source: guarded, destination: open, topics: [orders]}',
    );
    const { code, stdout, stderr } = await lockstep('doctor', file, '--probe');
    expect({ code, stderr: stderr.includes('admin-secret') }).toEqual({ code: 0, stderr: false });
    expect(stdout).toContain('guarded (source of l)');
    expect(stdout).toMatch(/^versions +ok +Kafka 3\.9, features of 3\.9 in force$/m);
    expect(stdout).toMatch(/^versions +ok +Kafka 4\.3, features of 4\.3 in force$/m);
    expect(stdout).toMatch(/^source-rights +ok +READ, DESCRIBE, DESCRIBE_CONFIGS on orders$/m);
    expect(stdout).toMatch(/^producer-id-expiration +ok +the broker remembers a quiet producer for 7 days$/m);
    expect(stdout).toMatch(
      /^gap-refused +refused with 45, not appended +45 OUT_OF_ORDER_SEQUENCE_NUMBER, log end still \d+ +ok$/m,
    );
    expect(stdout).toMatch(/\nFine \(\d+ checks, 0 not ok, \d+ with advice, 0 unknown\)\.\n$/);
    expect(stdout).not.toContain('\u001b[');
    expect(stdout).not.toContain('admin-secret');
  });

  test('a cluster over TLS, probed through TLS', async () => {
    const ca = path.join(folder.path, 'ca.pem');
    await writeFile(ca, regions.guarded.tls!.ca);
    const secure = `    bootstrap: ${addresses(regions.guarded, 'SASL_SSL')}
    tls: {ca: ca.pem}
    sasl: {mechanism: PLAIN, username: admin, password: admin-secret}`;
    const file = await topology('tls', secure, '{source: open, destination: guarded, topics: [none]}');
    const { code, check } = await doctorReport(file, '--probe');
    expect(check('guarded', 'probe')).toMatchObject({ mark: 'ok', detail: '24 of 24 rules held' });
    expect(check('guarded', 'authorizer')).toMatchObject({ mark: 'ok' });
    // The topic is not there yet: advice, and still fine.
    expect(check('open', 'source-rights')).toMatchObject({ mark: 'advice', detail: 'not there yet: none' });
    expect(code).toBe(0);
  });
});

describe('a user without rights', () => {
  test('is told what lacks, as a source, and what grants it', async () => {
    const file = await topology(
      'source',
      login(agent),
      '{source: guarded, destination: open, topics: [orders]}',
    );
    const before = await doctorReport(file);
    expect(before.code).toBe(1);
    expect(before.check('guarded', 'source-rights')).toMatchObject({
      mark: 'bad',
      detail: 'no DESCRIBE on orders',
      remedy: expect.stringContaining('--operation Read'),
    });
    expect(before.check('guarded', 'settings')).toMatchObject({ mark: 'unknown' });

    await grant(allow('DESCRIBE', topicOrders), allow('DESCRIBE_CONFIGS', topicOrders));
    const between = await doctorReport(file);
    expect(between.check('guarded', 'source-rights')).toMatchObject({
      mark: 'bad',
      detail: 'no READ on orders',
    });

    await grant(allow('READ', topicOrders));
    const after = await doctorReport(file);
    expect(after.check('guarded', 'source-rights')).toMatchObject({ mark: 'ok' });
    expect(after.code).toBe(0);
  });

  test('as a destination: may not create, may not write markers, may not probe', async () => {
    await createSourceTopic('new-1');
    const file = await topology(
      'destination',
      login(agent),
      '{source: open, destination: guarded, topics: [fresh, "new-.*"]}',
    );
    const { code, check } = await doctorReport(file, '--probe');
    expect(code).toBe(1);
    expect(check('guarded', 'destination-rights')).toMatchObject({
      mark: 'bad',
      detail: 'no DESCRIBE on fresh, new-1',
      remedy: expect.stringContaining('--operation Create'),
    });
    expect(check('guarded', 'marker-right')).toMatchObject({
      mark: 'advice',
      remedy: expect.stringMatching(/--operation Alter --cluster.*--transactional-id lockstep\.l\. /),
    });
    expect(check('guarded', 'transaction-right')).toBeUndefined();
    expect(check('guarded', 'probe')).toMatchObject({
      mark: 'bad',
      detail: expect.stringContaining('TOPIC_AUTHORIZATION_FAILED'),
    });

    const every = { resourceType: 'TOPIC', resourceName: '*', patternType: 'LITERAL' } as const;
    await grant(allow('DESCRIBE', every));
    const visible = await doctorReport(file);
    expect(visible.check('guarded', 'destination-rights')).toMatchObject({
      mark: 'bad',
      detail: 'no right to create fresh, new-1',
    });

    await grant(allow('CREATE', every));
    const creatable = await doctorReport(file);
    expect(creatable.check('guarded', 'destination-rights')).toMatchObject({
      mark: 'ok',
      detail: 'no mirror is there yet, and CREATE for fresh, new-1',
    });
  });

  test('with rights on scratch topics only, markers are not tried, and everything else holds', async () => {
    const scratch = {
      resourceType: 'TOPIC',
      resourceName: '__lockstep-probe-',
      patternType: 'PREFIXED',
    } as const;
    const operations = ['CREATE', 'DELETE', 'READ', 'WRITE', 'DESCRIBE'] as const;
    await grant(...operations.map((operation) => allow(operation, scratch)));
    const file = await topology(
      'scratch',
      login(agent),
      '{source: open, destination: guarded, topics: [fresh]}',
    );
    const { check } = await doctorReport(file, '--probe');
    expect(check('guarded', 'probe')).toEqual({
      name: 'probe',
      mark: 'advice',
      detail:
        '13 of 24 rules held; not: marker-grows-log, marker-invisible, marker-fences, marker-coordinator-epoch, coordinator-epoch-lasts, run-starts-at-zero, late-marker-refused, marker-of-unknown-producer, markers-counted, entry-behind-marker, highest-epoch-closes',
      remedy: 'see the rows of the probe for the reason',
    });
    // Without ALTER_CONFIGS the scratch topic can't be made to show the broker's clock.
    expect(check('guarded', 'clock')).toMatchObject({ mark: 'unknown' });
  });

  test('as a destination that fills holes: with empty transactions, or with markers', async () => {
    const link = (holes: string): string =>
      `{source: open, destination: guarded, topics: [none], holes: ${holes}}`;
    const transactions = await topology('transactions', login(agent), link('transactions'));
    const markers = await topology('markers', login(agent), link('markers'));
    const before = await doctorReport(transactions);
    expect(before.code).toBe(1);
    expect(before.check('guarded', 'marker-right')).toBeUndefined();
    expect(before.check('guarded', 'transaction-right')).toMatchObject({
      mark: 'bad',
      detail: expect.stringMatching(
        /^no WRITE, no DESCRIBE on transactional ids that begin with lockstep\.l\./,
      ),
    });

    const ids = {
      resourceType: 'TRANSACTIONAL_ID',
      resourceName: 'lockstep.l.',
      patternType: 'PREFIXED',
    } as const;
    await grant(allow('DESCRIBE', ids));
    const between = await doctorReport(transactions);
    expect(between.check('guarded', 'transaction-right')).toMatchObject({
      mark: 'bad',
      detail: expect.stringMatching(/^no WRITE on transactional ids/),
    });
    await grant(allow('WRITE', ids));
    const after = await doctorReport(transactions);
    expect(after.check('guarded', 'transaction-right')).toMatchObject({ mark: 'ok' });
    // It changed nothing, not even what brokers create on demand.
    expect(await asAdmin(async (cluster) => [...(await listTopics(cluster)).keys()])).not.toContain(
      '__transaction_state',
    );

    expect((await doctorReport(markers)).check('guarded', 'marker-right')).toMatchObject({
      mark: 'advice',
      remedy: expect.stringMatching(/our rights suffice for that$/),
    });
    await grant(
      allow('CLUSTER_ACTION', {
        resourceType: 'CLUSTER',
        resourceName: 'kafka-cluster',
        patternType: 'LITERAL',
      }),
    );
    const granted = await doctorReport(markers);
    expect(granted.check('guarded', 'marker-right')).toMatchObject({
      mark: 'ok',
      detail: 'ALTER or CLUSTER_ACTION on the cluster',
    });
    expect(granted.check('guarded', 'transaction-right')).toBeUndefined();
  });
});

describe('a cluster that can not be entered ends with 3 and one clear finding', () => {
  test.each([
    [
      'a wrong password',
      () => login({ username: 'agent', password: 'wrong-secret' }),
      /agent.*(password|refused|login)/i,
    ],
    [
      'plaintext spoken to a TLS port',
      () =>
        `    bootstrap: ${addresses(regions.guarded, 'SASL_SSL')}\n    sasl: {mechanism: PLAIN, username: agent, password: agent-secret}`,
      /TLS/,
    ],
    [
      'TLS spoken to a plaintext port',
      () =>
        `    bootstrap: ${addresses(regions.guarded, 'SASL_PLAINTEXT')}\n    tls: true\n    sasl: {mechanism: PLAIN, username: agent, password: agent-secret}`,
      /TLS/,
    ],
  ])('%s', async (name, guarded, words) => {
    const file = await topology(
      name.replaceAll(' ', '-'),
      guarded(),
      '{source: open, destination: guarded, topics: [t]}',
    );
    const { code, report, check, text } = await doctorReport(file);
    expect({ code, outcome: report.outcome }).toEqual({ code: 3, outcome: 'unreachable' });
    expect(check('guarded', 'reachable')).toMatchObject({
      mark: 'bad',
      detail: expect.stringMatching(words),
    });
    // The other cluster is still examined.
    expect(check('open', 'versions')).toMatchObject({ mark: 'ok' });
    expect(text).not.toContain('-secret');
  });
});

test('two names for one cluster are found by its id', async () => {
  const file = path.join(folder.path, 'twins.yaml');
  const [address = ''] = regions.open.bootstrap;
  const port = address.split(':')[1];
  await writeFile(
    file,
    `version: 1\nclusters: {a: {bootstrap: ["127.0.0.1:${port}"]}, b: {bootstrap: ["localhost:${port}"]}}\n`,
  );
  const { code, check } = await doctorReport(file);
  expect(code).toBe(1);
  expect(check('a', 'cluster-id')).toMatchObject({
    mark: 'bad',
    detail: expect.stringMatching(/id of b too/),
  });
});
