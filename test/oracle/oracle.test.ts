// The judge itself: a comparison that can't fail would pass every mirror. Pairs of topics of one broker stand for a
// source and its mirror; the second one of each pair is spoilt on purpose.
import { describe, expect, test } from 'vitest';
import type { JavaRecordToWrite } from '../support/java-workload.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';

// Records of 1970 are older than any retention, and brokers look for such ones half a minute after they began.
const regions = useRegions({ only: { brokerConfig: { 'log.retention.ms': '-1' } } });
const oracle = useOracle();

type Content = Omit<JavaRecordToWrite, 'topic'>;
// biome-ignore format: one record a line
const plain: readonly Content[] = [
  { key: 'a', value: '1', timestamp: 1_000, headers: [['trace', 'x']] },
  { key: 'b', value: null, timestamp: 2_000 },
  { key: '', value: '', timestamp: 3_000, headers: [['empty', ''], ['null', null]] },
];

async function pair() {
  const names = { topic: uniqueTopic('pair'), destinationTopic: uniqueTopic('pair') };
  await oracle.createTopics(regions.only, [{ name: names.topic }, { name: names.destinationTopic }]);
  return { source: regions.only, destination: regions.only, ...names };
}

function to(topic: string, records: readonly Content[]): JavaRecordToWrite[] {
  return records.map((record) => ({ ...record, topic }));
}

describe('plain records', () => {
  // biome-ignore format: a table
  const spoilt: readonly [name: string, records: readonly Content[], difference: string][] = [
    ['equal', plain, ''],
    ['a key', [{ ...plain[0]!, key: 'A' }, ...plain.slice(1)], 'another key at offset 0'],
    ['null turned into empty', [plain[0]!, { ...plain[1]!, value: '' }, plain[2]!], 'another value at offset 1'],
    ['a timestamp', [plain[0]!, { ...plain[1]!, timestamp: 2_001 }, plain[2]!], 'another timestamp at offset 1'],
    ['a header', [{ ...plain[0]!, headers: [['trace', 'y']] }, ...plain.slice(1)], 'another headers at offset 0'],
    ['header order', [...plain.slice(0, 2), { ...plain[2]!, headers: [['null', null], ['empty', '']] }], 'another headers at offset 2'],
    ['one record less', plain.slice(0, 2), 'the destination ends at 2; expected 3'],
    ['one record more', [...plain, plain[0]!], 'the destination ends at 4, beyond 3'],
    ['two records swapped', [plain[1]!, plain[0]!, plain[2]!], 'another timestamp at offset 0'],
  ];

  test.each(spoilt)('%s', async (_name, records, difference) => {
    const options = await pair();
    const workload = oracle.workload(regions.only);
    await workload.produce({ producer: 'plain', records: to(options.topic, plain) });
    await workload.produce({ producer: 'plain', records: to(options.destinationTopic, records) });
    const [row] = await oracle.compare({ ...options, waitMs: 200 });
    if (difference === '') expect(row).toMatchObject({ records: 3, sourceEnd: 3, destinationEnd: 3 });
    expect(row?.difference ?? '').toContain(difference);
    expect(row?.difference === undefined).toBe(difference === '');
  });

  test('a shifted mirror is equal by its shift, and only by that', async () => {
    const options = await pair();
    const workload = oracle.workload(regions.only);
    await workload.produce({ producer: 'plain', records: to(options.topic, [...plain, ...plain]) });
    await workload.produce({ producer: 'plain', records: to(options.destinationTopic, plain) });
    expect(await oracle.deleteRecords(regions.only, options.topic, { 0: 3 })).toEqual({ 0: 3 });
    expect(await oracle.expectSame({ ...options, shift: 3n })).toMatchObject({ records: 3, partitions: 1 });
    await expect(oracle.expectSame({ ...options, waitMs: 200 })).rejects.toThrow('expected 6');
    const [row] = await oracle.compare({ ...options, shift: 2n, isGrowing: true, waitMs: 200 });
    expect(row?.difference).toContain('the destination ends at 3; expected 4');
  });

  test('a mirror that starts later lacks records, unless both starts are left to retention', async () => {
    const options = await pair();
    const workload = oracle.workload(regions.only);
    for (const topic of [options.topic, options.destinationTopic])
      await workload.produce({ producer: 'plain', records: to(topic, plain) });
    await oracle.deleteRecords(regions.only, options.destinationTopic, { 0: 1 });
    await expect(oracle.expectSame(options)).rejects.toThrow('starts at 1; expected at most 0');
    expect(await oracle.expectSame({ ...options, startAtLater: true })).toMatchObject({ records: 2 });
  });

  test('a mirror that is still on its way is waited for', async () => {
    const options = await pair();
    const workload = oracle.workload(regions.only);
    await workload.produce({ producer: 'plain', records: to(options.topic, plain) });
    const comparing = oracle.expectSame(options);
    await workload.produce({ producer: 'plain', records: to(options.destinationTopic, plain) });
    expect(await comparing).toMatchObject({ records: 3 });
  });
});

