// A broker's validation (LogValidator) on what the mirror makes of batches that it can't append as they are.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster, type Connection, createTopics, logEndOffset, unwrap } from '../../src/client/index.ts';
import { apis } from '../../src/protocol/index.ts';
import {
  BatchView,
  compressions,
  encodeBatch,
  fillerBatch,
  mergeBatches,
  readRecords,
  splitBatches,
  splitRuns,
  withoutGaps,
} from '../../src/records/index.ts';
import { configOf } from '../client/support.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { described } from './arbitraries.ts';

const regions = useRegions({ one: {} });
let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.connect(configOf(regions.one));
});
afterAll(() => cluster?.close());

class Log {
  readonly topic = uniqueTopic('reshaped');
  #connection!: Connection;
  #topicId = '';

  async create(configs: Record<string, string>): Promise<this> {
    unwrap((await createTopics(cluster, [{ name: this.topic, configs }])).get(this.topic)!);
    await logEndOffset(cluster, { topic: this.topic, partition: 0 });
    const { leaderId, topicId } = await cluster.leaderOf(this.topic, 0);
    this.#topicId = topicId;
    this.#connection = await cluster.openConnection(leaderId);
    return this;
  }

  async append(records: Buffer): Promise<{ errorCode: number; baseOffset: bigint; logAppendTimeMs: bigint }> {
    const { responses } = await this.#connection.send(apis.Produce, {
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ topicId: this.#topicId, partitionData: [{ index: 0, records: fromZero(records) }] }],
    });
    return responses[0]!.partitionResponses[0]!;
  }

  async read(fetchOffset: bigint): Promise<BatchView[]> {
    const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 10_000_000 }];
    const answer = await this.#connection.send(apis.Fetch, {
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: 10_000_000,
      topics: [{ topicId: this.#topicId, partitions }],
    });
    const { errorCode, records } = answer.responses[0]!.partitions[0]!;
    expect(errorCode).toBe(0);
    return splitBatches(records ?? Buffer.alloc(0)).batches;
  }

  close(): void {
    this.#connection.close();
  }
}

/** As the writer appends them: a base offset other than 0 makes a broker rebuild a compressed batch. */
function fromZero(batch: Buffer): Buffer {
  const copy = Buffer.from(batch);
  copy.writeBigInt64BE(0n, 0);
  return copy;
}

const records = Array.from({ length: 60 }, (_, index) => ({
  offset: BigInt(1000 + index),
  timestamp: [1_800_000_000_000n, -1n, -77n, 4_102_444_800_000n, 0n][index % 5]!,
  key: index % 3 === 0 ? null : Buffer.alloc(index % 4, 'k'),
  value: index % 7 === 0 ? null : Buffer.alloc(index % 5, 'v'),
  headers: index % 2 === 0 ? [] : [{ key: Buffer.alloc(0), value: index % 4 === 1 ? null : Buffer.alloc(0) }],
}));
const isKept = ({ offset }: { offset: bigint }) => offset % 10n !== 3n && offset !== 1059n;

it.each(compressions)(
  '%s: runs, merged neighbours and copies land where they were meant to, unchanged',
  async (codec) => {
    const log = await new Log().create({ 'message.timestamp.after.max.ms': String(2n ** 63n - 1n) });
    const compacted = new BatchView(
      encodeBatch(records.filter(isKept), {
        compression: codec,
        lastOffset: 1059n,
        isTransactional: true,
        producerId: 9n,
      }),
      0,
    );
    const stamped = new BatchView(
      encodeBatch(records, {
        compression: codec,
        timestampType: 'LogAppendTime',
        maxTimestamp: 1_700_000_000_000n,
      }),
      0,
    );
    const halves = [records.slice(0, 30), records.slice(30)].map(
      (half) => new BatchView(encodeBatch(half, { compression: codec }), 0),
    );
    const made = [
      ...splitRuns(compacted, { from: 1005n }),
      ...splitRuns(stamped, { from: 1001n }),
      mergeBatches(halves),
      withoutGaps([compacted], { from: 950n, bytesMax: 900_000 })!,
      fillerBatch({ count: 1000, timestamp: -1n, compression: codec }),
    ];
    expect(made).toHaveLength(6 + 1 + 3);
    let end = 0n;
    for (const bytes of made) {
      const view = new BatchView(bytes, 0);
      expect(await log.append(bytes)).toMatchObject({ errorCode: 0, baseOffset: end, logAppendTimeMs: -1n });
      const [stored] = await log.read(end);
      const shift = end - view.baseOffset;
      expect(Array.from(readRecords(stored!), described)).toEqual(
        Array.from(readRecords(view), (record) => described({ ...record, offset: record.offset + shift })),
      );
      // The broker took the very bytes, and found the greatest timestamp to be the one that was there.
      expect([stored!.payload.equals(view.payload), stored!.maxTimestamp]).toEqual([true, view.maxTimestamp]);
      end += BigInt(view.recordCount);
    }
    log.close();
  },
);

it.each(['delete', 'compact', 'compact,delete'])(
  'fillers are taken where cleanup.policy is %s',
  async (policy) => {
    // The smallest limit at which a filler of full size is taken; keys are what compaction asks for.
    const log = await new Log().create({ 'cleanup.policy': policy, 'max.message.bytes': '100000' });
    expect(await log.append(fillerBatch({ count: 100_000, timestamp: -1n }))).toMatchObject({
      errorCode: 0,
      baseOffset: 0n,
    });
    expect(await log.append(fillerBatch({ count: 7, timestamp: -1n }))).toMatchObject({
      errorCode: 0,
      baseOffset: 100_000n,
    });
    const keyless = encodeBatch([{ offset: 0n, timestamp: -1n, key: null, value: null, headers: [] }]);
    const invalidRecord = 87;
    expect((await log.append(keyless)).errorCode).toBe(policy === 'delete' ? 0 : invalidRecord);
    log.close();
  },
);
