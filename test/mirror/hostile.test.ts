// Brokers that lie to an agent: one liar stands before the source, another before the destination. Each lie is told
// about partition 0 of a topic of its own; partition 1 hears the truth. Expected: a named error, nothing wrong in the
// mirror, partition 1 copied, the agent alive. When the liar tells the truth again, every mirror becomes identical: by
// itself, or by the next agent where the partition has stopped.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addPartitionsToTransaction,
  Cluster,
  endTransaction,
  initTransactions,
} from '../../src/client/index.ts';
import type { PartitionStatus } from '../../src/mirror/index.ts';
import { apis, encodeResponse, type FetchResponse, type ProduceResponse } from '../../src/protocol/index.ts';
import {
  type BatchView,
  batchChecksum,
  type Compression,
  encodeBatch,
  splitBatches,
} from '../../src/records/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { verifyLink } from '../../src/verify/index.ts';
import { configOf } from '../client/support.ts';
import { type LyingBroker, startLyingBroker } from '../support/lying-broker.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { append, makeTopic } from '../verify/kafka-copy.ts';
import { type RunningAgent, startAgent } from './running-agent.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
let source: Cluster;
let destination: Cluster;
beforeAll(async () => {
  source = await Cluster.connect(configOf(regions['us-east']));
  destination = await Cluster.connect(configOf(regions['eu-west']));
});
afterAll(() => {
  source?.close();
  destination?.close();
});

/** No error, no reason and no line may hold it. */
const secret = 'content-of-records-is-secret';
const batchCount = 3;
const recordsPerBatch = 10;
const end = BigInt(batchCount * recordsPerBatch);

/** Batches of ten records; `small` ones are merged on the way. */
function batches(compression: Compression, size: 'large' | 'small'): Buffer[] {
  return Array.from({ length: batchCount }, (_, batch) =>
    encodeBatch(
      Array.from({ length: recordsPerBatch }, (_, record) => ({
        offset: BigInt(batch * recordsPerBatch + record),
        timestamp: BigInt(Date.now()),
        key: Buffer.from(secret),
        value: Buffer.from(secret.repeat(size === 'large' ? 30 : 1) + record),
        headers: [],
      })),
      { compression },
    ),
  );
}

async function makeSource(topic: string, of: Buffer[]): Promise<void> {
  await makeTopic(source, topic, 2);
  for (const partition of [0, 1]) await append(source, topic, of, { partition });
}

/** The region's name, at the liar's address. */
function as(liar: LyingBroker, region: Region): Region {
  return { name: region.name, bootstrap: liar.bootstrap } as unknown as Region;
}

/** What people read about a partition. */
function words({ state, reason, lastError }: PartitionStatus): string {
  return [state, reason, lastError].filter((text) => text !== null).join(' | ');
}

async function differences(topics: readonly string[]): Promise<string[]> {
  const { partitions } = await verifyLink({
    source,
    destination,
    topics: topics.map((topic) => ({ source: topic, destination: topic })),
    waitMsMax: 0,
  });
  expect(partitions.length).toBe(2 * topics.length);
  return partitions
    .filter(({ outcome }) => outcome !== 'identical')
    .map(({ topic, partition, outcome }) => `${topic}-${partition}: ${outcome}`);
}

/** Waits until partition 0 of each topic says what is expected, while the other partitions are copied. */
async function says(agent: RunningAgent, expected: ReadonlyMap<string, RegExp>): Promise<void> {
  const seen = new Map<string, string>();
  const missing = () =>
    [...expected].filter(([topic, pattern]) => {
      const status = agent.partition(topic, 0);
      if (status === undefined) return true;
      const text = words(status);
      if (pattern.test(text)) seen.set(topic, text);
      else if (!seen.has(topic)) return true;
      return false;
    });
  await waitFor(() => missing().length === 0, {
    deadlineMs: 45_000,
    describe: () =>
      `named errors of ${missing()
        .map(([topic]) => `${topic} (${words(agent.partition(topic, 0) ?? ({} as PartitionStatus))})`)
        .join('; ')}`,
  });
  for (const text of seen.values()) expect(text).not.toContain(secret);
}

type FetchAnswer = FetchResponse['responses'][number]['partitions'][number];

