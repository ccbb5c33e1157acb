// What the destination alone makes of a mirror's appends, in a process of its own:
// node bench/straight-writer.ts BOOTSTRAP TOPIC PARTITIONS RECORDS RECORD_BYTES
//
// Batches of so many records from memory, a transaction marker after each, in every partition, for ever. The rules are
// those of a mirror (acks=all, the base offset compared, a marker when the batch before it is acknowledged, the log end
// read behind each marker before the next batch), the work around them is not done: nothing is read from a source, compared
// with it, copied, planned or reported. Partitions of one broker go in step over one connection, in as few requests as can be
// (two halves of them in turn, each over a connection of its own, were no faster):
//
//   Produce [p0 p3 p6] ─► answer ─► WriteTxnMarkers [p0 p3 p6], OffsetForLeaderEpoch [p0 p3 p6] ─► answers ─► Produce ...
import { Cluster, type Connection } from '../src/client/index.ts';
import { LockstepError } from '../src/errors.ts';
import { apis } from '../src/protocol/index.ts';
import { attributeBits, BatchView, rewriteHeader } from '../src/records/index.ts';
import { prepareBatches } from './write-log.ts';

/** As far from Kafka's own ids as those of mirrors. */
const producerId = 2n ** 62n + 1n;
const timeoutMs = 60_000;
const sequenceCount = 2 ** 31;

interface Written {
  readonly index: number;
  readonly leaderEpoch: number;
  /** Where its log ends. */
  end: bigint;
  sequence: number;
  /** Bytes of its own: a header is rewritten for each append. */
  readonly batches: readonly Buffer[];
}

interface Round {
  readonly topic: string;
  readonly topicId: string;
  readonly connection: Connection;
  readonly partitions: readonly Written[];
  readonly recordCount: number;
}

function check(what: string, partition: Written, seen: { errorCode: number; offset: bigint }): void {
  if (seen.errorCode === 0 && seen.offset === partition.end) return;
  const { errorCode, offset } = seen;
  throw new LockstepError(
    'INTERNAL',
    `${what}: partition ${partition.index} answered error ${errorCode}, offset ${offset}, where ${partition.end} was meant.`,
  );
}

async function appendBatches({ connection, ...round }: Round, turn: number): Promise<void> {
  const { topic, topicId, partitions, recordCount } = round;
  const partitionData = partitions.map(({ index, batches, sequence }) => {
    const records = batches[turn % batches.length]!;
    const view = new BatchView(records, 0);
    const attributes = view.attributes & attributeBits.compression;
    rewriteHeader(view, { producerId, producerEpoch: 0, baseSequence: sequence, attributes });
    return { index, records };
  });
  const topicData = [{ name: topic, topicId, partitionData }];
  const answer = await connection.send(
    apis.Produce,
    { transactionalId: null, acks: -1, timeoutMs, topicData },
    { timeoutMs },
  );
  const answers = answer.responses.flatMap(({ partitionResponses }) => partitionResponses);
  for (const partition of partitions) {
    const { errorCode, baseOffset } = answers.find(({ index }) => index === partition.index)!;
    check('Produce', partition, { errorCode, offset: baseOffset });
    partition.end += BigInt(recordCount);
    partition.sequence = (partition.sequence + recordCount) % sequenceCount;
  }
}

async function writeMarkers({ connection, topic, partitions }: Round): Promise<void> {
  const marker = {
    ...{ producerId, producerEpoch: 0, coordinatorEpoch: 0, transactionResult: true, transactionVersion: 0 },
    topics: [{ name: topic, partitionIndexes: partitions.map(({ index }) => index) }],
  };
  const written = connection.send(apis.WriteTxnMarkers, { markers: [marker] }, { timeoutMs });
  const asked = partitions.map(({ index: partition, leaderEpoch }) => {
    return { partition, currentLeaderEpoch: leaderEpoch, leaderEpoch };
  });
  const ends = connection.send(
    apis.OffsetForLeaderEpoch,
    { replicaId: -1, topics: [{ topic, partitions: asked }] },
    { timeoutMs },
  );
  await written;
  const answers = (await ends).topics.flatMap((each) => each.partitions);
  for (const partition of partitions) {
    const { errorCode, endOffset } = answers.find((each) => each.partition === partition.index)!;
    partition.end += 1n;
    check('a marker', partition, { errorCode, offset: endOffset });
  }
}

async function writeForEver(round: Round): Promise<never> {
  for (let turn = 0; ; turn++) {
    await appendBatches(round, turn);
    await writeMarkers(round);
  }
}

async function main(): Promise<void> {
  const [bootstrap, topic, ...numbers] = process.argv.slice(2) as [string, string, ...string[]];
  const [partitionCount, recordCount, recordBytes] = numbers.map(Number) as [number, number, number];
  const cluster = await Cluster.connect({
    name: 'destination',
    bootstrap: bootstrap.split(',').map((text) => {
      const colon = text.lastIndexOf(':');
      return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
    }),
  });
  const batchBytes = recordCount * (recordBytes + 64);
  const workload = { partitions: partitionCount, recordBytes, batchBytes, compression: 'none' as const };
  const prepared = prepareBatches({ ...workload, markerEveryRecords: recordCount });
  const byLeader = new Map<number, Written[]>();
  let topicId = '';
  for (let index = 0; index < partitionCount; index++) {
    const leader = await cluster.leaderOf(topic, index);
    topicId = leader.topicId;
    const batches = prepared.map((batch) => Buffer.from(batch));
    const partition = { index, leaderEpoch: leader.leaderEpoch, end: 0n, sequence: 0, batches };
    byLeader.set(leader.leaderId, [...(byLeader.get(leader.leaderId) ?? []), partition]);
  }
  const rounds = Array.from(byLeader, async ([leaderId, partitions]): Promise<Round> => {
    const connection = await cluster.openConnection(leaderId, { purpose: 'bench-straight' });
    return { topic, topicId, connection, partitions, recordCount };
  });
  await Promise.all((await Promise.all(rounds)).map(writeForEver));
}

await main();
