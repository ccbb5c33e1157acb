// What `lockstep run` prints on a secured cluster when things go wrong: each partition's state with the offset, the
// reason and the command that helps; and never a password, nor anything of a record.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Output } from '../../src/cli/output/output.ts';
import { runProgram } from '../../src/cli/program.ts';
import {
  type AclOperation,
  type AclPermission,
  type AclResourceType,
  addPartitionsToTransaction,
  Cluster,
  createAcls,
  initTransactions,
  unwrap,
} from '../../src/client/index.ts';
import { encodeBatch } from '../../src/records/index.ts';
import { configOf } from '../client/support.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { append, makeTopic } from '../verify/kafka-copy.ts';

const folder = useTemporaryFolder();
const agent = { username: 'agent', password: 'the-password-of-the-agent' };
const wrongPassword = 'a-password-that-is-wrong';
const content = 'content-of-records';
const security = { sasl: { users: [agent] }, authorizer: {} };
const regions = useRegions({ 'us-east': { security }, 'eu-west': { security } });

let source: Cluster;
let destination: Cluster;
beforeAll(async () => {
  source = await Cluster.connect(configOf(regions['us-east']));
  destination = await Cluster.connect(configOf(regions['eu-west']));
  for (const cluster of [source, destination]) {
    await grant(cluster, 'CLUSTER', 'kafka-cluster', ['ALTER', 'CREATE', 'DESCRIBE', 'DESCRIBE_CONFIGS']);
    await grant(cluster, 'TRANSACTIONAL_ID', '*', ['DESCRIBE']);
  }
  await grantFleet();
});
afterAll(() => {
  source?.close();
  destination?.close();
});

async function grant(
  cluster: Cluster,
  resourceType: AclResourceType,
  resourceName: string,
  operations: AclOperation[],
  permission: AclPermission = 'ALLOW',
): Promise<void> {
  const rule = {
    resourceType,
    resourceName,
    patternType: 'LITERAL',
    principal: 'User:agent',
    host: '*',
  } as const;
  const created = await createAcls(
    cluster,
    operations.map((operation) => ({ ...rule, operation, permission })),
  );
  for (const outcome of created) unwrap(outcome);
}

/** One batch of that many records without keys; `at` is where it lands. */
function batch(count: number, at = 0n, valueBytes = 100): Buffer {
  const records = Array.from({ length: count }, (_, index) => ({
    offset: at + BigInt(index),
    timestamp: BigInt(Date.now()),
    key: null,
    value: Buffer.from(content.repeat(Math.ceil(valueBytes / content.length))),
    headers: [],
  }));
  return encodeBatch(records, { compression: 'none' });
}

/** What an agent needs to be one of a fleet (docs/security.md). */
async function grantFleet(): Promise<void> {
  await grant(destination, 'TOPIC', '__lockstep', ['ALL']);
  await grant(destination, 'GROUP', 'lockstep', ['READ']);
  await grant(destination, 'TRANSACTIONAL_ID', 'lockstep-leader', ['WRITE', 'DESCRIBE']);
}

async function makeSource(name: string): Promise<string> {
  const topic = uniqueTopic(name);
  await makeTopic(source, topic);
  await append(source, topic, [batch(5)]);
  for (const cluster of [source, destination]) await grant(cluster, 'TOPIC', topic, ['ALL']);
  return topic;
}

/** A transaction that nobody ends. */
async function leaveOpen(topic: string): Promise<string> {
  const transactionalId = uniqueTopic('payments');
  const identity = await initTransactions(source, transactionalId, { transactionTimeoutMs: 600_000 });
  await addPartitionsToTransaction(source, transactionalId, identity, [{ topic, partition: 0 }]);
  const record = { offset: 5n, timestamp: 1n, key: null, value: Buffer.from(content), headers: [] };
  const options = { ...identity, compression: 'none', baseSequence: 0, isTransactional: true } as const;
  await append(source, topic, [encodeBatch([record], options)], { transactionalId });
  return transactionalId;
}

