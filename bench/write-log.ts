// Fills a topic as fast as the brokers take it: a few batches are prepared and sent again and again, many requests at a
// time. What is measured reads the log afterwards and can't tell.
//
// - Values are random bytes, or texts like those of events where batches are compressed (lz4 halves them, zstd does more).
// - A batch has as many records as fit into batchBytes, on the wire: what batch.size means to Kafka's Java producer.
// - With transactions, each of several producers has partitions of its own, in which a marker stands after so many records.
import { randomBytes, randomInt } from 'node:crypto';
import {
  addPartitionsToTransaction,
  Cluster,
  type Connection,
  endTransaction,
  initTransactions,
  logEndOffset,
} from '../src/client/index.ts';
import { apis } from '../src/protocol/index.ts';
import { BatchView, type Compression, encodeBatch, rewriteHeader } from '../src/records/index.ts';
import type { Region } from '../src/regions/index.ts';
import { configOf } from '../test/client/support.ts';
import { waitFor } from '../test/support/wait-for.ts';
import { appendAll, checkAppended, requestTimeoutMs } from './append-loop.ts';

/** What the source's log is made of. */
export interface Workload {
  readonly partitions: number;
  /** Size of a record's value. */
  readonly recordBytes: number;
  /** Size of a batch in the log. */
  readonly batchBytes: number;
  readonly compression: Compression;
  /** Records of a partition between two transaction markers; null: no transactions. */
  readonly markerEveryRecords: number | null;
}

export interface Written {
  /** Without transaction markers. */
  readonly records: number;
  readonly recordsPerBatch: number;
  readonly batchBytes: number;
}

/** Different batches, so that nothing between the disks finds them equal. */
const preparedBatches = 8;
const connections = 2;
/** Requests under way on each connection. */
const depth = 6;
/** Of records in one request: a broker takes 100 MiB, and answers sooner with less. */
const requestBytesMax = 4 * 1024 * 1024;
const transactionalProducers = 4;
/** Each takes turns with so many transactional ids: one whose markers are still being written takes no new transaction. */
const idsOfProducer = 4;
const leadersMsMax = 30_000;
/** Of the header of a batch, and around each value. Nearly; a batch may be a little larger. */
const headerBytes = 61;
const recordOverheadBytes = 8;

/** Fills a topic that is there with at least `bytes` of log, the same number of records in each partition. */
export async function writeLog(
  region: Region,
  topic: string,
  { bytes, ...workload }: Workload & { readonly bytes: number },
): Promise<Written> {
  const batches = prepareBatches(workload);
  const recordsPerBatch = new BatchView(batches[0]!, 0).recordCount;
  const meanBytes = batches.reduce((sum, { length }) => sum + length, 0) / batches.length;
  const rounds = Math.max(1, Math.ceil(bytes / meanBytes / workload.partitions));
  const cluster = await Cluster.connect(configOf(region));
  try {
    await waitForLeaders(cluster, topic, workload.partitions);
    const work = { cluster, topic, batches, rounds, recordsPerBatch, ...workload };
    const roundsWritten =
      workload.markerEveryRecords === null
        ? await writePlain(work)
        : await writeTransactions({ ...work, markerEveryRecords: workload.markerEveryRecords });
    return {
      records: roundsWritten * recordsPerBatch * workload.partitions,
      recordsPerBatch,
      batchBytes: meanBytes,
    };
  } finally {
    cluster.close();
  }
}

/** A new topic's leaders know that they are some moments after everybody else does: each is asked. */
async function waitForLeaders(cluster: Cluster, topic: string, partitions: number): Promise<void> {
  for (let partition = 0; partition < partitions; partition++)
    await waitFor(() => logEndOffset(cluster, { topic, partition }), {
      deadlineMs: leadersMsMax,
      describe: `a leader of ${topic}-${partition}`,
    });
}

interface Work extends Workload {
  readonly cluster: Cluster;
  readonly topic: string;
  readonly batches: readonly Buffer[];
  /** Batches of each partition. */
  readonly rounds: number;
  readonly recordsPerBatch: number;
}

async function writePlain(work: Work): Promise<number> {
  const { rounds, partitions, batches } = work;
  const perRequest = Math.max(1, Math.min(partitions, Math.floor(requestBytesMax / batches[0]!.length)));
  const groups = await groupsByLeader(work, perRequest);
  // All lanes of one group take its rounds from one counter.
  await Promise.all(
    groups.map(({ partitions: written, connections: opened }) => {
      let round = 0;
      const laneCount = Math.max(1, Math.ceil((connections * depth) / groups.length));
      const lanes = Array.from({ length: laneCount }, (_, lane) => opened[lane % connections]!);
      return appendAll({ ...work, lanes }, () => {
        if (round >= rounds) return null;
        const first = round++;
        return written.map((index) => ({ index, records: batches[(first + index) % batches.length]! }));
      });
    }),
  );
  return rounds;
}

interface Group {
  readonly partitions: readonly number[];
  readonly connections: readonly Connection[];
}