interface SourceLie {
  readonly name: string;
  readonly compression?: Compression;
  readonly size?: 'small';
  /** Changes what the source answers about partition 0. */
  readonly change: (answer: FetchAnswer, batches: BatchView[]) => void;
  /** What people then read. */
  readonly says: RegExp;
}

/** Byte positions in a batch's header (src/records/layout.ts). */
const at = { batchLength: 8, crc: 17, attributes: 21, lastOffsetDelta: 23, recordCount: 57 };
const int32 = ({ buffer, start }: BatchView, position: number, change: (value: number) => number): void => {
  buffer.writeInt32BE(change(buffer.readInt32BE(start + position)), start + position);
};
/** A lie that the checksum agrees with. */
const sealed = (view: BatchView): void => {
  view.buffer.writeInt32BE(batchChecksum(view) | 0, view.start + at.crc);
};
const newest = (views: BatchView[]): BatchView[] => views.filter(({ baseOffset }) => baseOffset === 20n);
const flipLastByte = (view: BatchView): void => {
  const last = view.start + view.sizeBytes - 1;
  view.buffer[last] = view.buffer[last]! ^ 0xff;
};

const sourceLies: SourceLie[] = [
  {
    name: 'a byte of the records is flipped',
    change: (_answer, views) => views.forEach(flipLastByte),
    says: /CORRUPT_MESSAGE/,
  },
  {
    name: 'a byte of small batches is flipped, which would be merged on the way',
    size: 'small',
    change: (_answer, views) => views.forEach(flipLastByte),
    says: /CORRUPT_MESSAGE/,
  },
  {
    name: 'offsets go back',
    change: (_answer, views) => {
      for (const view of views) view.buffer.writeBigInt64BE(0n, view.start);
    },
    says: /goes back: it holds offsets 0 to 9, and 10 was asked for|goes back: .* ends below 10/,
  },
  ...(['none', 'lz4'] as const).flatMap((compression): SourceLie[] => [
    {
      name: `one record more is counted than there are (${compression})`,
      compression,
      change: (_answer, views) => {
        for (const view of views) {
          int32(view, at.recordCount, (count) => count + 1);
          int32(view, at.lastOffsetDelta, (delta) => delta + 1);
          sealed(view);
        }
      },
      // Where an answer ends behind one of them, the destination refuses it.
      says: /goes back|INVALID_RECORD|lies beyond the end/,
    },
    {
      name: `one record less is counted than there are (${compression})`,
      compression,
      change: (_answer, views) => {
        for (const view of views) {
          int32(view, at.recordCount, (count) => count - 1);
          int32(view, at.lastOffsetDelta, (delta) => delta - 1);
          sealed(view);
        }
      },
      says: /INVALID_RECORD|record/,
    },
    {
      name: `fewer records are counted than offsets, as after compaction (${compression})`,
      compression,
      change: (_answer, views) => {
        for (const view of views) {
          int32(view, at.recordCount, (count) => count - 2);
          sealed(view);
        }
      },
      says: /Corrupt record batch/,
    },
    {
      name: `no records are counted, as in a batch that compaction emptied (${compression})`,
      compression,
      change: (_answer, views) => {
        for (const view of views) {
          int32(view, at.recordCount, () => 0);
          sealed(view);
        }
      },
      says: /counts no records and has \d+ bytes of them/,
    },
  ]),
  ...(['none', 'lz4'] as const).flatMap((compression): SourceLie[] => [
    {
      name: `the newest batch counts one record more than there are (${compression})`,
      compression,
      change: (_answer, views) => {
        for (const view of newest(views)) {
          int32(view, at.recordCount, (count) => count + 1);
          int32(view, at.lastOffsetDelta, (delta) => delta + 1);
          sealed(view);
        }
      },
      // The destination refuses it; or the source, asked from beyond its end, is faster.
      says: /^Blocked .*refuses the batch of \d+ bytes at offset 20: INVALID_RECORD|^SourceTruncated .*below 31/,
    },
    {
      name: `the newest batch reaches further than its records (${compression})`,
      compression,
      change: (_answer, views) => {
        for (const view of newest(views)) {
          int32(view, at.lastOffsetDelta, (delta) => delta + 5);
          sealed(view);
        }
      },
      says: /lies beyond the end: it holds offsets 20 to 34, and the log is decided up to 30/,
    },
  ]),
  {
    name: 'a batch reaches over its neighbour',
    change: (_answer, views) => {
      for (const view of views) {
        int32(view, at.lastOffsetDelta, (delta) => delta + 5);
        sealed(view);
      }
    },
    // An answer may end behind any batch: then it is seen with the next one, or at the end of the log.
    says: /goes back: it holds offsets (10 to 24, and the one before it ends below 15|20 to 34, and the one before it ends below 25)|20 to 34, and the log is decided up to 30/,
  },
  {
    name: 'a batch is longer than the answer',
    change: (_answer, views) => {
      for (const view of views) int32(view, at.batchLength, () => 0x7fffffff);
    },
    says: /length of the batch there says that it is longer/,
  },
  {
    name: 'a length is negative',
    change: (_answer, views) => {
      for (const view of views) int32(view, at.batchLength, () => -1);
    },
    says: /length -1/,
  },
  {
    name: 'a last offset delta is negative',
    change: (_answer, views) => {
      for (const view of views) int32(view, at.lastOffsetDelta, () => -2);
    },
    says: /last offset delta -2/,
  },
  {
    name: 'an offset is beyond the end of the log, which would be a hole of 4.6 * 10^18 offsets',
    change: (_answer, views) => {
      for (const view of views) view.buffer.writeBigInt64BE(2n ** 62n, view.start);
    },
    says: /lies beyond the end/,
  },
  {
    name: 'the source says that it was truncated',
    change: (answer) => {
      answer.divergingEpoch = { epoch: 0, endOffset: 0n };
    },
    says: /truncated/,
  },
];

