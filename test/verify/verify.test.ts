// The verifier between two real regions: Kafka 4.3.1 and Kafka 3.9.2. Records come from an independent client.

import { beforeAll, describe, expect, it } from 'vitest';
import {
  addPartitionsToTransaction,
  type Cluster,
  deleteRecords,
  endTransaction,
  incrementalAlterConfigs,
  initTransactions,
  unwrap,
} from '../../src/client/index.ts';
import { LazyControlTopic } from '../../src/control/index.ts';
import {
  BatchView,
  encodeBatch,
  mergeBatches,
  type RecordView,
  readRecords,
  withCreateTime,
} from '../../src/records/index.ts';
import { clusterLogs } from '../../src/verify/index.ts';
import { createTopic } from '../support/kafka-tools.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { uniqueTopic } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { corruptions, plainRecords } from './corruptions.ts';
import { append, batchesOf, fillHoles, makeTopic } from './kafka-copy.ts';
import { useVerifiedPair } from './verified-pair.ts';

const pair = useVerifiedPair();
const { regions, verify, copied, topologyFile } = pair;
let source: Cluster;
let destination: Cluster;
beforeAll(() => {
  ({ source, destination } = pair);
});

const recordsOf = (batches: Buffer[]): RecordView[] =>
  batches.flatMap((bytes) => [...readRecords(new BatchView(bytes, 0))]);

describe('records of an independent producer, in every codec', () => {
  const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
  let topic: string;
  let all: Buffer[];

  beforeAll(async () => {
    topic = uniqueTopic('codecs');
    await createTopic(regions['us-east'], topic, { partitions: 2 });
    for (const [round, compression] of codecs.entries()) {
      const messages = Array.from({ length: 40 }, (_, index) => ({
        partition: index % 2,
        ...(index % 5 !== 0 && { key: Buffer.from(`key ${round} ${index}`) }),
        value: index % 7 === 0 ? Buffer.alloc(0) : Buffer.from(`value ${round} ${index} `.repeat(index * 10)),
        headers: new Map(index % 3 === 0 ? [[Buffer.from('trace'), Buffer.from(String(index))]] : []),
        timestamp: 1_700_000_000_000n + BigInt(index * 7 - round),
      }));
      await platformaticProduce({ bootstrap: regions['us-east'].bootstrap, topic, compression, messages });
    }
    await makeTopic(destination, topic, 2);
    all = await batchesOf(source, topic, 0);
  });

  it('are identical when copied batch by batch, without opening one', async () => {
    await append(destination, topic, all);
    await append(destination, topic, await batchesOf(source, topic, 1), { partition: 1 });
    const partitions = await verify(topic);
    expect(partitions).toMatchObject([
      { outcome: 'identical', compared: { records: 100n, openedBatches: 0 } },
      { outcome: 'identical', compared: { records: 100n, openedBatches: 0 } },
    ]);
    expect(new Set(all.map((bytes) => new BatchView(bytes, 0).compression))).toEqual(new Set(codecs));
  });

  it('are identical when merged into one batch of another codec, record by record', async () => {
    const merged = uniqueTopic('merged');
    await Promise.all([makeTopic(source, merged), makeTopic(destination, merged)]);
    await append(source, merged, all);
    const views = all.map((bytes) => new BatchView(bytes, 0));
    await append(destination, merged, [mergeBatches(views, { compression: 'zstd' })]);
    const [verdict] = await verify(merged);
    expect(verdict).toMatchObject({ outcome: 'identical', compared: { records: 100n, equalBatches: 0 } });
  });
});

