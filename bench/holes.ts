// node scripts/start.mjs bench/holes.ts [KAFKA_VERSION]
//
// How fast holes are filled, by WriteTxnMarkers and by empty transactions, on a region of one broker that it starts:
// 1, 100 and 1,000 markers in one partition, and 1,000 in each of eight partitions at once. Medians; a table on stdout.
// docs/exactness.md has the figures.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Cluster, createTopics, systemClock, unwrap } from '../src/client/index.ts';
import { LockstepError } from '../src/errors.ts';
import { clusterTransactions } from '../src/mirror/shell/cluster-transactions.ts';
import { EmptyTransactionWriter } from '../src/mirror/shell/empty-transactions.ts';
import type { HoleOutcome, HoleWriter } from '../src/mirror/shell/hole-writer.ts';
import type { Ask } from '../src/mirror/shell/log-answers.ts';
import { askLogEnds } from '../src/mirror/shell/log-questions.ts';
import { MarkerWriter } from '../src/mirror/shell/marker-writer.ts';
import { createRegion, defaultKafkaVersion, type Region } from '../src/regions/index.ts';

const topic = 'holes';
const partitionCount = 8;
const broker = 1;
/** Markers in each partition, partitions at once, and how often it is done; the first time is not counted. */
const rounds = [
  { markers: 1, partitions: 1, repeats: 41 },
  { markers: 100, partitions: 1, repeats: 11 },
  { markers: 1_000, partitions: 1, repeats: 4 },
  { markers: 1, partitions: partitionCount, repeats: 21 },
  { markers: 1_000, partitions: partitionCount, repeats: 4 },
] as const;

const kafkaVersion = process.argv[2] ?? defaultKafkaVersion;
const folder = await mkdtemp(path.join(tmpdir(), 'lockstep-holes-'));
const region = await createRegion({
  ...{ name: 'holes', directory: path.join(folder, 'holes'), kafkaVersion, heapMb: 512 },
  brokerConfig: { 'transaction.state.log.num.partitions': '5' },
});
try {
  await region.start();
  await measureAll(region);
} finally {
  await region.destroy();
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function measureAll({ brokers }: Region): Promise<void> {
  const bootstrap = brokers.map(({ host, port }) => ({ host, port }));
  const cluster = await Cluster.connect({ name: 'holes', bootstrap });
  const configs = { 'cleanup.policy': 'delete' };
  const created = await createTopics(cluster, [{ name: topic, partitionCount, configs }]);
  for (const outcome of created.values()) unwrap(outcome);
  const { topicId, leaderEpoch } = await cluster.leaderOf(topic, 0);
  const ask: Ask = (api, input) => cluster.request(api, input, { to: broker });
  const logEnd = async (partition: number): Promise<bigint> => {
    const log = { topic, topicId, partition, leaderEpoch };
    const end = (await askLogEnds(ask, [log])).get(log);
    if (typeof end === 'bigint') return end;
    throw end ?? new LockstepError('INTERNAL', 'no log end');
  };
  await cluster.retry(() => Promise.all(Array.from({ length: partitionCount }, (_, i) => logEnd(i))));
  const writers: [string, HoleWriter][] = [
    [
      'WriteTxnMarkers',
      new MarkerWriter({
        open: () => cluster.openConnection(broker, { purpose: 'markers' }),
        answerTimeoutMs: 40_000,
        nowMs: () => performance.now(),
      }),
    ],
    [
      'empty transactions',
      new EmptyTransactionWriter({
        linkName: 'bench',
        transactions: clusterTransactions(cluster),
        clock: systemClock,
        markerTimeoutMs: 30_000,
      }),
    ],
  ];
  // A broker that has just started is slow until its code is compiled.
  for (const [, writer] of writers) await fill(writer, { markers: 1_000, partitions: partitionCount });
  console.log(`Apache Kafka ${kafkaVersion}, one broker, replication factor 1`);
  console.log(
    `${'partitions'.padStart(10)} ${'markers each'.padStart(13)}  ${'by'.padEnd(20)}${'ms'.padStart(9)}${'ms a marker'.padStart(13)}${'markers/s'.padStart(11)}`,
  );
  for (const round of rounds) {
    for (const [name, writer] of writers) {
      const ms = await medianOf(round.repeats, () => fill(writer, round));
      const total = round.markers * round.partitions;
      const figures = [
        ms.toFixed(1).padStart(9),
        (ms / total).toFixed(3).padStart(13),
        Math.round((total * 1000) / ms)
          .toLocaleString('en')
          .padStart(11),
      ];
      console.log(
        `${String(round.partitions).padStart(10)} ${String(round.markers).padStart(13)}  ${name.padEnd(20)}${figures.join('')}`,
      );
    }
  }
  for (const [, writer] of writers) writer.close();
  cluster.close();

  async function fill(writer: HoleWriter, round: { markers: number; partitions: number }): Promise<number> {
    const partitions = Array.from({ length: round.partitions }, (_, index) => index);
    const ends = await Promise.all(partitions.map(logEnd));
    const startedMs = performance.now();
    const outcomes = await Promise.all(
      partitions.map(
        (partition) =>
          new Promise<HoleOutcome>((onOutcome) => {
            const offset = ends[partition] ?? 0n;
            const markers = { producerId: 1n << 62n, epoch: 0, generation: 1, offset, count: round.markers };
            writer.write({ topic, topicId, partition, markers, onOutcome });
          }),
      ),
    );
    const ms = performance.now() - startedMs;
    const after = await Promise.all(partitions.map(logEnd));
    const wrong = partitions.find((p) => after[p] !== (ends[p] ?? 0n) + BigInt(round.markers));
    if (wrong !== undefined) {
      const text = `partition ${wrong} ends at ${after[wrong]}: ${JSON.stringify(outcomes[wrong])}`;
      throw new LockstepError('INTERNAL', text);
    }
    return ms;
  }
}

/** The first time pays for connections and transactional ids, and is left out. */
async function medianOf(repeats: number, run: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) times.push(await run());
  const sorted = times.slice(1).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