/** Lies that make no difference to what is copied. */
const harmless: Omit<SourceLie, 'says'>[] = [
  {
    name: 'aborted transactions that are garbage',
    change: (answer) => {
      answer.abortedTransactions = [
        { producerId: -5n, firstOffset: -10n },
        { producerId: 2n ** 63n - 1n, firstOffset: 2n ** 63n - 1n },
        { producerId: -1n, firstOffset: 0n },
        { producerId: 7n, firstOffset: 3n },
        { producerId: 7n, firstOffset: 3n },
      ];
    },
  },
  {
    name: 'a high watermark above the log end',
    change: (answer) => {
      answer.highWatermark = 2n ** 62n;
      answer.lastStableOffset = 2n ** 62n;
    },
  },
];

describe('a source that lies', () => {
  it('stops or holds up its partition with a named error; nothing wrong is appended', async () => {
    await using liar = await startLyingBroker(regions['us-east']);
    const lies = [...sourceLies, ...harmless].map((lie) => ({ ...lie, topic: uniqueTopic('source-lie') }));
    const topics = lies.map(({ topic }) => topic);
    const told = new Map<string, number>();
    const made = lies.map(({ topic, compression = 'none', size }) =>
      makeSource(topic, batches(compression, size ?? 'large')),
    );
    await Promise.all(made);
    const { topics: known } = await source.metadata({ topics });
    const lieOf = new Map(lies.map((lie) => [known.get(lie.topic)!.topicId, lie]));
    liar.lie(apis.Fetch, (answer) => {
      for (const { topicId, partitions } of answer.responses) {
        const lie = lieOf.get(topicId);
        for (const partition of partitions) {
          if (lie === undefined || partition.partitionIndex !== 0 || !partition.records?.length) continue;
          told.set(lie.topic, (told.get(lie.topic) ?? 0) + 1);
          lie.change(partition, splitBatches(partition.records).batches);
        }
      }
      return answer;
    });
    const agentOf = (from: Region) =>
      startAgent({ folder: folder.path, source: from, destination: regions['eu-west'], topics });
    {
      await using agent = await agentOf(as(liar, regions['us-east']));
      await says(
        agent,
        new Map(lies.flatMap((lie) => ('says' in lie ? [[lie.topic, lie.says as RegExp] as const] : []))),
      );
      for (const { topic } of lies) await agent.mirrorsUpTo(topic, end, 1);
      for (const { topic } of lies.slice(sourceLies.length)) await agent.mirrorsUpTo(topic, end, 0);
      expect([...told.keys()].sort()).toEqual([...topics].sort());
      liar.beHonest();
      const waiting = () =>
        lies.filter(({ topic }) => {
          const status = agent.partition(topic, 0)!;
          return !status.isStopped && status.mirrorEnd !== end;
        });
      await waitFor(() => waiting().length === 0, {
        deadlineMs: 30_000,
        describe: () =>
          `${waiting().map(({ name, topic }) => `${name}: ${words(agent.partition(topic, 0)!)}`)}`,
      });
    }
    await using honest = await agentOf(regions['us-east']);
    for (const { topic } of lies) await honest.mirrorsUpTo(topic, end, 0);
    expect(await differences(topics)).toEqual([]);
  });
});