describe('a wrong copy is found with kind and offset', () => {
  it.each(corruptions.filter(({ kind }) => !['missing', 'offset'].includes(kind)))(
    '$name',
    async ({ apply, kind, from = 0 }) => {
      const topic = await copied('wrong', (batches) => [encodeBatch(apply(recordsOf(batches), 13))]);
      const [verdict] = await verify(topic);
      expect(verdict!.outcome).toBe('different');
      expect(verdict!.differences[0]).toMatchObject({ kind, offset: 13n + BigInt(from) });
    },
  );

  it('a missing record where the copy has a hole', async () => {
    const topic = await copied('missing', () => []);
    const records = recordsOf(await batchesOf(source, topic));
    await append(destination, topic, [encodeBatch(records.slice(0, 13))]);
    await fillHoles(destination, topic, 1);
    await append(destination, topic, [encodeBatch(records.slice(14))]);
    expect((await verify(topic))[0]).toMatchObject({
      outcome: 'different',
      differences: [{ kind: 'missing', offset: 13n }],
    });
  });

  it('one offset too many in front of a record', async () => {
    const topic = await copied('shifted', () => []);
    const records = recordsOf(await batchesOf(source, topic));
    await append(destination, topic, [encodeBatch(records.slice(0, 13))]);
    await fillHoles(destination, topic, 1);
    const shifted = records.slice(13).map((record) => ({ ...record, offset: record.offset + 1n }));
    await append(destination, topic, [encodeBatch(shifted)]);
    expect((await verify(topic))[0]!.differences).toEqual([
      { kind: 'offset', offset: 13n, sourceOffset: 13n, destinationOffset: 14n },
      { kind: 'end', offset: 24n, sourceOffset: 24n, destinationOffset: 25n },
    ]);
  });

  it('a tail that is missing, and one that is too long', async () => {
    const short = await copied('short', (batches) => batches.slice(0, 2));
    expect((await verify(short))[0]).toMatchObject({
      differences: [{ kind: 'end', offset: 16n, sourceOffset: 24n, destinationOffset: 16n }],
      compared: { records: 16n },
    });
    const long = await copied('long', (batches) => [...batches, encodeBatch(plainRecords(1, 24n))]);
    expect((await verify(long))[0]).toMatchObject({
      differences: [{ kind: 'end', offset: 24n, sourceOffset: 24n, destinationOffset: 25n }],
      compared: { records: 24n },
    });
  });

  it('a topic and a partition that are missing', async () => {
    const topic = uniqueTopic('absent');
    await makeTopic(source, topic, 3);
    expect(await verify(topic)).toMatchObject([{ partition: null, differences: [{ kind: 'topicMissing' }] }]);
    await makeTopic(destination, topic, 2);
    expect(await verify(topic)).toMatchObject([
      { outcome: 'identical' },
      { outcome: 'identical' },
      { outcome: 'different', differences: [{ kind: 'partitionMissing', missingOn: 'destination' }] },
    ]);
  });
});

