import { describe, expect, it } from 'vitest';
import { manualClock } from '../../test/support/manual-clock.ts';
import {
  apis,
  decodeResponse,
  encodeResponse,
  type Input,
  type MetadataResponse,
} from '../protocol/index.ts';
import {
  type ClusterMetadata,
  emptyMetadata,
  mergeLeader,
  mergeMetadata,
  type TopicIdChange,
} from './metadata.ts';
import { MetadataCache } from './metadata-cache.ts';

const idA = 'aaaaaaaaaaaaaaaaaaaaaQ';
const idB = 'bbbbbbbbbbbbbbbbbbbbbQ';

/** A complete response, made by the codec so that every field is there. */
function response(input: Input<MetadataResponse>): MetadataResponse {
  const bytes = Buffer.concat(encodeResponse(apis.Metadata, 13, 1, input));
  return decodeResponse(apis.Metadata, 13, bytes.subarray(4)).body;
}
function topic(topicId: string, leaderId: number, leaderEpoch: number, name = 't') {
  return response({
    clusterId: 'c',
    brokers: [{ nodeId: leaderId, host: 'h', port: 1 }],
    topics: [{ name, topicId, partitions: [{ partitionIndex: 0, leaderId, leaderEpoch }] }],
  });
}
function leader(metadata: ClusterMetadata) {
  const entry = metadata.topics.get('t')?.partitions[0];
  return entry === undefined ? null : [entry.leaderId, entry.leaderEpoch];
}

describe('mergeMetadata', () => {
  it.each([
    ['a newer epoch wins', idA, 2, 6, [2, 6]],
    ['the same epoch replaces', idA, 2, 5, [2, 5]],
    ['an older epoch never replaces a newer one', idA, 2, 4, [1, 5]],
    ['an unknown epoch replaces, since old brokers tell none', idA, 2, -1, [2, -1]],
    ['another topic id is another topic, whatever its epoch', idB, 2, 0, [2, 0]],
  ])('%s', (_name, topicId, leaderId, leaderEpoch, expected) => {
    const before = mergeMetadata(emptyMetadata, topic(idA, 1, 5), false).metadata;
    const { metadata, topicIdChanges } = mergeMetadata(before, topic(topicId, leaderId, leaderEpoch), false);
    expect(leader(metadata)).toEqual(expected);
    expect(topicIdChanges).toEqual(topicId === idA ? [] : [{ topic: 't', from: idA, to: idB }]);
    expect(leader(before)).toEqual([1, 5]);
  });

  it('forgets a topic that is unknown, keeps one that can not be described just now', () => {
    const before = mergeMetadata(emptyMetadata, topic(idA, 1, 5), false).metadata;
    const unknown = mergeMetadata(
      before,
      response({ topics: [{ name: 't', errorCode: 3 }] }),
      false,
    ).metadata;
    expect([unknown.topics.has('t'), unknown.topicErrors.get('t')]).toEqual([false, 3]);
    const denied = mergeMetadata(
      before,
      response({ topics: [{ name: 't', errorCode: 29 }] }),
      false,
    ).metadata;
    expect([denied.topics.has('t'), denied.topicErrors.get('t')]).toEqual([true, 29]);
    const back = mergeMetadata(unknown, topic(idA, 1, 6), false).metadata;
    expect([back.topics.has('t'), back.topicErrors.has('t')]).toEqual([true, false]);
  });

  it('drops what an answer about all topics does not name', () => {
    const before = mergeMetadata(emptyMetadata, topic(idA, 1, 5), false).metadata;
    expect([...mergeMetadata(before, topic(idB, 1, 0, 'other'), true).metadata.topics.keys()]).toEqual([
      'other',
    ]);
    expect([...mergeMetadata(before, topic(idB, 1, 0, 'other'), false).metadata.topics.keys()]).toEqual([
      't',
      'other',
    ]);
  });
});

describe('mergeLeader', () => {
  it('takes a newer leader only, of partitions that are known', () => {
    const before = mergeMetadata(emptyMetadata, topic(idA, 1, 5), false).metadata;
    expect(leader(mergeLeader(before, 't', 0, { leaderId: 2, leaderEpoch: 6 }))).toEqual([2, 6]);
    expect(mergeLeader(before, 't', 0, { leaderId: 2, leaderEpoch: 5 })).toBe(before);
    expect(mergeLeader(before, 't', 9, { leaderId: 2, leaderEpoch: 9 })).toBe(before);
    expect(mergeLeader(before, 'x', 0, { leaderId: 2, leaderEpoch: 9 })).toBe(before);
  });
});

describe('MetadataCache', () => {
  function setUp() {
    const clock = manualClock();
    const asked: (readonly string[] | null)[] = [];
    const waiting: { resolve: (answer: MetadataResponse) => void; reject: (error: Error) => void }[] = [];
    const changes: TopicIdChange[] = [];
    const cache = new MetadataCache({
      clock,
      ask: (topics) => {
        asked.push(topics);
        return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
      },
      check: () => {},
      onTopicIdChange: (change) => changes.push(change),
    });
    return { clock, asked, waiting, changes, cache };
  }

  it('asks once for all who want something at the same time, and once more for those who came later', async () => {
    const { clock, asked, waiting, cache } = setUp();
    const first = [cache.refresh(['a']), cache.refresh(['b']), cache.refresh(['a'])];
    await clock.advance(0);
    expect(asked).toEqual([['a', 'b']]);
    const second = [cache.refresh(['c']), cache.refresh(['d'])];
    await clock.advance(0);
    expect(asked).toHaveLength(1);
    waiting[0]!.resolve(response({}));
    await Promise.all(first);
    await clock.advance(0);
    expect(asked).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    waiting[1]!.resolve(response({}));
    await Promise.all(second);
    expect(cache.refreshCount).toBe(2);
  });

  it('asks for all when one of them wants all', async () => {
    const { clock, asked, cache } = setUp();
    void cache.refresh(['a']);
    void cache.refresh(null);
    await clock.advance(0);
    expect(asked).toEqual([null]);
  });

  it('fails those who waited and goes on with those who came later', async () => {
    const { clock, waiting, cache } = setUp();
    const first = cache.refresh(['a']);
    await clock.advance(0);
    const second = cache.refresh(['b']);
    waiting[0]!.reject(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    await clock.advance(0);
    waiting[1]!.resolve(topic(idA, 1, 1));
    expect(leader(await second)).toEqual([1, 1]);
  });

  it('knows how old a topic is and tells of a new topic id', async () => {
    const { clock, waiting, changes, cache } = setUp();
    expect(cache.ageMs('t')).toBe(Number.POSITIVE_INFINITY);
    for (const id of [idA, idB]) {
      const done = cache.refresh(['t']);
      await clock.advance(0);
      waiting.pop()!.resolve(topic(id, 1, 1));
      await done;
    }
    expect(changes).toEqual([{ topic: 't', from: idA, to: idB }]);
    await clock.advance(5000);
    expect(cache.ageMs('t')).toBe(5000);
  });
});
