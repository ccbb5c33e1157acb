// Transactions that hold a source partition up, on a real broker: who holds it is found, and the command that people
// read ends it when Kafka's own tool runs it.
//
// A transaction that hangs is one that the partition's leader has open and no coordinator: brokers that verify nothing
// (transaction.partition.verification.enable=false; all before Kafka 3.6) take such a batch from any producer, for
// example a late one of a transaction that was aborted.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  addPartitionsToTransaction,
  Cluster,
  createAcls,
  endTransaction,
  initTransactions,
  listOffsets,
  type ProducerIdentity,
  unwrap,
} from '../../src/client/index.ts';
import {
  findOpenTransactions,
  type OpenTransaction,
  transactionQuestions,
} from '../../src/mirror/shell/find-open-transactions.ts';
import { transactionReason } from '../../src/mirror/shell/transaction-reason.ts';
import { encodeBatch } from '../../src/records/index.ts';
import { configOf } from '../client/support.ts';
import { createTopic, kafkaTool } from '../support/kafka-tools.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { sendBatch } from '../support/send-batch.ts';
import { waitFor } from '../support/wait-for.ts';

const folder = useTemporaryFolder();
const limited = { username: 'lim', password: 'lim-secret' };
const regions = useRegions({
  'us-east': {
    security: {
      sasl: { users: [limited] },
      authorizer: { superUsers: ['User:ANONYMOUS'] },
    },
    brokerConfig: { 'transaction.partition.verification.enable': 'false' },
  },
});
const region = () => regions['us-east'];

let admin: Cluster;
let lim: Cluster;
beforeAll(async () => {
  admin = await Cluster.connect(configOf(region()));
  const sasl = { mechanism: 'SCRAM-SHA-256', ...limited } as const;
  lim = await Cluster.connect(configOf(region(), 'SASL_PLAINTEXT', { sasl }));
});
afterAll(() => {
  admin?.close();
  lim?.close();
});

/** Three records, one second apart from `timestamp` on. */
async function produce(
  topic: string,
  { producerId, producerEpoch }: ProducerIdentity,
  {
    transactionalId,
    timestamp = BigInt(Date.now()),
    baseSequence = 0,
  }: { transactionalId: string; timestamp?: bigint; baseSequence?: number },
): Promise<void> {
  const values = ['a', 'b', 'c'].map((letter, index) => ({
    offset: BigInt(index),
    timestamp: timestamp + BigInt(index) * 1_000n,
    key: null,
    value: Buffer.from(letter),
    headers: [],
  }));
  const records = encodeBatch(values, {
    compression: 'none',
    producerId,
    producerEpoch,
    baseSequence,
    isTransactional: true,
  });
  await sendBatch(admin, topic, records, { transactionalId });
}

async function open(topic: string, transactionalId: string): Promise<ProducerIdentity> {
  const identity = await initTransactions(admin, transactionalId, { transactionTimeoutMs: 600_000 });
  await addPartitionsToTransaction(admin, transactionalId, identity, [{ topic, partition: 0 }]);
  await produce(topic, identity, { transactionalId });
  return identity;
}

async function ends(topic: string): Promise<{ lastStableOffset: bigint; highWatermark: bigint }> {
  const read = async (isolationLevel: 'read_committed' | 'read_uncommitted') => {
    const [found] = await listOffsets(admin, [{ topic, partition: 0, at: 'latest' }], { isolationLevel });
    return unwrap(found!.outcome).offset;
  };
  return { lastStableOffset: await read('read_committed'), highWatermark: await read('read_uncommitted') };
}

/** Who holds the partition, as this user sees it, and the line that people read. */
async function holder(
  topic: string,
  { as = admin, isSecured = false }: { as?: Cluster; isSecured?: boolean } = {},
): Promise<{ found: OpenTransaction; line: string }> {
  const { lastStableOffset, highWatermark } = await ends(topic);
  expect(lastStableOffset).toBeLessThan(highWatermark);
  const partition = { topic, partition: 0, lastStableOffset };
  const [answer] = await findOpenTransactions(transactionQuestions(as), [partition]);
  const bootstrap = region().bootstrap.join(',');
  const line = transactionReason(answer![1], {
    ...{ ...partition, highWatermark, bootstrap, isSecured },
    nowMs: Date.now(),
  });
  return { found: answer![1], line };
}

