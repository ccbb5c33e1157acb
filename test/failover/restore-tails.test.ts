// What only the lost region has is kept: every kind of record, exactly once, whatever interrupts the saving.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cluster, createPartitions, listTopics } from '../../src/client/index.ts';
import { deleteSaved, writtenSince } from '../../src/failover/restore/delete-topics.ts';
import type { Found } from '../../src/failover/restore/facts.ts';
import { lostLogs } from '../../src/failover/restore/lost-logs.ts';
import { quarantineName } from '../../src/failover/restore/quarantine.ts';
import { saveTails, verifyTails } from '../../src/failover/restore/tails.ts';
import type { OpenRegion } from '../../src/failover/types.ts';
import { configOf } from '../client/support.ts';
import type { JavaRecord } from '../support/java-clients.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';

const regions = useRegions({ 'us-east': {} });
const oracle = useOracle();
const signal = new AbortController().signal;

let cluster: Cluster;
let lost: OpenRegion;
beforeAll(async () => {
  cluster = await Cluster.connect(configOf(regions['us-east']));
  lost = { name: 'us-east', config: configOf(regions['us-east']), cluster, state: null, send: neverAsked };
});
afterAll(() => cluster?.close());

const neverAsked = (): never => {
  throw new Error('nothing is asked of agents');
};

async function foundOf(topic: string, partings: readonly bigint[]): Promise<Found> {
  const { topicId } = (await listTopics(cluster)).get(topic)!;
  const tails = partings.map((partingOffset, partition) => ({ partition, partingOffset }));
  const savedTo = quarantineName(topic, Date.UTC(2026, 10, 21, 18, 40));
  return {
    copied: [{ topic, topicId, homeTopicId: null, savedTo, tails, beginsAt: null }],
    leftAlone: [],
    continuing: 0,
  };
}

async function savedRecords(topic: string, partition = 0): Promise<readonly JavaRecord[]> {
  const read = { region: regions['us-east'], topic, partition, isolation: 'read_uncommitted' } as const;
  return (await oracle.read(read)).records;
}

const headersOf = ({ headers }: JavaRecord): Record<string, string | null> =>
  Object.fromEntries(headers.map(([name, value]) => [name, value?.toString() ?? null]));

test('a tail is saved with everything that its records are, and what became of their transactions', async () => {
  const topic = uniqueTopic('orders');
  await oracle.createTopics(regions['us-east'], [{ name: topic, partitions: 2 }]);
  const workload = oracle.workload(regions['us-east']);
  const at = { topic, partition: 0 };
  await workload.produce({ producer: 'p', records: [{ ...at, value: 'mirrored' }] });
  await workload.produce({
    producer: 'p',
    records: [
      { ...at, key: null, value: null, timestamp: 1_700_000_000_000 },
      {
        ...at,
        key: 'k',
        value: 'v',
        headers: [
          ['a', 'b'],
          ['a', null],
          ['lockstep.source.offset', '99'],
        ],
      },
      { ...at, key: '', value: Buffer.alloc(900_000, 'big') },
    ],
  });
  for (const codec of ['gzip', 'snappy', 'lz4', 'zstd']) {
    await workload.producer(codec, { transactionalId: null, properties: { 'compression.type': codec } });
    const records = Array.from({ length: 20 }, (_, i) => ({ ...at, key: codec, value: `${codec} ${i}` }));
    await workload.produce({ producer: codec, records });
  }
  await workload.transaction({ producer: 'tx-a', records: [{ ...at, value: 'kept' }], end: 'commit' });
  await workload.transaction({ producer: 'tx-b', records: [{ ...at, value: 'dropped' }], end: 'abort' });
  await workload.transaction({ producer: 'tx-c', records: [{ ...at, value: 'open' }], end: 'open' });
  await workload.transaction({ producer: 'tx-a', records: [{ ...at, value: 'kept behind' }], end: 'commit' });
  await workload.transaction({
    producer: 'tx-b',
    records: [{ ...at, value: 'dropped behind' }],
    end: 'abort',
  });
  await workload.produce({ producer: 'p', records: [{ ...at, value: 'last' }] });

  const found = await foundOf(topic, [1n, 0n]);
  const { savedTo } = found.copied[0]!;
  await saveTails(lost, found, { signal });
  const verified = await verifyTails(lost, found, { signal });

  const original = await oracle.read({
    region: regions['us-east'],
    topic,
    partition: 0,
    isolation: 'read_uncommitted',
  });
  const wanted = original.records.filter(({ offset }) => offset >= 1);
  const saved = await savedRecords(savedTo!);
  expect(saved.map(({ timestamp, key, value }) => [timestamp, key, value])).toEqual(
    wanted.map(({ timestamp, key, value }) => [timestamp, key, value]),
  );
  expect(saved.map(({ offset }) => offset)).toEqual(saved.map((_, index) => index));
  for (const [index, record] of saved.entries()) {
    const own = record.headers.slice(0, wanted[index]!.headers.length);
    expect(own).toEqual(wanted[index]!.headers);
    expect(headersOf(record)).toMatchObject({
      'lockstep.source.topic': topic,
      'lockstep.source.partition': '0',
      'lockstep.source.offset': String(wanted[index]!.offset),
    });
  }
  const fates = saved
    .slice(-6)
    .map((record) => [record.value?.toString(), headersOf(record)['lockstep.transaction']]);
  expect(fates).toEqual([
    ['kept', 'committed'],
    ['dropped', 'aborted'],
    ['open', 'undecided'],
    ['kept behind', 'committed'],
    ['dropped behind', 'aborted'],
    ['last', undefined],
  ]);
  const { logEnd } = (await lostLogs(cluster, [at])).get(`${topic}/0`)!;
  expect(verified).toContainEqual({ topic, partition: 0, logEnd, records: BigInt(wanted.length) });
  expect(verified).toContainEqual({ topic, partition: 1, logEnd: 0n, records: 0n });

  // Decided since: what was saved as undecided is right all the same.
  await workload.transaction({ producer: 'tx-c', records: [], end: 'abort' });
  const again = await verifyTails(lost, found, { signal });
  expect(again.find(({ partition }) => partition === 0)!.records).toBe(BigInt(wanted.length));
  await workload.close('p');
});