describe('compacted topics', () => {
  const full: readonly Content[] = [
    { key: 'a', value: '1', timestamp: 1 },
    { key: 'b', value: '1', timestamp: 2 },
    { key: 'a', value: '2', timestamp: 3 },
    { key: 'b', value: null, timestamp: 4 },
    { key: 'c', value: '1', timestamp: 5 },
  ];
  /** A log that lacks the records at these offsets: an aborted transaction stands for what the cleaner removed. */
  async function write(topic: string, removed: readonly number[]): Promise<void> {
    const workload = oracle.workload(regions.only);
    for (const [offset, record] of full.entries()) {
      const end = removed.includes(offset) ? 'abort' : 'commit';
      await workload.transaction({ producer: `compacted-${topic}`, records: to(topic, [record]), end });
    }
  }

  test('what a cleaner may remove may be missing on either side; nothing else', async () => {
    const options = { ...(await pair()), isCompacted: true };
    await write(options.topic, [0]);
    await write(options.destinationTopic, [1, 3]);
    await expect(oracle.expectSame({ ...options, isCompacted: false })).rejects.toThrow('extra at offset 0');
    const [row] = await oracle.compare(options);
    expect(row).toMatchObject({ records: 2, oneSided: 3 });
    expect(row).not.toHaveProperty('difference');
    for (const removed of [2, 4]) {
      const damaged = uniqueTopic('damaged');
      await oracle.createTopics(regions.only, [{ name: damaged }]);
      await write(damaged, [removed]);
      const comparing = oracle.expectSame({ ...options, destinationTopic: damaged });
      await expect(comparing).rejects.toThrow(
        `newest record of its key is on one side only, at offset ${2 * removed}`,
      );
    }
  });
});

