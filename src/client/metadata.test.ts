import { describe, expect, it } from 'vitest';
import { manualClock } from '../../test/support/manual-clock.ts';
import {
  apis,
  decodeResponse,
  encodeResponse,
  type Input,
  type MetadataResponse,
} from '../protocol/index.ts';
import { unchanged } from './answer-digest.ts';
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

  it.each([
    ['nothing', {}, true],
    ['another leader', { leaderId: 2 }, false],
    ['another epoch', { leaderEpoch: 6 }, false],
    ['a replica that fell behind', { isrNodes: [1] }, false],
    ['a replica that is offline', { offlineReplicas: [2] }, false],
    ['other replicas', { replicaNodes: [1, 3] }, false],
    ['an error', { errorCode: 5 }, false],
  ])('gives the same picture, down to the topic, where %s is new', (_what, changes, isSame) => {
    const partition = {
      ...{ partitionIndex: 0, leaderId: 1, leaderEpoch: 5 },
      ...{ replicaNodes: [1, 2], isrNodes: [1, 2] },
    };
    const answer = (given: object) =>
      response({
        clusterId: 'c',
        brokers: [{ nodeId: 1, host: 'h', port: 1 }],
        topics: [{ name: 't', topicId: idA, partitions: [{ ...partition, ...given }] }],
      });
    const before = mergeMetadata(emptyMetadata, answer({}), true).metadata;
    const { metadata } = mergeMetadata(before, answer(changes), true);
    expect(metadata === before).toBe(isSame);
    expect(metadata.topics.get('t') === before.topics.get('t')).toBe(isSame);
  });

  it('gives another picture where a broker or a topic comes or goes, with the same topics in it', () => {
    const two = response({
      ...topic(idA, 1, 5),
      topics: [...topic(idA, 1, 5).topics, ...topic(idB, 1, 5, 'u').topics],
    });
    const before = mergeMetadata(emptyMetadata, two, true).metadata;
    const fewer = mergeMetadata(before, topic(idA, 1, 5), true).metadata;
    expect([...fewer.topics.keys()]).toEqual(['t']);
    expect(fewer.topics.get('t')).toBe(before.topics.get('t'));
    expect([...mergeMetadata(fewer, two, true).metadata.topics.keys()]).toEqual(['t', 'u']);
    const moved = response({ ...two, brokers: [{ nodeId: 1, host: 'h', port: 2 }] });
    expect(mergeMetadata(before, moved, true).metadata.brokers.get(1)).toMatchObject({ port: 2 });
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
    /** What the broker answers about all topics, and whether that was decoded. */
    const all = { bytes: Buffer.alloc(5), answer: response({}), decoded: 0, error: null as Error | null };
    const changes: TopicIdChange[] = [];
    const cache = new MetadataCache({
      clock,
      ask: (topics) => {
        asked.push(topics);
        return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
      },
      askAll: async (digest) => {
        asked.push(null);
        if (digest.isUnchanged(13, all.bytes)) return unchanged;
        all.decoded += 1;
        return all.answer;
      },
      check: () => {
        if (all.error !== null) throw all.error;
      },
      onTopicIdChange: (change) => changes.push(change),
    });
    return { clock, asked, waiting, changes, cache, all };
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

  it('keeps its picture while the answer about all topics is the same, and takes the next one that is not', async () => {
    const { clock, cache, all } = setUp();
    all.answer = topic(idA, 1, 1);
    const first = await cache.refresh(null);
    await clock.advance(5000);
    expect(await cache.refresh(null)).toBe(first);
    expect([all.decoded, cache.ageMs('t')]).toEqual([1, 0]);
    all.answer = topic(idA, 2, 2);
    all.bytes = Buffer.from('other');
    expect(leader(await cache.refresh(null))).toEqual([2, 2]);
  });

  it('reads the same answer again where it learnt something else meanwhile', async () => {
    const { clock, cache, all, waiting } = setUp();
    all.answer = topic(idA, 1, 1);
    await cache.refresh(null);
    const gone = cache.refresh(['t']);
    await clock.advance(0);
    waiting[0]!.resolve(response({ topics: [{ name: 't', errorCode: 3 }] }));
    expect(leader(await gone)).toBeNull();
    expect(leader(await cache.refresh(null))).toEqual([1, 1]);
    expect(all.decoded).toBe(2);
  });

  it('reads an answer again that it refused', async () => {
    const { cache, all } = setUp();
    all.answer = topic(idA, 1, 1);
    all.error = new Error('another cluster');
    await expect(cache.refresh(null)).rejects.toThrow('another cluster');
    await expect(cache.refresh(null)).rejects.toThrow('another cluster');
    all.error = null;
    expect(leader(await cache.refresh(null))).toEqual([1, 1]);
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