interface DestinationLie {
  readonly name: string;
  /** The source ends with a transaction, so that markers have to be written. */
  readonly hasHole?: boolean;
  /** null: the partition is copied all the same. */
  readonly says: RegExp | null;
  /** Tells the lie about partition 0 of this topic and counts it. */
  readonly tell: (liar: LyingBroker, topic: string, told: () => void) => void;
}

type ProduceAnswer = ProduceResponse['responses'][number]['partitionResponses'][number];

/** Produce answers name topics by id. */
const topicNames = new Map<string, string>();

const aboutAppends =
  (change: (answer: ProduceAnswer) => void): DestinationLie['tell'] =>
  (liar, topic, told) =>
    liar.lie(apis.Produce, (answer) => {
      for (const { topicId, name, partitionResponses } of answer.responses) {
        if ((name || topicNames.get(topicId)) !== topic) continue;
        for (const partition of partitionResponses) {
          if (partition.index !== 0 || partition.errorCode !== 0) continue;
          told();
          change(partition);
        }
      }
      return answer;
    });

/** What the destination says about where its log ends, and up to where its replicas have it. */
const aboutEnds =
  (
    change: (offset: bigint) => bigint,
    which: { logEnd?: boolean; highWatermark?: boolean },
  ): DestinationLie['tell'] =>
  (liar, topic, told) => {
    if (which.logEnd) {
      liar.lie(apis.OffsetForLeaderEpoch, (answer) => {
        for (const { topic: name, partitions } of answer.topics) {
          for (const partition of partitions) {
            if (name !== topic || partition.partition !== 0) continue;
            told();
            partition.endOffset = change(partition.endOffset);
          }
        }
        return answer;
      });
    }
    if (which.highWatermark) {
      liar.lie(apis.ListOffsets, (answer, { request }) => {
        for (const { name, partitions } of answer.topics) {
          const asked = request.topics.find((entry) => entry.name === name)?.partitions;
          for (const partition of partitions) {
            const isLatest =
              asked?.find((entry) => entry.partitionIndex === partition.partitionIndex)?.timestamp === -1n;
            if (name !== topic || partition.partitionIndex !== 0 || !isLatest) continue;
            told();
            partition.offset = change(partition.offset);
          }
        }
        return answer;
      });
    }
  };

const aboutMarkers =
  (change: (marker: { partitionIndex: number; errorCode: number }) => void): DestinationLie['tell'] =>
  (liar, topic, told) =>
    liar.lie(apis.WriteTxnMarkers, (answer) => {
      for (const { topics } of answer.markers) {
        for (const { name, partitions } of topics) {
          for (const partition of partitions) {
            if (name !== topic || partition.partitionIndex !== 0) continue;
            told();
            change(partition);
          }
        }
      }
      return answer;
    });