describe('what consumers do not see', () => {
  const records = plainRecords(9);

  it('is a hole on both sides: markers and aborted records here, markers alone there', async () => {
    const topic = uniqueTopic('transactions');
    await Promise.all([makeTopic(source, topic), makeTopic(destination, topic)]);
    const transactionalId = uniqueTopic('producer');
    const producer = await initTransactions(source, transactionalId);
    const transaction = async (from: number, end: number, outcome: 'commit' | 'abort') => {
      await addPartitionsToTransaction(source, transactionalId, producer, [{ topic, partition: 0 }]);
      // Markers take offsets but no sequence numbers.
      const baseSequence = from === 0 ? 0 : 3;
      const batch = encodeBatch(records.slice(from, end), {
        ...producer,
        baseSequence,
        isTransactional: true,
      });
      await append(source, topic, [batch], { transactionalId });
      await endTransaction(source, transactionalId, producer, outcome);
      await waitForEnd(topic, BigInt(end + 1));
    };
    await transaction(0, 3, 'commit'); // marker at 3
    await transaction(4, 6, 'abort'); // marker at 6
    await append(source, topic, [encodeBatch(records.slice(7))]);

    await append(destination, topic, [encodeBatch(records.slice(0, 3))]);
    await fillHoles(destination, topic, 4);
    await append(destination, topic, [encodeBatch(records.slice(7))]);
    const [verdict] = await verify(topic);
    expect(verdict).toMatchObject({ outcome: 'identical', compared: { end: 9n, records: 5n, holes: 4n } });
  });

  it('must not be a record there', async () => {
    const topic = uniqueTopic('no-hole');
    await Promise.all([makeTopic(source, topic), makeTopic(destination, topic)]);
    await append(source, topic, [encodeBatch(records.slice(0, 3))]);
    await fillHoles(source, topic, 1);
    await append(destination, topic, [encodeBatch(records.slice(0, 4))]);
    expect((await verify(topic))[0]!.differences).toEqual([{ kind: 'extra', offset: 3n }]);
  });

  it('is a transaction that is open: counted, and not identical', async () => {
    const topic = await copied('open', (batches) => batches);
    const transactionalId = uniqueTopic('hung');
    const producer = await initTransactions(source, transactionalId);
    await addPartitionsToTransaction(source, transactionalId, producer, [{ topic, partition: 0 }]);
    const open = encodeBatch(plainRecords(2, 24n), { ...producer, baseSequence: 0, isTransactional: true });
    await append(source, topic, [open], { transactionalId });
    const [verdict] = await verify(topic, { waitMsMax: 300 });
    expect(verdict).toMatchObject({
      outcome: 'incomplete',
      differences: [],
      notCompared: [{ reason: 'openTransaction', side: 'source', start: 24n, end: 26n }],
      compared: { records: 24n },
    });
    await endTransaction(source, transactionalId, producer, 'abort');
  });

  /** Control batches that read_committed reads give do not show before their transaction is decided. */
  async function waitForEnd(topic: string, end: bigint): Promise<void> {
    const logs = clusterLogs(source);
    await waitFor(async () => (await logs.partitionLog(topic, 0).offsets()).lastStableOffset === end, {
      deadlineMs: 10_000,
      describe: `the marker in front of offset ${end}`,
    });
    logs.close();
  }
});

it('a LogAppendTime topic is compared by the time of the append', async () => {
  const topic = uniqueTopic('append-time');
  await makeTopic(source, topic, 1, { 'message.timestamp.type': 'LogAppendTime' });
  await makeTopic(destination, topic);
  await append(source, topic, [encodeBatch(plainRecords(5), { compression: 'gzip' })]);
  const batches = await batchesOf(source, topic);
  await append(
    destination,
    topic,
    batches.map((bytes) => withCreateTime(new BatchView(bytes, 0))),
  );
  expect((await verify(topic))[0]).toMatchObject({
    outcome: 'identical',
    compared: { records: 5n, equalBatches: 0 },
  });
});

describe('starts that differ', () => {
  it('because the source was cut: counted, until the copy is cut as well', async () => {
    const topic = await copied('source-cut', (batches) => batches);
    await deleteRecords(source, [{ topic, partition: 0, beforeOffset: 11n }]);
    expect((await verify(topic))[0]).toMatchObject({
      outcome: 'identical',
      differences: [],
      notCompared: [{ reason: 'retention', side: 'source', start: 0n, end: 11n }],
      compared: { start: 11n, end: 24n, records: 13n },
    });
    await deleteRecords(destination, [{ topic, partition: 0, beforeOffset: 11n }]);
    expect((await verify(topic))[0]).toMatchObject({
      outcome: 'identical',
      notCompared: [],
      compared: { start: 11n, records: 13n },
    });
  });

  it('because the copy was cut: right or not, as its retention settings say', async () => {
    // The records are of 2023.
    const topic = await copied('copy-cut', (batches) => batches);
    await deleteRecords(destination, [{ topic, partition: 0, beforeOffset: 11n }]);
    expect((await verify(topic))[0]).toMatchObject({
      outcome: 'identical',
      notCompared: [{ reason: 'retention', side: 'destination', start: 0n, end: 11n }],
    });
    const resource = { type: 'topic', name: topic } as const;
    const unlimited = { operation: 'set', name: 'retention.ms', value: '-1' } as const;
    const [changed] = await incrementalAlterConfigs(destination, [{ resource, changes: [unlimited] }]);
    unwrap(changed!.outcome);
    const verdict = await waitFor(
      async () => {
        const [now] = await verify(topic);
        return now!.outcome === 'incomplete' ? now : null;
      },
      { deadlineMs: 10_000, describe: 'the new setting to be in force' },
    );
    expect(verdict).toMatchObject({
      differences: [],
      notCompared: [{ reason: 'startUnexplained', side: 'destination', start: 0n, end: 11n }],
      compared: { records: 13n },
    });
  });

  it('because the mirror starts shifted: the same records at offsets that are lower by k', async () => {
    const topic = await copied('starts-shifted', () => []);
    await deleteRecords(source, [{ topic, partition: 0, beforeOffset: 8n }]);
    const lower = (some: RecordView[]) => some.map((record) => ({ ...record, offset: record.offset - 8n }));
    const records = lower(recordsOf(await batchesOf(source, topic)));
    await append(destination, topic, [encodeBatch(records.slice(0, 5)), encodeBatch(records.slice(5))]);
    const [verdict] = await verify(topic, { shiftOf: () => 8n });
    expect(verdict).toMatchObject({
      outcome: 'identical',
      notCompared: [],
      shift: 8n,
      source: { start: 8n, end: 24n },
      destination: { start: 0n, end: 16n },
      compared: { start: 8n, end: 24n, records: 16n },
    });
    const [wrong] = await verify(topic, { shiftOf: () => 7n });
    expect(wrong!.outcome).toBe('different');
  });
});

