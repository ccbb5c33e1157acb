// What a destination can lie about: its appends, where its log ends, and its markers; and what people then read.
import { apis, type ProduceResponse } from '../../src/protocol/index.ts';
import type { LyingBroker } from '../support/lying-broker.ts';

export interface DestinationLie {
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
export const topicNames = new Map<string, string>();

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
export const destinationLies: DestinationLie[] = [
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