/** Runs the command at the end of a line with Kafka's own tool. */
async function runCommand(line: string, settingsFile?: string): Promise<void> {
  const [, command] = /: kafka-transactions\.sh (.+?)(?: \(Kafka's tools of 4\.3\))?$/.exec(line) ?? [];
  expect(command, line).toBeDefined();
  const words = command!.split(' ').map((word) => (word === 'client.properties' ? settingsFile! : word));
  await kafkaTool(region(), 'org.apache.kafka.tools.TransactionsCommand', words);
}

async function isDecided(topic: string): Promise<void> {
  const look = async () => {
    const { lastStableOffset, highWatermark } = await ends(topic);
    return lastStableOffset === highWatermark;
  };
  await waitFor(look, { deadlineMs: 15_000, describe: `${topic} to be decided to its end` });
}

it('names a transaction that is open, and the printed command ends it', async () => {
  const topic = uniqueTopic('open');
  await createTopic(region(), topic);
  const before = uniqueTopic('committed');
  const committed = await open(topic, before);
  await endTransaction(admin, before, committed, 'commit');
  await isDecided(topic);
  const transactionalId = uniqueTopic('payments');
  await open(topic, transactionalId);
  const { found, line } = await holder(topic);
  expect(found).toMatchObject({ kind: 'open', transactionalId, startOffset: 4n, timeoutMs: 600_000 });
  expect(Math.abs(Date.now() - Number((found as { startedAtMs: bigint }).startedAtMs))).toBeLessThan(20_000);
  expect(line).toMatch(
    new RegExp(
      `^3 offsets from 4 on wait: .* \\(transactional id ${transactionalId}\\) has been open for \\d`,
    ),
  );
  expect(line).toContain('at its time-out of 10 min, or: kafka-transactions.sh');
  await runCommand(line);
  await isDecided(topic);
});

it('calls a transaction hanging that no coordinator knows, as find-hanging does, and the printed command frees it', async () => {
  const topic = uniqueTopic('hanging');
  await createTopic(region(), topic);
  const hourAgo = BigInt(Date.now() - 3_600_000);
  const producerId = 987_654_321n;
  await produce(
    topic,
    { producerId, producerEpoch: 0 },
    { transactionalId: uniqueTopic('nobody'), timestamp: hourAgo },
  );
  const settings = path.join(folder.path, 'client.properties');
  await writeFile(settings, 'security.protocol=PLAINTEXT\n');
  const { found, line } = await holder(topic, { isSecured: true });
  expect(found).toMatchObject({ kind: 'hanging', producerId, transactionalId: null, startOffset: 0n });
  const args = ['--bootstrap-server', region().bootstrap.join(','), 'find-hanging', '--topic', topic];
  const told = await kafkaTool(region(), 'org.apache.kafka.tools.TransactionsCommand', args);
  expect(told.stdout).toContain(String(producerId));
  await runCommand(line, settings);
  await isDecided(topic);
});

it('calls one hanging that its coordinator has ended: a batch that came late', async () => {
  const topic = uniqueTopic('late-batch');
  await createTopic(region(), topic);
  const transactionalId = uniqueTopic('restarted');
  const identity = await open(topic, transactionalId);
  await endTransaction(admin, transactionalId, identity, 'abort');
  await isDecided(topic);
  await produce(topic, identity, { transactionalId, baseSequence: 3 });
  const { found, line } = await holder(topic);
  expect(found).toMatchObject({ kind: 'hanging', transactionalId, startOffset: 4n });
  expect(line).toContain('its coordinator does not have this partition in it');
  await runCommand(line);
  await isDecided(topic);
});

it('says what a user can not see, and which right shows it', async () => {
  const topic = uniqueTopic('rights');
  await createTopic(region(), topic);
  const transactionalId = uniqueTopic('secret-owner');
  const identity = await open(topic, transactionalId);
  const grant = async (resourceType: 'TOPIC' | 'TRANSACTIONAL_ID', operation: 'READ' | 'DESCRIBE') => {
    const resourceName = resourceType === 'TOPIC' ? topic : '*';
    const rule = { resourceType, resourceName, operation, patternType: 'LITERAL', host: '*' } as const;
    const [created] = await createAcls(admin, [{ ...rule, principal: 'User:lim', permission: 'ALLOW' }]);
    unwrap(created!);
  };
  /** Rights reach the broker some moments after they are granted. */
  const seesIt = (kind: OpenTransaction['kind']) => async () =>
    (await holder(topic, { as: lim })).found.kind === kind;

  await grant('TOPIC', 'DESCRIBE');
  const lacksRead = async () => {
    const { found } = await holder(topic, { as: lim });
    return found.kind === 'unknown' && found.missingRight === `READ on topic ${topic}`;
  };
  await waitFor(lacksRead, { deadlineMs: 15_000, describe: 'the missing READ to be named' });
  await grant('TOPIC', 'READ');
  await waitFor(seesIt('nameless'), { deadlineMs: 15_000, describe: 'the holder without its name' });
  const { found, line } = await holder(topic, { as: lim });
  expect(found).toMatchObject({ producerId: identity.producerId, startOffset: 0n });
  expect(line).toContain("grant Lockstep's user DESCRIBE on transactional ids at the source");
  expect(line).not.toContain(transactionalId);
  await grant('TRANSACTIONAL_ID', 'DESCRIBE');
  await waitFor(seesIt('open'), { deadlineMs: 15_000, describe: 'the name to be visible' });
  await endTransaction(admin, transactionalId, identity, 'commit');
});
