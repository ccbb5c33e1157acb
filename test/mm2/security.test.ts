// mm2.properties and a Strimzi manifest between secured regions: SASL_SSL with SCRAM, and TLS with a certificate of our own;
// stores that keytool has made, passwords behind config providers and in mounted secrets. And where none of these secrets
// may turn up: logs, answers of the API, records of the control topic.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { Region } from '../../src/regions/index.ts';
import { findFreePort } from '../../src/regions/ports.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { startMirrorMaker } from './migrating.ts';
import { type RunningCommand, startRun } from './run-command.ts';

const user = { username: 'lockstep', password: 'S3CRET-scram-"quoted"' };
const regions = useRegions({
  'us-east': {
    security: { tls: true, sasl: { users: [user], mechanisms: ['SCRAM-SHA-512', 'PLAIN', 'OAUTHBEARER'] } },
  },
  'eu-west': { security: { tls: { clientAuth: 'required' } } },
});
const folder = useTemporaryFolder();
const oracle = useOracle();
const deadlineMs = 90_000;
const at = (name: string): string => path.join(folder.path, name);
const passwords = { trust: 'S3CRET-trust', keys: 'S3CRET-keys', key: 'S3CRET-key-alone' };

beforeAll(async () => {
  const keytool = (...args: string[]): void => void execFileSync('keytool', args, { stdio: 'pipe' });
  const noPrompt = ['-noprompt', '-alias', 'ca'];
  for (const name of ['us-east', 'eu-west'] as const) {
    const store = ['-keystore', at(`${name}.p12`), '-storetype', 'PKCS12', '-storepass', passwords.trust];
    keytool('-importcert', ...noPrompt, '-file', regions[name].tls!.caFile, ...store);
  }
  const { certFile, keyFile } = regions['eu-west'].tls!;
  const made = ['-in', certFile, '-inkey', keyFile, '-name', 'agent', '-out', at('made.p12')];
  execFileSync('openssl', ['pkcs12', '-export', ...made, '-passout', `pass:${passwords.keys}`]);
  keytool(
    ...[
      '-importkeystore',
      '-srckeystore',
      at('made.p12'),
      '-srcstoretype',
      'PKCS12',
      '-srcstorepass',
      passwords.keys,
    ],
    ...['-srcalias', 'agent', '-destkeystore', at('agent.jks'), '-deststoretype', 'JKS'],
    ...['-deststorepass', passwords.keys, '-destkeypass', passwords.key],
  );
  for (const [secret, key, text] of [
    ['user', 'password', user.password],
    ['us-ca', 'ca.crt', regions['us-east'].tls!.ca],
    ['eu-ca', 'ca.crt', regions['eu-west'].tls!.ca],
    ['agent', 'user.crt', regions['eu-west'].tls!.cert],
    ['agent', 'user.key', regions['eu-west'].tls!.key],
  ] as const) {
    mkdirSync(at(`secrets/${secret}`), { recursive: true });
    writeFileSync(at(`secrets/${secret}/${key}`), text);
  }
  for (const [name, topic] of [
    ['us-east', 'orders'],
    ['us-east', 'invoices'],
    ['eu-west', 'payments'],
  ] as const) {
    await oracle.createTopics(regions[name], [{ name: topic }]);
    const records = Array.from({ length: 50 }, (_, index) => ({
      topic,
      key: `k${index}`,
      value: `v${index}`,
    }));
    await oracle.workload(regions[name]).produce({ producer: 'shop', records });
  }
}, 240_000);

/** Waits until the topic is mirrored whole, record for record as Kafka's Java consumer reads it. */
async function mirrored(
  from: Region,
  to: Region,
  topic: string,
  agent: Pick<RunningCommand, 'told'>,
): Promise<void> {
  const destinationTopic = `${from.name}.${topic}`;
  await waitFor(async () => (await oracle.ends(to, destinationTopic)).length > 0, {
    deadlineMs,
    describe: () => `${destinationTopic}; run said:\n${agent.told()}`,
  });
  const same = { source: from, destination: to, topic, destinationTopic, waitMs: deadlineMs };
  expect(await oracle.expectSame(same)).toMatchObject({ records: 50, partitions: 1 });
}

/** Everything that the region's brokers hold of a topic, byte by byte. */
function bytesOf(directory: string, topic: string): string {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  const logs = files.filter((file) => file.includes(`/${topic}-`) && file.endsWith('.log'));
  return logs.map((file) => readFileSync(path.join(directory, file), 'latin1')).join('');
}

