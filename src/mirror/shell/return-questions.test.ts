// What a source's and a destination's broker answer about records that may have come back, and what is made of it.
import { beforeEach, describe, expect, it } from 'vitest';
import { LockstepError } from '../../errors.ts';
import { BatchView, encodeBatch } from '../../records/index.ts';
import { closingEpoch, fillerIdentityAt, linkProducerId } from '../partition/identity.ts';
import { untagged } from '../partition/returning.ts';
import type { LedLog } from './broker-questions.ts';
import { endsOfName, ReturnQuestions } from './return-questions.ts';

const writer = linkProducerId({ sourceClusterId: 'us', linkName: 'us-to-eu' });
const ownId = linkProducerId({ sourceClusterId: 'ap', linkName: 'ap-to-us' });
const log: LedLog = { topic: 'e.u.orders', topicId: 'id', partition: 0, leader: 1, leaderEpoch: 3 };

/** Of the source, as DescribeProducers tells. */
let producers: { producerId: bigint; producerEpoch: number }[];
/** By topic of the destination: its first offset, and its batch at offset 7. */
let there: Map<string, { start: bigint; batch: Buffer | null }>;
let original: Buffer | null;
let asked: string[];

const batchOf = (value: string, producerId = 7n, at = 7n): Buffer => {
  const record = { offset: at, timestamp: 5n, key: null, value: Buffer.from(value), headers: [] };
  return encodeBatch([record], { producerId, producerEpoch: 0, baseSequence: 0 });
};

function answer(cluster: 'source' | 'destination') {
  return async (api: { name: string }, input: never): Promise<never> => {
    asked.push(`${cluster}: ${api.name}`);
    if (api.name === 'DescribeProducers') {
      const activeProducers = producers.map((entry) => ({ ...entry, lastSequence: 0, coordinatorEpoch: -1 }));
      const partitions = [{ partitionIndex: 0, errorCode: 0, activeProducers }];
      return { topics: [{ name: log.topic, partitions }] } as never;
    }
    const [{ topic: name, name: listed = name }] = (input as { topics: [{ topic: string; name?: string }] })
      .topics;
    if (api.name === 'ListOffsets') {
      const [{ timestamp }] = (input as { topics: [{ partitions: [{ timestamp: bigint }] }] }).topics[0]
        .partitions;
      const { start, batch } = there.get(listed!)!;
      const offset = timestamp < 0n ? start : batch === null ? -1n : new BatchView(batch, 0).baseOffset;
      const partitions = [{ partitionIndex: 0, errorCode: 0, offset }];
      return { topics: [{ name: listed, partitions }] } as never;
    }
    const records = cluster === 'source' ? original : there.get(name)!.batch;
    const partitions = [{ partitionIndex: 0, errorCode: 0, records, abortedTransactions: null }];
    return { errorCode: 0, responses: [{ topic: name, topicId: '', partitions }] } as never;
  };
}

const verdict = (isDirect: boolean, producerId = writer) =>
  new ReturnQuestions({
    source: () => answer('source') as never,
    destination: () => answer('destination') as never,
    ...{ sourceName: 'ap', destinationName: 'us' },
    destinationLog: (topic) => (there.has(topic) ? { ...log, topic } : null),
    earlierLaps: (topic) => (topic === log.topic ? ['u.orders'] : []),
    nameWriter: (id) => (id === writer ? 'link us-to-eu' : null),
  }).ask({ question: { producerId, offset: 5n, isDirect }, log, shift: 2n, sourceEnd: 50n, ownId });

beforeEach(() => {
  producers = [];
  there = new Map();
  original = batchOf('one', writer);
  asked = [];
});

describe('a batch that names the destination', () => {
  it.each<[string, { producerId: bigint; producerEpoch: number }[], unknown]>([
    [
      'is copied when its writer is closed',
      [{ producerId: writer, producerEpoch: closingEpoch }],
      { kind: 'passes', until: null },
    ],
    [
      'is copied when a later rotation is closed',
      [
        { producerId: writer, producerEpoch: 32_764 },
        { producerId: writer + 1n, producerEpoch: closingEpoch },
      ],
      { kind: 'passes', until: null },
    ],
    [
      'is copied, up to here, when its writer is forgotten',
      [{ producerId: 7n, producerEpoch: 0 }],
      { kind: 'passes', until: 48n },
    ],
    [
      'comes back when its writer lives, at whichever rotation',
      [{ producerId: writer + 3n, producerEpoch: 2 }],
      {
        kind: 'returns',
        reason: expect.stringContaining(
          'from offset 7 of ap.e.u.orders-0 on were mirrored there from us by link us-to-eu, which is not closed: us -> ap.e.u.orders -> us',
        ),
      },
    ],
    [
      'comes back when nothing but the beginning of its mirror was filled',
      [{ producerId: fillerIdentityAt(writer, 0n).producerId, producerEpoch: 0 }],
      { kind: 'returns', reason: expect.any(String) },
    ],
  ])('%s', async (_name, told, expected) => {
    producers = told;
    expect(await verdict(true)).toEqual(expected);
  });

  it('is not copied when nobody answers', async () => {
    const questions = new ReturnQuestions({
      source: () => async () => {
        throw new LockstepError('REQUEST_TIMED_OUT', 'silence');
      },
      destination: () => answer('destination') as never,
      ...{ sourceName: 'ap', destinationName: 'us', destinationLog: () => null, earlierLaps: () => [] },
    });
    const question = { producerId: writer, offset: 5n, isDirect: true };
    await expect(questions.ask({ question, log, shift: 0n, sourceEnd: 9n, ownId })).rejects.toThrow(
      'silence',
    );
  });
});