describe('transactions', () => {
  /** The same transactions on both topics: an aborted one, two interleaved, one over both partitions. */
  async function write(topic: string): Promise<void> {
    const workload = oracle.workload(regions.only);
    const a = `a-${topic}`;
    const b = `b-${topic}`;
    await workload.transaction({
      producer: a,
      records: to(topic, [{ value: '1', timestamp: 1 }]),
      end: 'open',
    });
    await workload.transaction({
      producer: b,
      records: to(topic, [{ value: '2', timestamp: 2 }]),
      end: 'abort',
    });
    await workload.transaction({
      producer: a,
      records: to(topic, [{ value: '3', timestamp: 3 }]),
      end: 'commit',
    });
    await workload.transaction({
      producer: b,
      records: to(topic, [{ value: '4', timestamp: 4 }]),
      end: 'commit',
    });
  }

  test('committed and aborted ones are compared as read_committed sees them', async () => {
    const options = await pair();
    await Promise.all([write(options.topic), write(options.destinationTopic)]);
    expect(await oracle.compare(options)).toMatchObject([{ records: 3, holes: 3, holeOffsets: 4 }]);
    const uncommitted = await oracle.read({
      region: regions.only,
      topic: options.topic,
      isolation: 'read_uncommitted',
    });
    expect(uncommitted.records.map(({ value }) => value?.toString())).toEqual(['1', '2', '3', '4']);
    const committed = await oracle.read({
      region: regions.only,
      topic: options.topic,
      isolation: 'read_committed',
    });
    expect(committed.records.map(({ offset, value }) => [offset, value?.toString()])).toEqual([
      [0, '1'],
      [3, '3'],
      [5, '4'],
    ]);
    expect(committed.end).toBe(7);
  });

  test('an aborted record that is visible at the destination is found', async () => {
    const options = await pair();
    const workload = oracle.workload(regions.only);
    const wrong = (topic: string, end: 'abort' | 'commit') =>
      workload.transaction({ producer: `wrong-${topic}`, records: to(topic, plain), end });
    await wrong(options.topic, 'abort');
    await wrong(options.destinationTopic, 'commit');
    await expect(oracle.expectSame(options)).rejects.toThrow('extra at offset 0');
    await expect(
      oracle.expectSame({ ...options, topic: options.destinationTopic, destinationTopic: options.topic }),
    ).rejects.toThrow('missing at offset 0');
  });

  test('an open transaction at the destination is a difference, at the source it is the cut', async () => {
    const options = await pair();
    const workload = oracle.workload(regions.only);
    for (const topic of [options.topic, options.destinationTopic])
      await workload.produce({ producer: 'plain', records: to(topic, plain) });
    await workload.transaction({ producer: 'open', records: to(options.topic, plain), end: 'open' });
    expect(await oracle.expectSame(options)).toMatchObject({ records: 3 });
    await workload.transaction({
      producer: 'open',
      records: to(options.destinationTopic, plain),
      end: 'open',
    });
    await expect(oracle.expectSame(options)).rejects.toThrow('has an open transaction');
    await workload.transaction({ producer: 'open', records: [], end: 'commit' });
    expect(await oracle.expectSame(options)).toMatchObject({ records: 6 });
  });

  test('a producer that is lost leaves its transaction open, and its successor aborts it', async () => {
    const { topic } = await pair();
    const workload = oracle.workload(regions.only);
    const read = () => oracle.read({ region: regions.only, topic, isolation: 'read_committed' });
    await workload.transaction({ producer: 'lost', records: to(topic, plain), end: 'open' });
    await workload.close('lost', { isCrash: true });
    expect(await read()).toMatchObject({ end: 0 });
    await workload.producer('lost');
    expect(await read()).toMatchObject({ end: 4, records: [] });
  });

  test('an application with exactly-once semantics aborts, is lost, and still does everything once', async () => {
    const { topic: from, destinationTopic: output } = await pair();
    const workload = oracle.workload(regions.only);
    const contents = Array.from({ length: 100 }, (_, index) => ({
      key: String(index % 7),
      value: `v${index}`,
    }));
    await workload.produce({ producer: 'input', records: to(from, contents) });
    const done = await workload.readProcessWrite({
      ...{ application: `app-${from}`, from, to: [output] },
      ...{ recordsPerTransaction: 10, abortEvery: 3, crashEvery: 5 },
    });
    expect(done).toMatchObject({ read: 100, committed: 10 });
    expect(Math.min(done.aborted, done.crashed)).toBeGreaterThan(0);
    const read = await oracle.read({ region: regions.only, topic: output, isolation: 'read_committed' });
    expect(read.records.map(({ value }) => value?.toString())).toEqual(
      contents.map(({ value }) => `${value}!`),
    );
  });

  test('what Kafka’s client throws comes back with its name', async () => {
    const { topic } = await pair();
    const workload = oracle.workload(regions.only);
    await workload.transaction({ producer: 'fenced', records: to(topic, plain), end: 'open' });
    await oracle.workload(regions.only).producer('successor', { transactionalId: 'fenced' });
    const late = workload.transaction({ producer: 'fenced', records: to(topic, plain), end: 'commit' });
    await expect(late).rejects.toThrow(/InvalidProducerEpoch|ProducerFenced/);
  });
});
