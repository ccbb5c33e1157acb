// How far MirrorMaker 2 has come, by what Connect has written down: records of a compacted topic at the destination, as
// KafkaOffsetBackingStore keeps them and MirrorUtils.wrapPartition/wrapOffset fill them.
//
//   key     ["MirrorSourceConnector",{"cluster":"us-east","partition":0,"topic":"orders"}]
//   value   {"offset":1234}          the newest record that was copied; it goes on behind it
//
// Connect looks keys up byte by byte, so those that are there are written again as they are.
import type { Cluster } from '../client/index.ts';
import { apis } from '../protocol/index.ts';
import { encodeBatch, readRecords } from '../records/index.ts';
import { clusterLogs, readLog } from '../verify/index.ts';

/** One partition of the source, as Connect knows it. */
export interface ConnectOffset {
  readonly connector: string;
  /** The source's alias. */
  readonly cluster: string;
  readonly topic: string;
  readonly partition: number;
  /** The newest source offset that was copied; null: taken back (a tombstone). */
  readonly offset: bigint | null;
  /** As it stands in the topic. */
  readonly key: Buffer;
  /** The partition of the offsets topic that holds it. */
  readonly heldBy: number;
}

/** Null where the offsets topic does not exist. */
export type ConnectOffsets = readonly ConnectOffset[] | null;

/** The last value of each key. @throws LockstepError for what the cluster does. */
export async function readConnectOffsets(
  cluster: Cluster,
  topic: string,
  signal?: AbortSignal,
): Promise<ConnectOffsets> {
  const logs = clusterLogs(cluster);
  try {
    const size = (await logs.topicSizes([topic])).get(topic) ?? null;
    if (size === null) return null;
    if (size instanceof Error) throw size;
    const found = new Map<string, ConnectOffset>();
    for (let partition = 0; partition < size; partition++) {
      const log = logs.partitionLog(topic, partition);
      const { logStartOffset, lastStableOffset } = await log.offsets(signal);
      for await (const { view, isAborted } of readLog(log, logStartOffset, lastStableOffset)) {
        if (view.isControl || isAborted) continue;
        for (const { key, value } of readRecords(view)) {
          const parsed = parseOffset(key, value);
          // Slices of a frame that is used again.
          if (parsed !== null)
            found.set(`${parsed.connector}/${parsed.cluster}/${parsed.topic}/${parsed.partition}`, {
              ...{ ...parsed, key: Buffer.from(key!), heldBy: partition },
            });
        }
      }
    }
    return [...found.values()];
  } finally {
    logs.close();
  }
}

/** What a record of the offsets topic says; null for those of other connectors. */
export function parseOffset(
  key: Buffer | null,
  value: Buffer | null,
): Omit<ConnectOffset, 'key' | 'heldBy'> | null {
  const [connector, at] = asArray(json(key));
  const { cluster, topic, partition } = asObject(at);
  if (typeof connector !== 'string' || typeof cluster !== 'string') return null;
  if (typeof topic !== 'string' || typeof partition !== 'number') return null;
  const { offset } = asObject(json(value));
  // Beyond 2^53 JSON.parse would round; no log is that long.
  const told = typeof offset === 'number' && Number.isSafeInteger(offset) ? BigInt(offset) : null;
  return { connector, cluster, topic, partition, offset: told };
}

/** The key as Connect writes it (its JsonConverter, members in the order of Java's HashMap). */
export function offsetKey(at: {
  readonly connector: string;
  readonly cluster: string;
  readonly topic: string;
  readonly partition: number;
}): Buffer {
  const { connector, cluster, partition, topic } = at;
  return Buffer.from(JSON.stringify([connector, { cluster, partition, topic }]));
}

export function offsetValue(offset: bigint): Buffer {
  return Buffer.from(`{"offset":${offset}}`);
}

export interface OffsetToWrite {
  readonly key: Buffer;
  /** Null: MirrorMaker 2 begins at the source's start. */
  readonly offset: bigint | null;
  readonly heldBy: number;
}

const ackTimeoutMs = 30_000;

/** Appends them; those of one partition of the topic in one batch. @throws LockstepError where the broker refuses. */
export async function writeConnectOffsets(
  cluster: Cluster,
  topic: string,
  offsets: readonly OffsetToWrite[],
  nowMs: number,
): Promise<void> {
  for (const [partition, entries] of Map.groupBy(offsets, ({ heldBy }) => heldBy)) {
    const records = entries.map(({ key, offset }, index) => ({
      ...{ offset: BigInt(index), timestamp: BigInt(nowMs), key, headers: [] },
      value: offset === null ? null : offsetValue(offset),
    }));
    const { topicId } = await cluster.leaderOf(topic, partition);
    const what = `writing offsets of MirrorMaker 2 to ${topic}-${partition}`;
    await cluster.request(
      apis.Produce,
      {
        transactionalId: null,
        acks: -1,
        timeoutMs: ackTimeoutMs,
        topicData: [
          { name: topic, topicId, partitionData: [{ index: partition, records: encodeBatch(records) }] },
        ],
      },
      {
        to: { leaderOf: { topic, partition } },
        what,
        errorOf: (body) => ({ number: body.responses[0]?.partitionResponses[0]?.errorCode ?? 0 }),
        right: { operation: 'Write', resource: { topic } },
      },
    );
  }
}

/** The partition of the offsets topic that Java's producer takes for a key: murmur2, positive, modulo. */
export function partitionOfKey(key: Buffer, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount;
}

/** Kafka's Utils.murmur2. */
export function murmur2(data: Buffer): number {
  const m = 0x5bd1e995;
  let h = 0x9747b28c ^ data.length;
  const words = data.length >>> 2;
  for (let i = 0; i < words; i++) {
    let k = Math.imul(data.readInt32LE(i * 4), m);
    k ^= k >>> 24;
    h = Math.imul(h, m) ^ Math.imul(k, m);
  }
  const rest = data.length & 3;
  const at = words * 4;
  if (rest === 3) h ^= data[at + 2]! << 16;
  if (rest >= 2) h ^= data[at + 1]! << 8;
  if (rest >= 1) h = Math.imul(h ^ data[at]!, m);
  h ^= h >>> 13;
  h = Math.imul(h, m);
  return h ^ (h >>> 15);
}

function json(bytes: Buffer | null): unknown {
  try {
    return bytes === null ? null : JSON.parse(bytes.toString());
  } catch {
    return null;
  }
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