/** A tail that takes several appends: records of 100 kB behind one that is mirrored. */
async function longTail(name: string): Promise<{ topic: string; found: Found; savedTo: string }> {
  const topic = uniqueTopic(name);
  await oracle.createTopics(regions['us-east'], [{ name: topic, partitions: 1 }]);
  const records = Array.from({ length: 41 }, (_, i) => ({
    ...{ topic, partition: 0, key: String(i), value: Buffer.alloc(100_000, `${i} `) },
  }));
  await oracle.workload(regions['us-east']).produce({ producer: 'long', records });
  const found = await foundOf(topic, [1n]);
  return { topic, found, savedTo: found.copied[0]!.savedTo! };
}

test('saving that is interrupted at each append, and done by two at once, saves every record once', async () => {
  const { found, savedTo } = await longTail('interrupted');
  for (let appends = 1; appends <= 6; appends++) {
    const interrupted = new AbortController();
    let left = appends === 6 ? Number.POSITIVE_INFINITY : 1;
    const onSaved = (): void => {
      left -= 1;
      if (left === 0) interrupted.abort(new Error('killed'));
    };
    const saving = saveTails(lost, found, { signal: interrupted.signal, onSaved });
    if (appends < 6) await expect(saving).rejects.toThrow('killed');
    // One that was thought dead goes on beside its successor.
    else await Promise.all([saving, saveTails(lost, found, { signal }), saveTails(lost, found, { signal })]);
  }
  const offsets = (await savedRecords(savedTo)).map((record) => headersOf(record)['lockstep.source.offset']);
  expect(offsets).toEqual(Array.from({ length: 40 }, (_, i) => String(i + 1)));
  const verified = await verifyTails(lost, found, { signal });
  expect(verified.map(({ records }) => records)).toEqual([40n]);
});

test('a quarantine that somebody else wrote to is not taken for a saved tail', async () => {
  const { found, savedTo } = await longTail('foreign');
  await saveTails(lost, found, { signal });
  await oracle
    .workload(regions['us-east'])
    .produce({ producer: 'stranger', records: [{ topic: savedTo, partition: 0, value: 'not ours' }] });
  await expect(verifyTails(lost, found, { signal })).rejects.toThrow('something else than a saved tail');
});

test('nothing is deleted that was not saved; what is written meanwhile is named', async () => {
  const { topic, found, savedTo } = await longTail('growing');
  const verified = await verifyTails(lost, found, { signal });
  expect(await writtenSince(lost, found.copied, verified, signal)).toBeNull();
  const workload = oracle.workload(regions['us-east']);
  await workload.transaction({
    producer: 'empty-handed',
    records: [{ topic, partition: 0, value: 'late' }],
    end: 'open',
  });
  expect(await writtenSince(lost, found.copied, verified, signal)).toBe(`${topic}-0, offset 41`);
  const again = await verifyTails(lost, found, { signal });
  await workload.transaction({ producer: 'empty-handed', records: [], end: 'abort' });
  // A marker is no record.
  expect(await writtenSince(lost, found.copied, again, signal)).toBeNull();
  const said: string[] = [];
  const before = async () => {};
  const options = { signal, before, say: (line: string) => void said.push(line) };
  const refusing = { ...options, before: () => Promise.reject(new Error('turned')) };
  await expect(deleteSaved(lost, found, again, refusing)).rejects.toThrow('turned');
  expect((await listTopics(cluster)).has(topic)).toBe(true);
  // A partition that came since it was looked at holds records that nobody has saved.
  await createPartitions(cluster, [{ topic, partitionCount: 2 }]);
  await workload.produce({ producer: 'grown', records: [{ topic, partition: 1, value: 'only here' }] });
  expect(await deleteSaved(lost, found, again, options)).toEqual([topic]);
  expect(said).toEqual([`${topic}-1, offset 0 was written since; it is saved, too`]);
  expect(await deleteSaved(lost, found, again, options)).toEqual([]);
  const topics = await listTopics(cluster);
  expect([topics.has(topic), topics.has(savedTo)]).toEqual([false, true]);
  expect((await savedRecords(savedTo)).at(-1)!.value!.toString()).toBe('late');

  // Another one under the name is not what was looked at.
  await oracle.createTopics(regions['us-east'], [{ name: topic, partitions: 1 }]);
  expect(await deleteSaved(lost, found, again, options)).toEqual([]);
  expect((await listTopics(cluster)).has(topic)).toBe(true);
  await expect(saveTails(lost, found, { signal })).rejects.toThrow('not the one any more');
});
