// What a writer does with appends whose turn comes late, with a clock that is driven by hand.
import { describe, expect, it, vi } from 'vitest';
import type { Connection } from '../../client/index.ts';
import { BatchView, encodeBatch } from '../../records/index.ts';
import { type AppendOutcome, DestinationWriter } from './destination-writer.ts';
import { FrameLease, LeasedBatch } from './leased-batch.ts';

function job(
  onOutcome: (outcome: AppendOutcome) => void,
  giveBack: () => void,
  value = Buffer.from('value'),
) {
  const records = [{ offset: 0n, timestamp: 1n, key: null, value, headers: [] }];
  const lease = new FrameLease(giveBack);
  const batch = new LeasedBatch(new BatchView(encodeBatch(records), 0), lease);
  lease.release();
  const identity = { producerId: 1n << 62n, epoch: 0, sequence: 0 };
  return { topic: 'orders', topicId: 'id', partition: 0, batch, identity, onOutcome };
}

it('does not send what has waited while the process was frozen, and gives its memory back', async () => {
  let nowMs = 0;
  let sent = 0;
  const connection = {
    isOpen: true,
    close: () => {},
    abort: () => {},
    send: async () => {
      sent += 1;
      return { responses: [] };
    },
  } as unknown as Connection;
  const connected = Promise.withResolvers<Connection>();
  const writer = new DestinationWriter({
    open: () => connected.promise,
    connectionCount: 1,
    requestBytesMax: 1_000,
    ackTimeoutMs: 1_000,
    monotonicMs: () => nowMs,
  });
  const outcomes: AppendOutcome[] = [];
  const givenBack = vi.fn();
  const append = job((outcome) => outcomes.push(outcome), givenBack);
  // The second waits in the queue behind the first, for a day as well.
  const queued = job((outcome) => outcomes.push(outcome), givenBack);
  writer.append(append);
  await Promise.resolve();
  writer.append(queued);
  // Frozen for a day while it connects.
  nowMs = 86_400_000;
  connected.resolve(connection);
  await vi.waitFor(() => expect(outcomes).toHaveLength(2), { interval: 1 });
  expect(outcomes.map((outcome) => outcome.kind)).toEqual(['unknown', 'unknown']);
  expect(outcomes.map((outcome) => 'reason' in outcome && outcome.reason)).toEqual([
    'not sent: connecting took too long',
    'not sent: it has waited 86400 s',
  ]);
  expect(sent).toBe(0);
  for (const { batch } of [append, queued]) batch.release();
  expect(givenBack).toHaveBeenCalledTimes(2);
});

it('sends live appends first that wait behind backlogs, in their order', async () => {
  const sent: number[] = [];
  const answers: (() => void)[] = [];
  const connection = {
    isOpen: true,
    close: () => {},
    abort: () => {},
    send: async (_api: unknown, request: { topicData: { partitionData: { index: number }[] }[] }) => {
      const partitions = request.topicData.flatMap(({ partitionData }) => partitionData);
      sent.push(...partitions.map(({ index }) => index));
      await new Promise<void>((resolve) => answers.push(resolve));
      const partitionResponses = partitions.map(({ index }) => ({ index, errorCode: 0, recordErrors: [] }));
      return { responses: [{ name: '', topicId: 'id', partitionResponses }] };
    },
  } as unknown as Connection;
  const writer = new DestinationWriter({
    ...{ open: async () => connection, connectionCount: 1, requestBytesMax: 1, ackTimeoutMs: 1_000 },
    monotonicMs: () => 0,
  });
  const append = (partition: number, isLive: boolean) =>
    writer.append({
      ...job(
        () => {},
        () => {},
      ),
      partition,
      isLive,
    });
  append(0, false);
  await vi.waitFor(() => expect(sent).toEqual([0]), { interval: 1 });
  for (const [partition, isLive] of [
    [1, false],
    [2, true],
    [3, false],
    [4, true],
  ] as const)
    append(partition, isLive);
  for (const count of [1, 2, 3, 4, 5]) {
    await vi.waitFor(() => expect(sent).toHaveLength(count), { interval: 1 });
    answers.shift()!();
    // One that comes later still goes before the backlog that is left.
    if (count === 4) append(5, true);
  }
  await vi.waitFor(() => expect(sent).toHaveLength(6), { interval: 1 });
  expect(sent).toEqual([0, 2, 4, 1, 5, 3]);
});