describe('a compacted topic', () => {
  const compacted = {
    'cleanup.policy': 'compact',
    'min.cleanable.dirty.ratio': '0.01',
    'segment.ms': '300',
    'delete.retention.ms': '0',
  };
  /**
   * Records of the keys a, b, c in turns, and one of a key that comes once. Their timestamps are so far apart that
   * each closes the segment of the one before; only closed segments are cleaned.
   */
  const records = plainRecords(13).map((record, index) => ({
    ...record,
    timestamp: record.timestamp + BigInt(index * 1000),
    key: Buffer.from(index === 4 ? 'once' : 'abc'[index % 3]!),
  }));

  async function cleaned(cluster: Cluster, topic: string): Promise<void> {
    await waitFor(async () => recordsOf(await batchesOf(cluster, topic)).length < records.length, {
      deadlineMs: 40_000,
      pollMs: 200,
      describe: `the cleaner to clean ${topic} of ${cluster.name}`,
    });
  }

  /** The same history on both sides, compacted as each side's settings say; `lost` is left out of the copy. */
  async function histories(
    configs: Record<'source' | 'destination', Record<string, string>>,
    lost: bigint | null = null,
  ): Promise<string> {
    const topic = uniqueTopic('compacted');
    await Promise.all([
      makeTopic(source, topic, 1, configs.source),
      makeTopic(destination, topic, 1, configs.destination),
    ]);
    const write = async (cluster: Cluster, some: RecordView[]) => {
      for (const record of some) {
        if (cluster === destination && record.offset === lost) await fillHoles(cluster, topic, 1);
        else await append(cluster, topic, [encodeBatch([record])]);
      }
    };
    await Promise.all([write(source, records), write(destination, records)]);
    if (configs.source === compacted) await cleaned(source, topic);
    if (configs.destination === compacted) await cleaned(destination, topic);
    return topic;
  }

  it('whose copy, or whose source, was compacted further is identical; the loss of a last record is not', async () => {
    const [copy, original, wrong] = await Promise.all([
      histories({ source: {}, destination: compacted }),
      histories({ source: compacted, destination: {} }),
      histories({ source: {}, destination: compacted }, 4n),
    ]);
    for (const topic of [copy, original]) {
      const [verdict] = await verify(topic);
      expect(verdict).toMatchObject({ outcome: 'identical', differences: [], notCompared: [] });
      expect(verdict!.compared.compactedRecords).toBeGreaterThan(0n);
    }
    expect((await verify(wrong))[0]!.differences).toEqual([{ kind: 'missing', offset: 4n }]);

    // A copy that lacks as much on a side that never compacts is wrong.
    const resource = { type: 'topic', name: copy } as const;
    const policy = { operation: 'set', name: 'cleanup.policy', value: 'delete' } as const;
    const [changed] = await incrementalAlterConfigs(destination, [{ resource, changes: [policy] }]);
    unwrap(changed!.outcome);
    await waitFor(async () => (await verify(copy))[0]!.differences[0]?.kind === 'missing', {
      deadlineMs: 10_000,
      describe: 'the new setting to be in force',
    });
  });

  it('whose gaps the copy fills with copies of the record that follows is identical where the link says so', async () => {
    const topic = uniqueTopic('copies');
    await Promise.all([makeTopic(source, topic), makeTopic(destination, topic)]);
    const some = plainRecords(8);
    // Brokers take no gaps from a client, so markers stand for them here.
    await append(source, topic, [encodeBatch(some.slice(0, 2))]);
    await fillHoles(source, topic, 3);
    await append(source, topic, [encodeBatch(some.slice(5))]);
    const copies = [2n, 3n, 4n].map((offset) => ({ ...some[5]!, offset }));
    await append(destination, topic, [encodeBatch([...some.slice(0, 2), ...copies, ...some.slice(5)])]);
    expect((await verify(topic, { gapsHoldCopies: true }))[0]).toMatchObject({
      outcome: 'identical',
      compared: { records: 5n, filledCopies: 3n, holes: 0n },
    });
    expect((await verify(topic))[0]!.differences).toEqual([{ kind: 'extra', offset: 2n }]);
  });
});

