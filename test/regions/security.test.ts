// Listeners with TLS, SASL and an authorizer, each opened by an independent client (librdkafka) that has the
// right credentials, and refused to one that has not.
import { Admin } from '@platformatic/kafka';
import { describe, expect, test } from 'vitest';
import { runChild } from '../support/child-output.ts';
import { createTopic, kafkaTool } from '../support/kafka-tools.ts';
import { kcatConsume, kcatIsInstalled, kcatProduce } from '../support/kcat.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';

const alice = { username: 'alice', password: 'alice-password' };
const bob = { username: 'bob', password: 'bob-password' };
const regions = useRegions({
  guarded: {
    security: { tls: true, sasl: { users: [alice, bob] }, authorizer: { superUsers: ['User:alice'] } },
  },
  sealed: {
    kafkaVersion: '3.9.2',
    security: {
      plaintext: false,
      tls: { clientAuth: 'required' },
      sasl: { users: [alice], mechanisms: ['PLAIN'] },
    },
  },
});
const records = [{ key: 'k', value: 'v' }];
const saslAs = (user: typeof alice, mechanism: string) => ({
  'sasl.mechanism': mechanism,
  'sasl.username': user.username,
  'sasl.password': user.password,
  'message.timeout.ms': '8000',
});

// Not by kcat: librdkafka before 2.6.1 sends the SCRAM nonce twice, which brokers refuse since CVE-2024-56128.
test.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)('SASL_SSL with %s', async (mechanism) => {
  const region = regions.guarded;
  const topicsAs = async (password: string): Promise<string[]> => {
    const admin = new Admin({
      clientId: 'test-admin',
      bootstrapBrokers: region.bootstrapOf('SASL_SSL'),
      tls: { ca: region.tls!.ca },
      sasl: { mechanism, username: alice.username, password },
      retries: 0,
    });
    try {
      return await admin.listTopics();
    } finally {
      await admin.close();
    }
  };
  const topic = uniqueTopic('sasl');
  await createTopic(region, topic);
  expect(await topicsAs(alice.password)).toContain(topic);
  await expect(topicsAs('wrong')).rejects.toThrow();
});

describe.runIf(kcatIsInstalled)('with kcat', () => {
  test('OAUTHBEARER takes an unsigned token of a super user', async () => {
    const region = regions.guarded;
    const topic = uniqueTopic('oauth');
    await createTopic(region, topic);
    await kcatProduce({
      bootstrap: region.bootstrapOf('SASL_PLAINTEXT'),
      topic,
      records,
      config: {
        'security.protocol': 'sasl_plaintext',
        'sasl.mechanism': 'OAUTHBEARER',
        'enable.sasl.oauthbearer.unsecure.jwt': 'true',
        'sasl.oauthbearer.config': 'principal=alice',
        'message.timeout.ms': '8000',
      },
    });
    expect(await kcatConsume({ bootstrap: region.bootstrap, topic })).toHaveLength(1);
  });

  test('the authorizer refuses a user without rights, until an ACL gives them', async () => {
    const region = regions.guarded;
    const topic = uniqueTopic('acl');
    await createTopic(region, topic);
    const bootstrap = region.bootstrapOf('SASL_PLAINTEXT');
    const config = { 'security.protocol': 'sasl_plaintext', ...saslAs(bob, 'PLAIN') };
    await expect(kcatProduce({ bootstrap, topic, records, config })).rejects.toThrow(/authoriz|timed out/i);
    expect(await kcatConsume({ bootstrap: region.bootstrap, topic })).toEqual([]);
    await kafkaTool(region, 'org.apache.kafka.tools.AclCommand', [
      ...['--bootstrap-server', region.bootstrap.join(','), '--add', '--allow-principal', 'User:bob'],
      ...['--operation', 'Write', '--operation', 'Describe', '--topic', topic],
    ]);
    await kcatProduce({ bootstrap, topic, records, config });
    expect(await kcatConsume({ bootstrap: region.bootstrap, topic })).toHaveLength(1);
  });

  test('a region without plaintext and with client certificates lets in who has one', async () => {
    const region = regions.sealed;
    expect(region.bootstrapOf('PLAINTEXT')).toEqual([]);
    expect(region.bootstrap).toEqual(region.bootstrapOf('SSL'));
    const { caFile, certFile, keyFile } = region.tls!;
    const trusting = { 'security.protocol': 'ssl', 'ssl.ca.location': caFile, 'message.timeout.ms': '8000' };
    const known = { ...trusting, 'ssl.certificate.location': certFile, 'ssl.key.location': keyFile };
    await expect(kcatMetadata(region.bootstrap, known)).resolves.toMatch(/1 brokers/);
    await expect(kcatMetadata(region.bootstrap, trusting)).rejects.toThrow();
  });
});

async function kcatMetadata(
  bootstrap: readonly string[],
  config: Readonly<Record<string, string>>,
): Promise<string> {
  const settings = Object.entries(config).flatMap(([name, value]) => ['-X', `${name}=${value}`]);
  const done = await runChild('kcat', ['-L', '-m', '5', '-b', bootstrap.join(','), ...settings]);
  if (done.code !== 0) throw new Error(done.stderr);
  return done.stdout.toString();
}
