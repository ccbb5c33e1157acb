// node scripts/start.mjs bench/fillers.ts [HEAP_MB]
//
// How many offsets a broker takes as fillers, by codec and size, on a region of one broker that it starts: offsets a
// second on one connection to one partition, and the broker's CPU time for a million of them, which other work on the
// machine moves less. Best of three rounds; a table on stdout. src/records/filler-batch.ts rests on it.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Cluster, createTopics, logEndOffset, unwrap } from '../src/client/index.ts';
import { apis } from '../src/protocol/index.ts';
import {
  BatchView,
  type Compression,
  compressions,
  fillerBatch,
  rewriteHeader,
} from '../src/records/index.ts';
import { createRegion } from '../src/regions/index.ts';

const sizes = [20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000];
const roundOffsets = 5_000_000;
const warmUpOffsets = 20_000_000;
const rounds = 3;
const producerId = 1n << 62n;
/** Beyond the default of 1 MB, so that every codec can show its best size. */
const batchBytesMax = '20000000';

interface Result {
  readonly sizeBytes: number;
  readonly offsetsPerSecond: number;
  readonly cpuMsPerMillion: number;
}

const heapMb = Number(process.argv[2] ?? 256);
const folder = await mkdtemp(path.join(tmpdir(), 'lockstep-fillers-'));
const region = await createRegion({
  name: 'fillers',
  directory: path.join(folder, 'region'),
  heapMb,
  jvm: 'throughput',
  brokerConfig: { 'message.max.bytes': batchBytesMax },
});
let topics = 0;
try {
  await region.start();
  const bootstrap = region.bootstrap.map((address) => {
    const colon = address.lastIndexOf(':');
    return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
  });
  const cluster = await Cluster.connect({ name: 'fillers', bootstrap });
  const { pid } = (await region.status()).brokers[0]!;
  const fill = (codec: Compression, count: number, offsets: number) =>
    measure({ cluster, pid: pid!, codec, count, offsets });
  for (const codec of compressions) await fill(codec, 100_000, warmUpOffsets / compressions.length);
  console.log('codec     records      bytes   million offsets/s   CPU ms a million');
  const results = new Map<string, Result[]>();
  for (let round = 0; round < rounds; round++) {
    for (const codec of compressions) {
      for (const count of sizes) {
        const key = `${codec.padEnd(6)} ${String(count).padStart(10)}`;
        results.set(key, [...(results.get(key) ?? []), await fill(codec, count, roundOffsets)]);
      }
    }
  }
  for (const [key, found] of results) {
    const speed = Math.max(...found.map((result) => result.offsetsPerSecond)) / 1e6;
    const cpu = Math.min(...found.map((result) => result.cpuMsPerMillion));
    const bytes = String(found[0]!.sizeBytes).padStart(10);
    console.log(`${key} ${bytes} ${speed.toFixed(1).padStart(19)} ${cpu.toFixed(0).padStart(18)}`);
  }
  await cluster.close();
} finally {
  await region.destroy();
  await rm(folder, { recursive: true, force: true });
}

async function measure(options: {
  cluster: Cluster;
  pid: number;
  codec: Compression;
  count: number;
  offsets: number;
}): Promise<Result> {
  const { cluster, pid, codec, count, offsets } = options;
  const name = `fillers-${topics++}`;
  unwrap(
    (await createTopics(cluster, [{ name, configs: { 'max.message.bytes': batchBytesMax } }])).get(name)!,
  );
  await logEndOffset(cluster, { topic: name, partition: 0 });
  const { leaderId, topicId } = await cluster.leaderOf(name, 0);
  const connection = await cluster.openConnection(leaderId);
  const records = fillerBatch({ count, timestamp: -1n, compression: codec });
  const cpuBeforeMs = cpuMs(pid);
  const startedMs = performance.now();
  for (let sequence = 0; sequence < offsets; sequence += count) {
    rewriteHeader(new BatchView(records, 0), { producerId, producerEpoch: 0, baseSequence: sequence });
    const { responses } = await connection.send(apis.Produce, {
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name, topicId, partitionData: [{ index: 0, records }] }],
    });
    const { errorCode } = responses[0]!.partitionResponses[0]!;
    if (errorCode !== 0)
      throw new Error(`a filler of ${count} records in ${codec} ended in error ${errorCode}`);
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const cpu = cpuMs(pid) - cpuBeforeMs;
  connection.close();
  return {
    sizeBytes: records.length,
    offsetsPerSecond: offsets / seconds,
    cpuMsPerMillion: (cpu * 1e6) / offsets,
  };
}

/** User and system time of a process so far, in ms (Linux counts hundredths of a second). */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
