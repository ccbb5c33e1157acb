// Settings that are asked for again, of a broker whose answers go through the codec.
import { beforeEach, expect, it } from 'vitest';
import { type AnswerDigest, type Cluster, unchanged } from '../client/index.ts';
import { apis, type DescribeConfigsRequest, decodeResponse, encodeResponse } from '../protocol/index.ts';
import { topicSettings } from './topic-settings.ts';

const version = 4;
let retention: Record<string, string>;
let decoded: number;
let asked: string[][];
let settings: ReturnType<typeof topicSettings>;

beforeEach(() => {
  retention = {};
  decoded = 0;
  asked = [];
  const cluster = {
    name: 'c',
    request: async (_api: unknown, input: DescribeConfigsRequest, { digest }: { digest: AnswerDigest }) => {
      const names = input.resources.map(({ resourceName }) => resourceName);
      asked.push(names);
      const results = names.map((resourceName) => {
        const entry = { name: 'retention.ms', value: retention[resourceName] ?? '1', configSource: 1 };
        return { resourceType: 2, resourceName, configs: [entry] };
      });
      const frame = Buffer.concat(encodeResponse(apis.DescribeConfigs, version, asked.length, { results }));
      if (digest.isUnchanged(version, frame.subarray(4))) return unchanged;
      decoded += 1;
      return decodeResponse(apis.DescribeConfigs, version, frame.subarray(4)).body;
    },
  };
  settings = topicSettings(cluster as unknown as Cluster);
});

it('gives the same objects while the answer is the same, and new ones where it is not', async () => {
  const first = await settings(['a', 'b']);
  const second = await settings(['a', 'b']);
  expect(second.get('b')).toBe(first.get('b'));
  expect(decoded).toBe(1);
  retention.b = '2';
  const third = await settings(['a', 'b']);
  expect(third.get('b')).toEqual(new Map([['retention.ms', { value: '2', isSetOnTopic: true }]]));
});

it('never takes the answer to one question for that to another', async () => {
  await settings(['a', 'b']);
  await settings(['b', 'c']);
  expect([...(await settings(['a', 'c'])).keys()]).toEqual(['a', 'c']);
  expect(decoded).toBe(3);
});

it('asks about many topics some at a time, and knows each part of the answer again', async () => {
  const topics = Array.from({ length: 120 }, (_, index) => `t${index}`);
  await settings(topics);
  expect(asked.map(({ length }) => length)).toEqual([50, 50, 20]);
  // A question about one topic in between is another one, and forgets nothing.
  await settings(['t7']);
  retention.t60 = '2';
  const again = await settings(topics);
  expect([...again.keys()]).toEqual(topics);
  expect(decoded).toBe(3 + 1 + 1);
});