/** MirrorMaker 2's own topics, in clusters of one broker. */
const alone = [
  '',
  'checkpoints.topic.',
  'heartbeats.topic.',
  'offset-syncs.topic.',
  'offset.storage.',
  'status.storage.',
  'config.storage.',
]
  .map((name) => `${name}replication.factor = 1\n`)
  .join('');

/** The secrets, each as it is and in base64, and the key without its lines. */
function secrets(): string[] {
  const texts = [user.password, ...Object.values(passwords)];
  const key = regions['eu-west'].tls!.key.split('\n')[1]!;
  return [...texts, ...texts.map((text) => Buffer.from(text).toString('base64').slice(0, -4)), key, 'S3CRET'];
}

/** The file of connect-mirror-maker.sh for one topic from us-east to eu-west. */
function propertiesFor(topic: string): string {
  writeFileSync(
    at('passwords.properties'),
    `us-east = ${user.password.replaceAll('"', '\\\\"')}\ntrust=${passwords.trust}\nkeys=${passwords.keys}\n`,
  );
  const file = at(`${topic}.properties`);
  const provided = (key: string): string => `\${file:${at('passwords.properties')}:${key}}`;
  writeFileSync(
    file,
    `clusters = us-east, eu-west
config.providers = file
config.providers.file.class = org.apache.kafka.common.config.provider.FileConfigProvider
us-east.bootstrap.servers = ${regions['us-east'].bootstrapOf('SASL_SSL').join(',')}
us-east.security.protocol = SASL_SSL
us-east.sasl.mechanism = SCRAM-SHA-512
us-east.sasl.jaas.config = org.apache.kafka.common.security.scram.ScramLoginModule required \\
    username="lockstep" password="${provided('us-east')}";
us-east.ssl.truststore.type = PKCS12
us-east.ssl.truststore.location = ${at('us-east.p12')}
us-east.ssl.truststore.password = ${provided('trust')}
eu-west.bootstrap.servers = ${regions['eu-west'].bootstrapOf('SSL').join(',')}
eu-west.security.protocol = SSL
eu-west.ssl.truststore.location = ${at('eu-west.p12')}
eu-west.ssl.truststore.password = ${provided('trust')}
eu-west.ssl.keystore.location = ${at('agent.jks')}
eu-west.ssl.keystore.password = ${provided('keys')}
eu-west.ssl.key.password = ${passwords.key}
us-east->eu-west.enabled = true
us-east->eu-west.topics = ${topic}
eu-west->us-east.emit.heartbeats.enabled = false
${alone}`,
  );
  return file;
}