describe('a backlog', () => {
  function setUp({ markedCount = 0 } = {}) {
    let nowMs = 0;
    const markers = { markedCount };
    const requests: number[][] = [];
    const answers: (() => void)[] = [];
    const connection = {
      isOpen: true,
      close: () => {},
      abort: () => {},
      send: async (_api: unknown, request: { topicData: { partitionData: { index: number }[] }[] }) => {
        const partitions = request.topicData.flatMap(({ partitionData }) => partitionData);
        requests.push(partitions.map(({ index }) => index));
        await new Promise<void>((resolve) => answers.push(resolve));
        const partitionResponses = partitions.map(({ index }) => ({ index, errorCode: 0, recordErrors: [] }));
        return { responses: [{ name: '', topicId: 'id', partitionResponses }] };
      },
    } as unknown as Connection;
    const writer = new DestinationWriter({
      ...{
        open: async () => connection,
        connectionCount: 2,
        requestBytesMax: 4_000_000,
        ackTimeoutMs: 1_000,
      },
      monotonicMs: () => nowMs,
      markedCount: () => markers.markedCount,
    });
    const append = (partition: number, sizeBytes: number, isLive = false) =>
      writer.append({
        ...job(
          () => {},
          () => {},
          Buffer.alloc(sizeBytes),
        ),
        ...{ partition, isLive },
      });
    const settled = () => new Promise(setImmediate);
    return { requests, answers, writer, markers, append, settled, advance: (ms: number) => (nowMs += ms) };
  }

  it('goes in one request rather than in two small ones, and in two where both are large', async () => {
    const { requests, append, settled } = setUp();
    for (let partition = 0; partition < 4; partition++) append(partition, 130_000);
    await settled();
    expect(requests).toEqual([[0, 1, 2, 3]]);
    const large = setUp();
    for (let partition = 0; partition < 4; partition++) large.append(partition, 400_000);
    await large.settled();
    expect(large.requests).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it('waits for the answer of the other lane, or until it is large', async () => {
    const { requests, answers, append, settled } = setUp();
    append(0, 130_000);
    await settled();
    append(1, 130_000);
    append(2, 130_000);
    await settled();
    expect(requests).toEqual([[0]]);
    answers.shift()!();
    await settled();
    expect(requests).toEqual([[0], [1, 2]]);
    append(3, 500_000);
    await settled();
    expect(requests).toHaveLength(2);
    append(4, 500_000);
    await settled();
    expect(requests[2]).toEqual([3, 4]);
  });

  it('does not wait where something live is ready, where it is little, or for long', async () => {
    const live = setUp();
    live.append(0, 130_000);
    await live.settled();
    live.append(1, 130_000);
    live.append(2, 100_000, true);
    await live.settled();
    expect(live.requests).toEqual([[0], [2, 1]]);
    const little = setUp();
    little.append(0, 130_000);
    await little.settled();
    little.append(1, 1_000);
    await little.settled();
    expect(little.requests).toEqual([[0], [1]]);
    const slow = setUp();
    slow.append(0, 130_000);
    await slow.settled();
    slow.append(1, 130_000);
    await slow.settled();
    slow.advance(1_000);
    await vi.waitFor(() => expect(slow.requests).toEqual([[0], [1]]), { interval: 1 });
  });

  it('gets into step with as many partitions or more that get their markers just now', async () => {
    const { requests, writer, markers, append, settled } = setUp({ markedCount: 2 });
    append(0, 130_000);
    append(1, 130_000);
    await settled();
    expect(requests).toEqual([]);
    // The markers are in, and what follows them is ready, too.
    markers.markedCount = 0;
    writer.wake();
    append(2, 130_000);
    append(3, 130_000);
    await settled();
    expect(requests).toEqual([[0, 1, 2, 3]]);
  });

  it('does not wait for markers of fewer, nor where it is large or live, nor for long', async () => {
    const fewer = setUp({ markedCount: 1 });
    fewer.append(0, 130_000);
    fewer.append(1, 130_000);
    await fewer.settled();
    expect(fewer.requests).toEqual([[0, 1]]);
    const large = setUp({ markedCount: 9 });
    large.append(0, 800_000);
    await large.settled();
    expect(large.requests).toEqual([[0]]);
    const live = setUp({ markedCount: 9 });
    live.append(0, 130_000, true);
    await live.settled();
    expect(live.requests).toEqual([[0]]);
    const slow = setUp({ markedCount: 9 });
    slow.append(0, 130_000);
    await slow.settled();
    expect(slow.requests).toEqual([]);
    slow.advance(1_000);
    await vi.waitFor(() => expect(slow.requests).toEqual([[0]]), { interval: 1 });
  });
});