let jumps = 0;
const destinationLies: DestinationLie[] = [
  {
    name: 'an append landed one too high',
    says: /^Diverged.* meant for offset 0 landed at 1/,
    tell: aboutAppends((answer) => {
      answer.baseOffset += 1n;
    }),
  },
  {
    name: 'an append landed nowhere',
    says: /^Diverged.* meant for offset 0 landed at -1/,
    tell: aboutAppends((answer) => {
      answer.baseOffset = -1n;
    }),
  },
  {
    name: 'an append has other timestamps',
    says: /^Diverged.* its own timestamps/,
    tell: aboutAppends((answer) => {
      answer.logAppendTimeMs = 12_345n;
    }),
  },
  {
    name: 'an append is answered for another partition',
    says: /does not mention the partition/,
    tell: aboutAppends((answer) => {
      answer.index = 99;
    }),
  },
  {
    name: 'an append is answered with an error that Kafka does not have',
    says: /12345/,
    tell: aboutAppends((answer) => {
      answer.errorCode = 12_345;
    }),
  },
  {
    name: 'the log end jumps about',
    says: /WaitingForReplicas|keeps moving/,
    tell: aboutEnds((offset) => offset + BigInt(jumps++ % 7), { logEnd: true }),
  },
  {
    name: 'log end and high watermark are too high',
    says: /OFFSET_OUT_OF_RANGE/,
    tell: aboutEnds((offset) => offset + 7n, { logEnd: true, highWatermark: true }),
  },
  {
    name: 'the high watermark is above the log end',
    says: /high watermark of 1\d\d\d above its log end/,
    tell: aboutEnds((offset) => offset + 1_000n, { highWatermark: true }),
  },
  {
    name: 'offsets are negative',
    says: /the broker told -5/,
    tell: aboutEnds((offset) => -5n - offset, { logEnd: true, highWatermark: true }),
  },
  {
    name: 'producers that nobody has',
    says: null,
    hasHole: true,
    tell: (liar, topic, told) =>
      liar.lie(apis.DescribeProducers, (answer) => {
        for (const { name, partitions } of answer.topics) {
          for (const partition of partitions) {
            if (name !== topic || partition.partitionIndex !== 0) continue;
            told();
            const none = { lastTimestamp: -1n, currentTxnStartOffset: -1n };
            const most = {
              producerEpoch: 2 ** 31 - 1,
              lastSequence: 2 ** 31 - 1,
              coordinatorEpoch: 2 ** 31 - 1,
            };
            partition.activeProducers = [
              { producerId: -1n, ...most, ...none },
              { producerId: 2n ** 63n - 1n, ...most, ...none },
            ];
          }
        }
        return answer;
      }),
  },
  {
    name: 'markers are answered for another partition',
    hasHole: true,
    says: /does not mention the partition/,
    tell: aboutMarkers((marker) => {
      marker.partitionIndex = 99;
    }),
  },
  {
    name: 'markers are answered for another producer',
    hasHole: true,
    says: /does not mention the partition/,
    tell: (liar, topic, told) =>
      liar.lie(apis.WriteTxnMarkers, (answer) => {
        // Entries are about several partitions, and only one is lied about.
        for (const { topics } of [...answer.markers]) {
          for (const { name, partitions } of topics) {
            const index = partitions.findIndex((each) => name === topic && each.partitionIndex === 0);
            if (index < 0) continue;
            told();
            answer.markers.push({
              producerId: 4n,
              topics: [{ name, partitions: partitions.splice(index, 1) }],
            });
          }
        }
        return answer;
      }),
  },
  {
    name: 'markers are answered with an error that Kafka does not have',
    hasHole: true,
    says: /12345/,
    tell: aboutMarkers((marker) => {
      marker.errorCode = 12_345;
    }),
  },
];

/** A batch in a transaction that is committed, behind the others. */
async function addTransaction(topic: string): Promise<void> {
  const transactionalId = uniqueTopic('writer');
  const identity = await initTransactions(source, transactionalId);
  const partitions = [0, 1].map((partition) => ({ topic, partition }));
  await addPartitionsToTransaction(source, transactionalId, identity, partitions);
  const records = [0n, 1n].map((offset) => ({
    offset: end + offset,
    timestamp: 1n,
    key: null,
    value: Buffer.from(secret),
    headers: [],
  }));
  const batch = encodeBatch(records, {
    ...identity,
    compression: 'none',
    baseSequence: 0,
    isTransactional: true,
  });
  for (const partition of [0, 1]) await append(source, topic, [batch], { partition, transactionalId });
  await endTransaction(source, transactionalId, identity, 'commit');
}

