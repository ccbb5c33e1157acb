import { expect, test } from 'vitest';
import type { Connection } from '../client/index.ts';
import { type FetchLimits, GatheredFetches } from './gathered-fetches.ts';

type Asked = { topics: { topic: string; partitions: { partition: number; fetchOffset: bigint }[] }[] };

const limits: FetchLimits = { maxWaitMs: 500, maxBytes: 100, isolationLevel: 1 };
const at = (partition: number, topic = 'a') => ({
  ...{ topic, topicId: `id of ${topic}`, partition, leaderEpoch: 3, offset: BigInt(partition) },
});

/** A broker whose answers have records for so many partitions only. */
function brokerOf(roomFor: number) {
  const requests: string[][] = [];
  let releases = 0;
  const sendForFrame = async (_api: unknown, { topics }: Asked) => {
    const names = topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition }) => `${topic}-${partition}`),
    );
    requests.push(names);
    await new Promise((resolve) => setTimeout(resolve, 5));
    let room = roomFor;
    const responses = topics.map(({ topic, partitions }) => ({
      ...{ topic: '', topicId: `id of ${topic}` },
      partitions: partitions.map(({ partition }) => ({
        ...{ partitionIndex: partition, errorCode: 0 },
        records: room-- > 0 ? Buffer.from(`${topic}-${partition}`) : Buffer.alloc(0),
      })),
    }));
    return { body: { errorCode: 0, responses }, frame: { release: () => releases++ } };
  };
  const connection = { sendForFrame } as unknown as Connection;
  return { requests, releases: () => releases, fetches: new GatheredFetches(async () => connection) };
}

test('what is asked in one turn, and while a request is under way, shares a request', async () => {
  const { fetches, requests, releases } = brokerOf(100);
  const first = [at(0), at(1), at(0, 'b')].map((one) => fetches.ask(1, one, limits));
  await new Promise((resolve) => setTimeout(resolve, 2));
  const second = [at(2), at(3)].map((one) => fetches.ask(1, one, limits));
  const answers = await Promise.all([...first, ...second]);
  expect(requests).toEqual([
    ['a-0', 'a-1', 'b-0'],
    ['a-2', 'a-3'],
  ]);
  expect(answers.map(({ partition }) => String(partition!.records))).toEqual([
    ...['a-0', 'a-1', 'b-0', 'a-2', 'a-3'],
  ]);
  for (const { release } of answers.slice(0, 2)) release();
  answers[0]!.release();
  expect(releases(), 'the third still reads it').toBe(0);
  answers[2]!.release();
  expect(releases()).toBe(1);
});

test('empty beside others proves nothing, and is told', async () => {
  const { fetches } = brokerOf(1);
  const answers = await Promise.all([at(0), at(1)].map((one) => fetches.ask(1, one, limits)));
  expect(answers.map(({ isCrowdedOut }) => isCrowdedOut)).toEqual([false, true]);
  expect((await brokerOf(0).fetches.ask(1, at(0), limits)).isCrowdedOut, 'alone it is empty').toBe(false);
});

test('a partition stands in a request once', async () => {
  const { fetches, requests } = brokerOf(100);
  await Promise.all([at(0), at(0)].map((one) => fetches.ask(1, one, limits)));
  expect(requests).toEqual([['a-0'], ['a-0']]);
});