/** Partitions that one request writes to: of one leader, `most` at most. */
async function groupsByLeader({ cluster, topic, partitions }: Work, most: number): Promise<Group[]> {
  const byLeader = new Map<number, number[]>();
  for (let partition = 0; partition < partitions; partition++) {
    const { leaderId } = await cluster.leaderOf(topic, partition);
    byLeader.set(leaderId, [...(byLeader.get(leaderId) ?? []), partition]);
  }
  const groups: Group[] = [];
  for (const [leaderId, led] of byLeader) {
    const opened = await Promise.all(
      Array.from({ length: connections }, () =>
        cluster.openConnection(leaderId, { purpose: 'bench-writer' }),
      ),
    );
    for (let at = 0; at < led.length; at += most)
      groups.push({ partitions: led.slice(at, at + most), connections: opened });
  }
  return groups;
}

/** Whole transactions only: rounds are rounded up to them. */
async function writeTransactions(work: Work & { markerEveryRecords: number }): Promise<number> {
  const perTransaction = Math.max(1, Math.round(work.markerEveryRecords / work.recordsPerBatch));
  const transactions = Math.ceil(work.rounds / perTransaction);
  const count = Math.min(transactionalProducers, work.partitions);
  await Promise.all(
    Array.from({ length: count }, (_, producer) => {
      const own = Array.from({ length: work.partitions }, (_none, index) => index).filter(
        (index) => index % count === producer,
      );
      return transactionalProducer(work, { producer, own, perTransaction, transactions });
    }),
  );
  return transactions * perTransaction;
}

async function transactionalProducer(
  work: Work,
  how: { producer: number; own: readonly number[]; perTransaction: number; transactions: number },
): Promise<void> {
  const { cluster, topic, recordsPerBatch } = work;
  const ids = await Promise.all(
    Array.from({ length: idsOfProducer }, async (_, index) => {
      const transactionalId = `bench-writer-${topic}-${how.producer}-${index}`;
      return { transactionalId, identity: await initTransactions(cluster, transactionalId), sequence: 0 };
    }),
  );
  const own = how.own.map((partition) => ({ topic, partition }));
  for (let transaction = 0; transaction < how.transactions; transaction++) {
    const id = ids[transaction % idsOfProducer]!;
    const { transactionalId, identity } = id;
    await addPartitionsToTransaction(cluster, transactionalId, identity, own);
    for (let batch = 0; batch < how.perTransaction; batch++) {
      const round = transaction * how.perTransaction + batch;
      const appends = how.own.map(async (partition) => {
        const records = Buffer.from(work.batches[(round + partition) % work.batches.length]!);
        rewriteHeader(new BatchView(records, 0), { ...identity, baseSequence: id.sequence });
        const { topicId } = await cluster.leaderOf(topic, partition);
        const topicData = [{ name: topic, topicId, partitionData: [{ index: partition, records }] }];
        const answer = await cluster.request(
          apis.Produce,
          { transactionalId, acks: -1, timeoutMs: requestTimeoutMs, topicData },
          // From version 12 on, an append adds its partition to the transaction by itself (KIP-890).
          { to: { leaderOf: { topic, partition } }, versionMax: 11 },
        );
        checkAppended(answer);
      });
      await Promise.all(appends);
      id.sequence += recordsPerBatch;
    }
    await endTransaction(cluster, transactionalId, identity, 'commit');
  }
}

/** Batches as a producer makes them; base offset 0, for the broker to set. */
export function prepareBatches(workload: Workload, count = preparedBatches): Buffer[] {
  const recordsPerBatch = recordsThatFit(workload);
  return Array.from({ length: count }, () => batchOf(workload, recordsPerBatch));
}

function batchOf(workload: Workload, records: number): Buffer {
  const timestamp = BigInt(Date.now());
  const value = () =>
    workload.compression === 'none' ? randomBytes(workload.recordBytes) : eventText(workload.recordBytes);
  return encodeBatch(
    Array.from({ length: records }, (_, index) => ({
      ...{ offset: BigInt(index), timestamp, key: null, value: value(), headers: [] },
    })),
    { compression: workload.compression, isTransactional: workload.markerEveryRecords !== null },
  );
}

/** At least one; with transactions a divisor of their records. */
function recordsThatFit(workload: Workload): number {
  const { recordBytes, batchBytes, compression, markerEveryRecords } = workload;
  const plain = Math.max(1, Math.floor((batchBytes - headerBytes) / (recordBytes + recordOverheadBytes)));
  const shrinks = compression === 'none' ? 1 : (plain * recordBytes) / batchOf(workload, plain).length;
  const fitting = Math.max(1, Math.floor(plain * shrinks));
  if (markerEveryRecords === null) return fitting;
  let divisor = Math.min(fitting, markerEveryRecords);
  while (markerEveryRecords % divisor !== 0) divisor--;
  return divisor;
}

const words = ['order', 'created', 'customer', 'shipped', 'eu-west', 'us-east', 'amount', 'currency', 'EUR'];

/** A text like that of an event: names that repeat, ids that don't. */
function eventText(bytes: number): Buffer {
  let text = '{';
  while (text.length < bytes) {
    const word = words[randomInt(words.length)]!;
    text += `"${word}Id":"${randomBytes(6).toString('hex')}","${word}Name":"${word} ${words[randomInt(words.length)]}",`;
  }
  return Buffer.from(text.slice(0, bytes), 'latin1');
}