it('the command takes shifts from the state of the link, and copies in gaps from its options', async () => {
  const [shifted, copies] = [uniqueTopic('command-shifted'), uniqueTopic('command-copies')];
  const records = plainRecords(12);
  for (const topic of [shifted, copies])
    await Promise.all([makeTopic(source, topic), makeTopic(destination, topic)]);
  await append(source, shifted, [encodeBatch(records)]);
  await deleteRecords(source, [{ topic: shifted, partition: 0, beforeOffset: 5n }]);
  const lower = records.slice(5).map((record) => ({ ...record, offset: record.offset - 5n }));
  await append(destination, shifted, [encodeBatch(lower)]);
  await append(source, copies, [encodeBatch(records.slice(0, 3))]);
  await fillHoles(source, copies, 2);
  await append(source, copies, [encodeBatch(records.slice(5))]);
  const filled = records.map((record, index) =>
    index < 3 || index > 4 ? record : { ...records[5]!, offset: record.offset },
  );
  await append(destination, copies, [encodeBatch(filled)]);
  const topicIds = await Promise.all(
    [source, destination].map(async (cluster) => (await cluster.leaderOf(shifted, 0)).topicId),
  );
  const state = new LazyControlTopic(destination, { onWarning: () => {} });
  await state.putIfAbsent(
    `shift/us-to-eu/${shifted}/0`,
    JSON.stringify({ version: 1, k: '5', sourceTopicId: topicIds[0], destinationTopicId: topicIds[1] }),
    () => true,
  );
  await state.close();

  const options = '    start: shifted\n    compactionGaps: copies\n';
  const file = await topologyFile('options.yaml', [shifted, copies], options);
  const { exitCode, stdout } = await lockstepCommand('verify', file, '--json', '--wait', '0');
  expect(JSON.parse(stdout).partitions).toMatchObject([
    { topic: copies, outcome: 'identical', shift: 0, compared: { records: 10, filledCopies: 2 } },
    {
      topic: shifted,
      outcome: 'identical',
      shift: 5,
      compared: { records: 7 },
      destination: { start: 0, end: 7 },
    },
  ]);
  expect(exitCode).toBe(0);
  const without = await topologyFile('no-options.yaml', [shifted, copies], '');
  const plain = await lockstepCommand('verify', without, '--json', '--wait', '0');
  expect(JSON.parse(plain.stdout).partitions).toMatchObject([
    { topic: copies, outcome: 'different', differences: [{ kind: 'extra', offset: 3 }] },
    { topic: shifted, outcome: 'identical', shift: 5 },
  ]);
  expect(plain.exitCode).toBe(1);
});
