// The probe's partition on a real broker: requests sent straight to its leader, never retried, because a retry
// would hide what is to be seen.
import { randomBytes } from 'node:crypto';
import {
  type Cluster,
  type Connection,
  deleteRecords,
  describeProducers,
  logEndOffset,
  unwrap,
  writeTransactionMarkers,
} from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { apis } from '../../protocol/index.ts';
import { BatchView, encodeBatch } from '../../records/index.ts';
import type {
  AppendOptions,
  AppendResult,
  FetchOptions,
  FetchResult,
  MarkerOptions,
  ProbeLog,
  ProbeProducer,
  ProducerEntry,
  WriteResult,
} from './probe-log.ts';

/** A scratch partition answers at once; longer means that something is wrong, ms. */
const timeoutMs = 10_000;
const acksAll = -1;
const fetchBytesMax = 64 * 1024;
/** The first version in which a fetch can say what it fetched last (KIP-595). */
const fetchVersionMin = 12;

export interface ScratchLogOptions {
  readonly cluster: Cluster;
  /** To the partition's leader, for this probe only. */
  readonly connection: Connection;
  readonly topic: string;
  readonly topicId: string;
  readonly leaderEpoch: number;
}

/** Partition 0 of the scratch topic. */
export class ScratchLog implements ProbeLog {
  readonly leaderEpoch: number;
  readonly #options: ScratchLogOptions;

  constructor(options: ScratchLogOptions) {
    this.#options = options;
    this.leaderEpoch = options.leaderEpoch;
  }

  newProducer(): ProbeProducer {
    // Bit 62 keeps us apart from ids that brokers hand out; bit 63 is the sign.
    const producerId = (1n << 62n) | (randomBytes(8).readBigUInt64BE() & ((1n << 62n) - 1n));
    return { producerId, epoch: 0 };
  }

  async logEnd(): Promise<bigint> {
    const { cluster, topic } = this.#options;
    const end = await logEndOffset(cluster, { topic, partition: 0 }, { timeoutMs });
    if (end.leaderEpoch === this.leaderEpoch) return end.logEndOffset;
    throw new LockstepError(
      'KAFKA_ERROR',
      `The leader of ${topic} has moved while the probe ran; probe again.`,
    );
  }

  append({ producerId, epoch, sequence, count = 1, baseOffset = 0n }: AppendOptions): Promise<AppendResult> {
    const timestamp = BigInt(Date.now());
    const records = Array.from({ length: count }, (_, i) => ({
      offset: baseOffset + BigInt(i),
      timestamp,
      key: null,
      value: Buffer.from('lockstep probe'),
      headers: [],
    }));
    const identity = { producerId, producerEpoch: epoch, baseSequence: sequence };
    return this.appendBatch(encodeBatch(records, identity));
  }

  async appendBatch(batch: Buffer): Promise<AppendResult> {
    const { connection, topic: name, topicId } = this.#options;
    const endBefore = await this.logEnd();
    const answer = await connection.send(
      apis.Produce,
      {
        acks: acksAll,
        timeoutMs,
        topicData: [{ name, topicId, partitionData: [{ index: 0, records: batch }] }],
      },
      { timeoutMs },
    );
    const partition = answer.responses[0]?.partitionResponses[0];
    if (partition === undefined) throw noAnswer('Produce');
    const { errorCode, baseOffset } = partition;
    return {
      errorCode,
      baseOffset: errorCode === 0 ? baseOffset : -1n,
      endBefore,
      endAfter: await this.logEnd(),
    };
  }

  async writeMarker(options: MarkerOptions): Promise<WriteResult> {
    const { producerId, epoch, coordinatorEpoch, count = 1 } = options;
    const { connection, topic } = this.#options;
    const endBefore = await this.logEnd();
    const partitions = [{ topic, partition: 0 }];
    const marker = {
      producerId,
      producerEpoch: epoch,
      coordinatorEpoch,
      // As mirrors do (shell/marker-writer.ts says why).
      outcome: 'commit',
      partitions,
    } as const;
    const markers = Array.from({ length: count }, () => marker);
    const results = await writeTransactionMarkers(connection, markers, { timeoutMs });
    const result = results[0];
    if (result === undefined) throw noAnswer('WriteTxnMarkers');
    return { errorCode: result.errorCode, endBefore, endAfter: await this.logEnd() };
  }

  async fetch({
    offset,
    currentLeaderEpoch = this.leaderEpoch,
    lastFetchedEpoch = -1,
  }: FetchOptions): Promise<FetchResult> {
    const { connection, topic, topicId } = this.#options;
    const partition = {
      partition: 0,
      currentLeaderEpoch,
      fetchOffset: offset,
      lastFetchedEpoch,
      partitionMaxBytes: fetchBytesMax,
    };
    const answer = await connection.send(
      apis.Fetch,
      {
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: fetchBytesMax,
        topics: [{ topic, topicId, partitions: [partition] }],
      },
      { timeoutMs, versionMin: fetchVersionMin },
    );
    const found = answer.responses[0]?.partitions[0];
    if (found === undefined) throw noAnswer('Fetch');
    const { errorCode, records, divergingEpoch } = found;
    const empty = records === null || records.length === 0;
    const diverging = divergingEpoch.epoch >= 0 || divergingEpoch.endOffset >= 0n ? divergingEpoch : null;
    return { errorCode, batch: empty ? null : Buffer.from(new BatchView(records, 0).bytes), diverging };
  }

  async entry(producerId: bigint): Promise<ProducerEntry | null> {
    const { cluster, topic } = this.#options;
    const answers = await describeProducers(cluster, [{ topic, partition: 0 }], { timeoutMs });
    const { producers } = unwrap(answers[0]!.outcome);
    const found = producers.find((producer) => producer.producerId === producerId);
    if (found === undefined) return null;
    const { producerEpoch: epoch, lastSequence, coordinatorEpoch } = found;
    return { epoch, lastSequence, coordinatorEpoch };
  }

  async cut(beforeOffset: bigint): Promise<bigint> {
    const { cluster, topic } = this.#options;
    const answers = await deleteRecords(cluster, [{ topic, partition: 0, beforeOffset }], { timeoutMs });
    return unwrap(answers[0]!.outcome).lowWatermark;
  }
}

function noAnswer(api: string): LockstepError {
  return new LockstepError(
    'FRAME_INVALID',
    `The broker's ${api} answer does not name the partition asked about.`,
  );
}
