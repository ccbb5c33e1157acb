import { describe, expect, it } from 'vitest';
import { ArrayLog, inBatches } from '../../test/verify/array-log.ts';
import { corruptions, plainRecords } from '../../test/verify/corruptions.ts';
import { LockstepError } from '../errors.ts';
import type { LinkProgress } from './link-progress.ts';
import type { LogSource, TopicSize } from './log-source.ts';
import {
  describeDifference,
  describeNotCompared,
  reportAsJson,
  reportRows,
  reportSummary,
  type VerifyReport,
  verifyReport,
} from './report.ts';
import { differenceKinds } from './verdict.ts';
import { type VerifyTopicsOptions, verifyTopics } from './verify-link.ts';

const records = plainRecords(12, 5n);
const good = () => new ArrayLog(inBatches(records, [5]));
const bad = () => new ArrayLog(inBatches(corruptions[1]!.apply(records, 2), [4]));

function cluster(topics: Record<string, ArrayLog[] | LockstepError>): LogSource {
  return {
    topicSizes: async (names) =>
      new Map(
        names.map((name): [string, TopicSize] => {
          const topic = topics[name];
          return [name, topic === undefined ? null : topic instanceof LockstepError ? topic : topic.length];
        }),
      ),
    partitionLog: (topic, partition) => (topics[topic] as ArrayLog[])[partition]!,
    close: () => {},
  };
}

const verify = (source: LogSource, destination: LogSource, options: Partial<VerifyTopicsOptions> = {}) =>
  verifyTopics(source, destination, {
    topics: [
      { source: 'orders', destination: 'orders' },
      { source: 'payments', destination: 'east.payments' },
    ],
    waitMsMax: 0,
    ...options,
  });

describe('topics of a link', () => {
  it('are identical when every partition is, in the order asked for', async () => {
    const progress: LinkProgress[] = [];
    const link = await verify(
      cluster({ orders: [good(), good(), good()], payments: [good()] }),
      cluster({ orders: [good(), good(), good()], 'east.payments': [good()] }),
      { partitionsInFlightMax: 2, onProgress: (now) => progress.push(now) },
    );
    expect(link.outcome).toBe('identical');
    expect(
      link.partitions.map(({ topic, destinationTopic, partition }) => [topic, destinationTopic, partition]),
    ).toEqual([
      ['orders', 'orders', 0],
      ['orders', 'orders', 1],
      ['orders', 'orders', 2],
      ['payments', 'east.payments', 0],
    ]);
    expect(progress.at(-1)).toMatchObject({
      partitionsDone: 4,
      partitionsTotal: 4,
      offsetsCompared: 48n,
      offsetsTotal: 48n,
    });
    const report = verifyReport([link]);
    expect(report.totals).toMatchObject({
      partitions: 4,
      identical: 4,
      records: 48n,
      offsetsNotCompared: 0n,
    });
    expect(reportSummary(report)).toBe(
      'Identical: 48 records in 4 partitions have the same offset, timestamp, key, value and headers on both sides.',
    );
  });

  it('are all waited for at the same time, however few are compared at a time', async () => {
    const lagging = () => {
      const log = good();
      log.highWatermark = log.lastStableOffset = 10n;
      return log;
    };
    const many = Array.from({ length: 20 }, () => lagging());
    const arrived = good();
    const seen: string[] = [];
    const waiting: LinkProgress['waiting'][] = [];
    const startedMs = performance.now();
    const link = await verify(
      cluster({ orders: Array.from({ length: 21 }, good) }),
      cluster({ orders: [...many, arrived] }),
      {
        topics: [{ source: 'orders', destination: 'orders' }],
        partitionsInFlightMax: 1,
        waitMsMax: 400,
        pollMs: 10,
        onVerdict: ({ partition }) => seen.push(String(partition)),
        onProgress: (progress) => waiting.push(progress.waiting),
      },
    );
    // One after the other they would take 8 s.
    expect(performance.now() - startedMs).toBeLessThan(4000);
    expect(seen[0]).toBe('20');
    expect(link.partitions.filter(({ outcome }) => outcome === 'different')).toHaveLength(20);
    expect(waiting.find(({ partitions }) => partitions === 20)).toMatchObject({
      first: { topic: 'orders', partition: 0, side: 'destination', at: 10n, end: 17n },
    });
    expect(waiting.at(-1)).toEqual({ partitions: 0, first: null });
  });

  it('name a missing topic, a missing partition and a partition too many', async () => {
    const link = await verify(
      cluster({ orders: [good(), good()], payments: [good()] }),
      cluster({ orders: [good()] }),
    );
    expect(link.outcome).toBe('different');
    expect(
      link.partitions.map(({ topic, partition, differences }) => [topic, partition, differences[0]?.kind]),
    ).toEqual([
      ['orders', 0, undefined],
      ['orders', 1, 'partitionMissing'],
      ['payments', null, 'topicMissing'],
    ]);
    const more = await verify(cluster({ orders: [good()] }), cluster({ orders: [good(), good()] }), {
      topics: [{ source: 'orders', destination: 'orders' }],
    });
    expect(more.partitions[1]!.differences).toEqual([
      { kind: 'partitionMissing', offset: null, missingOn: 'source' },
    ]);
    expect(more.outcome).toBe('different');
  });

  it('that may not be described are counted as not compared', async () => {
    const denied = new LockstepError('NOT_AUTHORIZED', 'no right');
    const link = await verify(
      cluster({ orders: denied, payments: [good()] }),
      cluster({ 'east.payments': [good()] }),
    );
    expect(link.outcome).toBe('incomplete');
    expect(link.partitions[0]).toMatchObject({
      partition: null,
      outcome: 'incomplete',
      notCompared: [{ reason: 'failed', side: 'source', errorCode: 'NOT_AUTHORIZED' }],
    });
    expect(reportSummary(verifyReport([link]))).toBe(
      'Not everything could be compared: 1 of 2 partitions; no difference in the rest.',
    );
  });

  it('are different as a whole when one partition is, and the others are still compared', async () => {
    const verdicts: string[] = [];
    const link = await verify(
      cluster({ orders: [good(), good()], payments: [good()] }),
      cluster({ orders: [bad(), good()], 'east.payments': [good()] }),
      { onVerdict: ({ topic, partition, outcome }) => verdicts.push(`${topic}-${partition} ${outcome}`) },
    );
    expect(link.outcome).toBe('different');
    expect(verdicts.toSorted()).toEqual(['orders-0 different', 'orders-1 identical', 'payments-0 identical']);
  });
});