test('a file with SCRAM, a certificate and stores of keytool runs as it is, and its secrets stay in it', {
  timeout: 300_000,
}, async () => {
  const file = propertiesFor('orders');
  const port = await findFreePort();
  const seen: string[] = [];
  {
    await using agent = startRun(file, '--http', `127.0.0.1:${port}`);
    await mirrored(regions['us-east'], regions['eu-west'], 'orders', agent);
    for (const place of [
      'agents',
      'links',
      'links/us-east-to-eu-west',
      'links/us-east-to-eu-west/mirrors',
      'groups',
    ]) {
      const answer = await fetch(`http://127.0.0.1:${port}/v1/${place}`);
      expect(answer.status).toBe(200);
      seen.push(await answer.text());
    }
    seen.push(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
    for (const command of [
      ['links', 'describe', '--json', '--file', file],
      ['mirrors', 'describe', '--json', '--file', file],
      ['verify', file],
      ['doctor', file],
    ]) {
      const { stdout, stderr, exitCode } = await lockstepCommand(...command);
      expect(`${stderr}${exitCode}`).toMatch(/0$/);
      seen.push(stdout, stderr);
    }
    await agent.stop();
    seen.push(agent.told());
  }
  expect(seen.join('\n')).toContain('us-east-to-eu-west');
  expect(seen.join('\n')).toContain(`${file}:18:1: a secret stands in the file itself`);
  const records = bytesOf(regions['eu-west'].status().directory, '__lockstep');
  expect(records).toContain('us-east-to-eu-west');
  for (const secret of secrets()) {
    expect(seen.join('\n')).not.toContain(secret);
    expect(records).not.toContain(secret);
  }
});

test('a manifest of Strimzi runs with its secrets mounted beside it', { timeout: 240_000 }, async () => {
  const file = at('mm2.yaml');
  writeFileSync(
    file,
    `apiVersion: kafka.strimzi.io/v1
kind: KafkaMirrorMaker2
metadata: {name: back}
spec:
  target:
    alias: us-east
    bootstrapServers: ${regions['us-east'].bootstrapOf('SASL_SSL').join(',')}
    groupId: connect
    configStorageTopic: c
    statusStorageTopic: s
    offsetStorageTopic: o
    tls: {trustedCertificates: [{secretName: us-ca, pattern: "*.crt"}]}
    authentication: {type: scram-sha-512, username: lockstep, passwordSecret: {secretName: user, password: password}}
  mirrors:
  - source:
      alias: eu-west
      bootstrapServers: ${regions['eu-west'].bootstrapOf('SSL').join(',')}
      tls: {trustedCertificates: [{secretName: eu-ca, certificate: ca.crt}]}
      authentication: {type: tls, certificateAndKey: {secretName: agent, certificate: user.crt, key: user.key}}
    sourceConnector: {}
    topicsPattern: payments
`,
  );
  await using agent = startRun(file);
  await mirrored(regions['eu-west'], regions['us-east'], 'payments', agent);
  expect(await agent.stop()).toBe(0);
  const records = bytesOf(regions['us-east'].status().directory, '__lockstep');
  expect(records).toContain('eu-west-to-us-east');
  for (const secret of secrets()) {
    expect(agent.told()).not.toContain(secret);
    expect(records).not.toContain(secret);
  }
});

/** A token endpoint (RFC 6749, section 4.4) that gives unsigned tokens, which the region takes; and who asked. */
async function withTokenEndpoint(run: (url: string, asked: string[]) => Promise<void>): Promise<void> {
  const asked: string[] = [];
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const server = createServer(async (request, response) => {
    const body = (await request.toArray()).join('');
    asked.push(Buffer.from(request.headers.authorization!.slice('Basic '.length), 'base64').toString(), body);
    const now = Math.floor(Date.now() / 1000);
    const token = `${encode({ alg: 'none' })}.${encode({ sub: 'oauth-user', iat: now - 10, exp: now + 600 })}.`;
    response.end(JSON.stringify({ access_token: token, expires_in: 600 }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, asked);
  } finally {
    server.close();
  }
}

const oauth = 'org.apache.kafka.common.security.oauthbearer';

test('PLAIN and OAUTHBEARER reach the brokers, too', { timeout: 240_000 }, async () => {
  const scram = await readFile(propertiesFor('orders'), 'utf8');
  const mechanismLines = /us-east\.sasl\.mechanism[\s\S]*?;\n/;
  await withTokenEndpoint(async (url, asked) => {
    const logins: Record<string, string> = {
      PLAIN: `us-east.sasl.mechanism=PLAIN
us-east.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=lockstep password='${user.password}';
`,
      OAUTHBEARER: `us-east.sasl.mechanism=OAUTHBEARER
us-east.sasl.login.callback.handler.class=${oauth}.OAuthBearerLoginCallbackHandler
us-east.sasl.oauthbearer.token.endpoint.url=${url}
us-east.sasl.jaas.config=${oauth}.OAuthBearerLoginModule required clientId=agent clientSecret="S3CRET-oauth+/=" scope=kafka;
`,
    };
    for (const [mechanism, lines] of Object.entries(logins)) {
      const file = at(`${mechanism}.properties`);
      writeFileSync(
        file,
        scram.replace(mechanismLines, () => lines),
      );
      const { stdout, stderr, exitCode } = await lockstepCommand('doctor', file);
      expect(`${stderr}${stdout}${exitCode}`).toMatch(/0$/);
      expect(stdout).toContain('us-east (source of us-east-to-eu-west)');
      expect(stdout + stderr).not.toContain('S3CRET');
    }
    expect(asked.slice(0, 2)).toEqual(['agent:S3CRET-oauth+/=', 'grant_type=client_credentials&scope=kafka']);
  });
});

test('MirrorMaker 2 itself understands the file in the same way', { timeout: 300_000 }, async () => {
  await using mirrorMaker = await startMirrorMaker(propertiesFor('invoices'));
  await waitFor(
    async () => (await oracle.ends(regions['eu-west'], 'us-east.invoices'))[0]?.highWatermark === 50,
    // Two workers of Kafka Connect on a busy machine take their time.
    { deadlineMs: 200_000, describe: () => `us-east.invoices; MirrorMaker 2 said:\n${mirrorMaker.told()}` },
  );
  await mirrorMaker.stop();
});