describe('a destination that lies', () => {
  it('stops or holds up its partition with a named error; nothing wrong is appended', async () => {
    await using liar = await startLyingBroker(regions['eu-west']);
    const lies = destinationLies.map((lie) => ({ ...lie, topic: uniqueTopic('destination-lie') }));
    const topics = lies.map(({ topic }) => topic);
    const endOf = ({ hasHole = false }: DestinationLie): bigint => (hasHole ? end + 3n : end);
    const made = lies.map(async ({ topic, hasHole = false }) => {
      await makeSource(topic, batches('none', 'large'));
      if (hasHole) await addTransaction(topic);
    });
    await Promise.all(made);
    const told = new Map<string, number>();
    for (const { topic, tell } of lies) tell(liar, topic, () => told.set(topic, (told.get(topic) ?? 0) + 1));
    const agentOf = (to: Region) =>
      startAgent({ folder: folder.path, source: regions['us-east'], destination: to, topics });
    {
      await using agent = await agentOf(as(liar, regions['eu-west']));
      const learnIds = async () => {
        const { topics: known } = await destination.metadata({ topics });
        for (const { name, topicId } of known.values()) topicNames.set(topicId, name);
        return topics.every((topic) => known.has(topic));
      };
      await waitFor(learnIds, { deadlineMs: 20_000, describe: 'the mirror topics to be created' });
      const wanted = lies.flatMap(({ topic, says: pattern }) =>
        pattern === null ? [] : [[topic, pattern] as const],
      );
      await says(agent, new Map(wanted));
      for (const lie of lies) if (lie.says === null) await agent.mirrorsUpTo(lie.topic, endOf(lie), 0);
      for (const lie of lies) await agent.mirrorsUpTo(lie.topic, endOf(lie), 1);
      expect([...told.keys()].sort()).toEqual([...topics].sort());
      liar.beHonest();
      const waiting = () =>
        lies.filter((lie) => {
          const status = agent.partition(lie.topic, 0)!;
          return !status.isStopped && status.mirrorEnd !== endOf(lie);
        });
      await waitFor(() => waiting().length === 0, {
        deadlineMs: 30_000,
        describe: () =>
          `${waiting().map(({ name, topic }) => `${name}: ${words(agent.partition(topic, 0)!)}`)}`,
      });
    }
    await using honest = await agentOf(regions['eu-west']);
    for (const lie of lies) await honest.mirrorsUpTo(lie.topic, endOf(lie), 0);
    expect(await differences(topics)).toEqual([]);
  });
});

describe('a broker that breaks the protocol', () => {
  it('loses its connection with a named error, and the partitions go on when it keeps to it', async () => {
    await using sourceLiar = await startLyingBroker(regions['us-east']);
    await using destinationLiar = await startLyingBroker(regions['eu-west']);
    const topic = uniqueTopic('protocol');
    await makeSource(topic, batches('none', 'large'));
    sourceLiar.lie(apis.Fetch, (answer, { version, correlationId }) =>
      Buffer.concat(encodeResponse(apis.Fetch, version, correlationId + 1, answer)),
    );
    await using agent = await startAgent({
      folder: folder.path,
      source: as(sourceLiar, regions['us-east']),
      destination: as(destinationLiar, regions['eu-west']),
      topics: [topic],
    });
    await says(agent, new Map([[topic, /correlation/]]));
    expect(agent.partition(topic)!.isStopped).toBe(false);
    sourceLiar.beHonest();
    for (const partition of [0, 1]) await agent.mirrorsUpTo(topic, end, partition);

    sourceLiar.lie(apis.Fetch, (answer) => {
      for (const { partitions } of answer.responses)
        for (const each of partitions) if (each.partitionIndex === 0) each.partitionIndex = 99;
      return answer;
    });
    await addTransaction(topic);
    await says(agent, new Map([[topic, /partition 99 of topic .* was not asked for/]]));
    await agent.mirrorsUpTo(topic, end + 3n, 1);
    sourceLiar.beHonest();
    await agent.mirrorsUpTo(topic, end + 3n, 0);

    destinationLiar.lie(apis.Produce, (answer, { version, correlationId }) =>
      Buffer.concat(encodeResponse(apis.Produce, version, correlationId + 1, answer)),
    );
    const more = encodeBatch(
      [{ offset: end + 3n, timestamp: 1n, key: null, value: Buffer.from(secret), headers: [] }],
      { compression: 'none' },
    );
    for (const partition of [0, 1]) await append(source, topic, [more], { partition });
    await says(agent, new Map([[topic, /correlation/]]));
    destinationLiar.beHonest();
    for (const partition of [0, 1]) await agent.mirrorsUpTo(topic, end + 4n, partition);
    expect(await differences([topic])).toEqual([]);
  });
});