describe('a batch that was mirrored before', () => {
  const passes = { kind: 'passes', until: null };
  const holds = (topic: string, batch: Buffer | null, start = 0n) => there.set(topic, { start, batch });

  it('comes back when a client of the destination wrote it, at the same offset of a topic that its name ends with', async () => {
    holds('orders', batchOf('one'));
    expect(await verdict(false)).toEqual({
      kind: 'returns',
      reason: expect.stringContaining(
        'stands at the same offset of us.orders-0: us.orders -> ... -> ap.e.u.orders -> us',
      ),
    });
  });

  it('comes back when this link has brought it a lap ago, and not when another one has', async () => {
    holds('u.orders', batchOf('one', ownId + 2n));
    expect(await verdict(false)).toMatchObject({ kind: 'returns' });
    holds('u.orders', batchOf('one', writer));
    expect(await verdict(false)).toEqual(passes);
  });

  it('is copied when this link has brought the same record over another way: its prefix is not inside the name', async () => {
    holds('orders', batchOf('one', ownId));
    expect(await verdict(false)).toEqual(passes);
  });

  it('comes back in a batch that was put together with its neighbours on the way', async () => {
    const record = (offset: bigint, value: string) => ({
      offset,
      timestamp: 5n,
      key: null,
      value: Buffer.from(value),
      headers: [],
    });
    original = encodeBatch([record(7n, 'one'), record(8n, 'two')], {
      producerId: writer,
      producerEpoch: 0,
      baseSequence: 0,
    });
    holds('orders', batchOf('one'));
    expect(await verdict(false)).toMatchObject({ kind: 'returns' });
  });

  it.each<[string, () => void]>([
    ['the record there is another one', () => holds('orders', batchOf('two'))],
    ['the log there ends before it', () => holds('orders', null)],
    ['no topic there has the end of its name', () => holds('rders', batchOf('one'))],
  ])('is copied when %s', async (_name, arrange) => {
    arrange();
    expect(await verdict(false)).toEqual(passes);
  });

  it('is copied up to here when retention has taken what could be compared', async () => {
    holds('orders', null, 20n);
    expect(await verdict(false)).toEqual({ kind: 'passes', until: 48n });
    holds('orders', batchOf('one'));
    original = null;
    expect(await verdict(false)).toEqual({ kind: 'passes', until: 48n });
  });

  it('is compared with nothing where there is nothing to compare', async () => {
    expect(await verdict(false)).toEqual(passes);
    expect(asked).toEqual([]);
  });
});

describe('a batch of another tool, in a topic that is called as if it came from the mirror u.orders', () => {
  const holds = (batch: Buffer | null) => there.set('u.orders', { start: 0n, batch });
  const later = { kind: 'passes', until: 48n };

  it('comes back when that mirror holds its record, at whatever offset', async () => {
    original = batchOf('one', 3n);
    holds(batchOf('one', ownId, 30n));
    expect(await verdict(false, untagged)).toEqual({
      kind: 'returns',
      reason: expect.stringContaining(
        'offset 7 of ap.e.u.orders-0 stands at offset 30 of us.u.orders-0 already, and something else than Lockstep copied it',
      ),
    });
  });

  it.each<[string, () => void]>([
    ['the record of that moment is another one', () => holds(batchOf('two', ownId, 30n))],
    ['nothing there is as new', () => holds(null)],
    ['there is no such mirror', () => {}],
    [
      'it says nothing',
      () => {
        original = batchOf('', 3n);
        holds(batchOf('', ownId));
      },
    ],
  ])('is copied up to here when %s', async (_name, arrange) => {
    original = batchOf('one', 3n);
    arrange();
    expect(await verdict(false, untagged)).toEqual(later);
  });

  it('is looked for among the records of one moment', async () => {
    const at = (offset: bigint, value: string, timestamp = 5n) => ({
      ...{ offset, timestamp, key: null, value: Buffer.from(value), headers: [] },
    });
    const identity = { producerId: ownId, producerEpoch: 0, baseSequence: 0 };
    original = batchOf('one', 3n);
    holds(encodeBatch([at(30n, 'two'), at(31n, 'one', 6n), at(32n, 'one')], identity));
    expect(await verdict(false, untagged)).toMatchObject({
      reason: expect.stringContaining('offset 32 of us'),
    });
  });
});

it('a name ends with itself and with what stands behind each separator', () => {
  expect(endsOfName('e.u.orders-v2')).toEqual(['e.u.orders-v2', 'u.orders-v2', 'orders-v2', 'v2']);
  expect(endsOfName('orders')).toEqual(['orders']);
  expect(endsOfName('a.')).toEqual(['a.']);
  expect(endsOfName('a.b.c.d.e.f.g.h.i.j.k')).toHaveLength(8);
});
