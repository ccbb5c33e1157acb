import { expect, test } from 'vitest';
import type { Ask } from '../../mirror/index.ts';
import { apis } from '../../protocol/index.ts';
import { gatheredAsk } from './gathered-asks.ts';

/** A broker whose offsets are 1,000 times the partition; what it was asked is in `requests`. */
function broker(fails = false) {
  const requests: { name: string; partitions: number[] }[][] = [];
  const ask = (async (
    api: unknown,
    input: { topics: { name: string; partitions: { partitionIndex: number }[] }[] },
  ) => {
    if (api !== apis.ListOffsets) return 'as it is';
    requests.push(
      input.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => partitionIndex),
      })),
    );
    if (fails) throw new Error('gone');
    return {
      throttleTimeMs: 0,
      topics: input.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          offset: BigInt(partitionIndex) * 1_000n,
        })),
      })),
    };
  }) as unknown as Ask;
  return { requests, ask: gatheredAsk(ask) };
}

const question = (name: string, ...partitions: number[]) =>
  [
    apis.ListOffsets,
    {
      ...{ replicaId: -1, isolationLevel: 0 },
      topics: [
        {
          name,
          partitions: partitions.map((partitionIndex) => ({
            partitionIndex,
            currentLeaderEpoch: 3,
            timestamp: -1n,
          })),
        },
      ],
    },
  ] as const;

test('what is asked at the same time is one request, and each gets its own answer', async () => {
  const { requests, ask } = broker();
  const answers = await Promise.all([
    ask(...question('a', 0)),
    ask(...question('b', 1)),
    ask(...question('a', 2)),
  ]);
  expect(requests).toEqual([
    [
      { name: 'a', partitions: [0, 2] },
      { name: 'b', partitions: [1] },
    ],
  ]);
  expect(answers.map(({ topics }) => topics)).toEqual([
    [{ name: 'a', partitions: [{ partitionIndex: 0, offset: 0n }] }],
    [{ name: 'b', partitions: [{ partitionIndex: 1, offset: 1_000n }] }],
    [{ name: 'a', partitions: [{ partitionIndex: 2, offset: 2_000n }] }],
  ]);
});

test('the same partition again, another isolation and several partitions are requests of their own', async () => {
  const { requests, ask } = broker();
  const [api, input] = question('a', 0);
  await Promise.all([
    ask(api, input),
    ask(api, input),
    ask(api, { ...input, isolationLevel: 1 }),
    ask(...question('a', 0, 1)),
  ]);
  expect(requests).toHaveLength(4);
});

test('a request that fails fails all who asked, and the next one works', async () => {
  const { ask } = broker(true);
  const outcomes = await Promise.allSettled([ask(...question('a', 0)), ask(...question('a', 1))]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});

test('what can not be gathered goes through', async () => {
  const { ask } = broker();
  expect(await ask(apis.Metadata, { topics: null })).toBe('as it is');
});