describe('the report', () => {
  const link = () =>
    verify(
      cluster({ orders: [good(), good()], payments: [good()] }),
      cluster({ orders: [bad(), good()], 'east.payments': [] }),
    );

  it('says the same as a table and as JSON, and never what is in a record', async () => {
    const report = verifyReport([await link()]);
    const rows = reportRows(report);
    expect(rows).toEqual([
      ['TOPIC', 'PARTITION', 'VERDICT', 'OFFSETS', 'RECORDS', 'WHY'],
      ['orders', '0', '✗ different', '5..17', '2', 'offset 7: the value differs'],
      ['orders', '1', '✓ identical', '5..17', '12', ''],
      ['payments > east.payments', '0', '✗ different', '-', '0', 'the destination has no such partition'],
    ]);
    const json = reportAsJson(report);
    expect(JSON.parse(json)).toMatchObject({
      outcome: 'different',
      totals: { partitions: 3, identical: 1, different: 2, records: 14 },
      partitions: [{ differences: [{ kind: 'value', offset: 7 }] }, { differences: [] }, {}],
    });
    for (const text of [json, rows.join()]) expect(text).not.toMatch(/value \d|key \d|id \d/);
    expect(reportSummary(report)).toBe('Different: 2 of 3 partitions differ.');
  });

  it('writes offsets above 2^53 exactly', async () => {
    const far = 2n ** 53n + 1n;
    const at = () => new ArrayLog(inBatches(plainRecords(2, far), [2]));
    const single = await verify(cluster({ orders: [at()] }), cluster({ orders: [at()] }), {
      topics: [{ source: 'orders', destination: 'orders' }],
    });
    expect(single.outcome).toBe('identical');
    expect(reportAsJson(verifyReport([single]))).toContain(`"start":${far}`);
  });

  it('shows what a link that starts shifted is shifted by, and offsets as each side has them', async () => {
    const moved = (by: bigint) =>
      plainRecords(12, 5n).map((record) => ({ ...record, offset: record.offset - by }));
    const at = (changed: number) => new ArrayLog(inBatches(corruptions[1]!.apply(moved(5n), changed), [4]));
    const options = { topics: [{ source: 'orders', destination: 'orders' }], shiftOf: () => 5n };
    const same = await verify(
      cluster({ orders: [good()] }),
      cluster({ orders: [new ArrayLog(inBatches(moved(5n), [4]))] }),
      options,
    );
    expect(same.partitions[0]).toMatchObject({
      outcome: 'identical',
      shift: 5n,
      source: { start: 5n, end: 17n },
      destination: { start: 0n, end: 12n },
      compared: { start: 5n, end: 17n, records: 12n },
    });
    expect(reportRows(verifyReport([same]))[1]![2]).toBe('✓ identical SHIFTED(5)');
    const wrong = await verify(cluster({ orders: [good()] }), cluster({ orders: [at(3)] }), options);
    expect(wrong.partitions[0]!.differences).toEqual([{ kind: 'value', offset: 8n }]);
    const unshifted = await verify(cluster({ orders: [good()] }), cluster({ orders: [at(3)] }), {
      topics: options.topics,
    });
    expect(unshifted.outcome).toBe('different');
  });

  it('says of offsets that the source no longer has only that they could not be compared', async () => {
    const source = good();
    source.logStartOffset = 7n;
    const verdict = await verify(cluster({ orders: [source] }), cluster({ orders: [good()] }), {
      topics: [{ source: 'orders', destination: 'orders' }],
    });
    const report = verifyReport([verdict]);
    expect(report.totals).toMatchObject({ offsetsNotCompared: 2n, offsetsDeleted: 2n });
    expect(reportSummary(report)).toBe(
      'Identical: 10 records in 1 partition have the same offset, timestamp, key, value and headers on both sides. 2 offsets could not be compared, because one side no longer has them.',
    );
    const text = 'the source no longer has offsets 5..6, so they could not be compared';
    expect(reportRows(report)[1]!.slice(2)).toEqual(['✓ identical', '7..17', '10', text]);
    expect(JSON.parse(reportAsJson(report)).partitions[0].notCompared).toEqual([
      { reason: 'retention', side: 'source', start: 5, end: 7, text },
    ]);
  });

  it('says so of one offset, and of some between two', () => {
    const gone = { reason: 'retention', side: 'source', start: 5n } as const;
    expect(describeNotCompared({ ...gone, end: 6n })).toBe(
      'the source no longer has offset 5, so it could not be compared',
    );
    expect(describeNotCompared({ ...gone, end: 25n, records: 8n })).toBe(
      'the source no longer has 8 of the offsets 5..24, so they could not be compared',
    );
  });

  it('counts one thing as one, and more as more', async () => {
    const verdict = await verify(cluster({ orders: [good()] }), cluster({ orders: [good()] }), {
      topics: [{ source: 'orders', destination: 'orders' }],
    });
    const { totals, ...rest } = verifyReport([verdict]);
    const said = (changed: Partial<VerifyReport['totals']>, outcome: VerifyReport['outcome'] = 'identical') =>
      reportSummary({ ...rest, outcome, totals: { ...totals, ...changed } });
    const equal = 'the same offset, timestamp, key, value and headers on both sides.';
    expect(
      said({
        records: 1n,
        filledCopies: 1n,
        compactedRecords: 1n,
        offsetsDeleted: 1n,
        offsetsNotCompared: 1n,
      }),
    ).toBe(
      `Identical: 1 record in 1 partition has ${equal} 1 offset could not be compared, because one side no longer has it. ` +
        '1 record of the mirror is a copy that fills a gap. ' +
        '1 record is on one side only, because the cleaner of the other removed it.',
    );
    expect(said({ filledCopies: 2n, compactedRecords: 3n })).toBe(
      `Identical: 12 records in 1 partition have ${equal} 2 records of the mirror are copies that fill gaps. ` +
        '3 records are on one side only, because the cleaner of the other removed them.',
    );
    expect(said({ different: 1, offsetsNotCompared: 1n }, 'different')).toBe(
      'Different: 1 of 1 partition differs; 1 offset was not compared.',
    );
  });

  it('has words for every kind of difference', () => {
    const words = differenceKinds.map((kind) =>
      describeDifference({ kind, offset: 7n, sourceOffset: 7n, destinationOffset: 8n, missingOn: 'source' }),
    );
    expect(new Set(words).size).toBe(differenceKinds.length);
    for (const text of words) expect(text).not.toContain('undefined');
  });
});
