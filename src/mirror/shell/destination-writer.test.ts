// What a writer does with appends whose turn comes late, with a clock that is driven by hand.
import { expect, it, vi } from 'vitest';
import type { Connection } from '../../client/index.ts';
import { BatchView, encodeBatch } from '../../records/index.ts';
import { type AppendOutcome, DestinationWriter } from './destination-writer.ts';
import { FrameLease, LeasedBatch } from './leased-batch.ts';

const records = [{ offset: 0n, timestamp: 1n, key: null, value: Buffer.from('value'), headers: [] }];

function job(onOutcome: (outcome: AppendOutcome) => void, giveBack: () => void) {
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