/** Runs the agent on these topics until it has printed all of that. */
async function run(topics: readonly string[], password: string, until: readonly RegExp[]): Promise<string> {
  const bootstrap = (region: 'us-east' | 'eu-west') =>
    JSON.stringify(regions[region].bootstrapOf('SASL_PLAINTEXT'));
  const cluster = (region: 'us-east' | 'eu-west') =>
    `{ bootstrap: ${bootstrap(region)}, sasl: { mechanism: SCRAM-SHA-256, username: agent, password: "$\{env:AGENT_PASSWORD}" } }`;
  const file = path.join(folder.path, 'lockstep.yaml');
  const text = `version: 1
clusters:
  us-east: ${cluster('us-east')}
  eu-west: ${cluster('eu-west')}
links:
  us-to-eu: { source: us-east, destination: eu-west, topics: ${JSON.stringify(topics)} }
`;
  await writeFile(file, text);
  let printed = '';
  const write = (part: string) => {
    printed += part;
    return true;
  };
  const output = new Output({ stdout: { write }, stderr: { write }, environment: {} });
  const stopping = new AbortController();
  const context = { output, signal: stopping.signal, environment: { AGENT_PASSWORD: password } };
  const done = runProgram(['run', file], context);
  try {
    const missing = () => until.filter((pattern) => !pattern.test(printed));
    await waitFor(() => missing().length === 0, {
      deadlineMs: 45_000,
      describe: () => `${missing().map(String)} in:\n${printed}`,
    });
  } finally {
    stopping.abort();
    await done;
  }
  return printed;
}

function expectNoSecret(printed: string): void {
  for (const secret of [agent.password, wrongPassword, content]) expect(printed).not.toContain(secret);
}

it('says what is wrong and what to do, and tells no password and no content', async () => {
  const foreign = await makeSource('foreign');
  await makeTopic(destination, foreign);
  await append(destination, foreign, [batch(3)]);
  const large = await makeSource('large');
  await append(source, large, [batch(1, 5n, 50_000)]);
  await makeTopic(destination, large, 1, { 'max.message.bytes': '20000' });
  const keyless = await makeSource('keyless');
  await makeTopic(destination, keyless, 1, { 'cleanup.policy': 'compact' });
  const denied = await makeSource('denied');
  await grant(destination, 'TOPIC', denied, ['WRITE'], 'DENY');
  const held = await makeSource('held');
  const transactionalId = await leaveOpen(held);
  const eu = `${regions['eu-west'].bootstrapOf('SASL_PLAINTEXT')[0]} --command-config client.properties`;
  const us = `${regions['us-east'].bootstrapOf('SASL_PLAINTEXT')[0]} --command-config client.properties`;
  const printed = await run([foreign, large, keyless, denied, held], agent.password, [
    new RegExp(
      `${foreign}-0: ForeignData.*: kafka-topics.sh --bootstrap-server ${eu} --delete --topic ${foreign};`,
    ),
    new RegExp(
      `${large}-0: Blocked at offset 5: .*MESSAGE_TOO_LARGE.* --bootstrap-server ${eu} --alter --entity-type topics --entity-name ${large} --add-config max.message.bytes`,
    ),
    new RegExp(`${keyless}-0: Blocked at offset 0: .*INVALID_RECORD`),
    new RegExp(`${denied}-0: NotAuthorized: .*lockstep doctor \\S+lockstep.yaml`),
    new RegExp(
      `${held}-0: WaitingForTransaction: .*\\(transactional id ${transactionalId}\\) has been open for .* kafka-transactions.sh --bootstrap-server ${us} forceTerminateTransaction --transactionalId=${transactionalId} `,
    ),
  ]);
  expectNoSecret(printed);
});

it('tells no password when the login is refused', async () => {
  const topic = await makeSource('no-login');
  expectNoSecret(await run([topic], wrongPassword, [/AUTHENTICATION_FAILED|login by SCRAM-SHA-256/]));
});
