// Records of a log as they are compared: digests of all that a consumer sees, one by one, markers left out.
import { createHash } from 'node:crypto';
import type { Cluster } from '../client/index.ts';
import { earlier, later } from '../offsets.ts';
import { parseTail, readRawRecords } from '../records/index.ts';
import { clusterLogs, type LogOffsets, type PartitionLog, readLog } from '../verify/index.ts';
import type { SeenRecord } from './align.ts';

/** One partition, as it is read with and without what is undecided or aborted told apart. */
export interface ReadLogs {
  /** Up to the last stable offset; knows what was aborted. */
  readonly committed: PartitionLog;
  /** Up to the high watermark. */
  readonly uncommitted: PartitionLog;
}

/** The logs of a cluster; `close` closes the connections opened for reading, not the cluster. */
export interface Logs {
  of(topic: string, partition: number): ReadLogs;
  close(): void;
}

export function logsOf(cluster: Cluster): Logs {
  const committed = clusterLogs(cluster);
  const uncommitted = clusterLogs(cluster, { isolation: 'read_uncommitted' });
  return {
    of: (topic, partition) => ({
      committed: committed.partitionLog(topic, partition),
      uncommitted: uncommitted.partitionLog(topic, partition),
    }),
    close: () => {
      committed.close();
      uncommitted.close();
    },
  };
}

export interface ReadingOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** From `from` on up to `to` (source or remote offsets of this log), `to` excluded. What is undecided counts as not aborted. */
export async function* seenRecords(
  logs: ReadLogs,
  offsets: LogOffsets,
  { from, to }: { readonly from: bigint; readonly to: bigint },
  options: ReadingOptions = {},
): AsyncGenerator<SeenRecord, void, undefined> {
  const start = later(from, offsets.logStartOffset);
  const stable = earlier(to, offsets.lastStableOffset);
  if (start < stable) yield* recordsOf(logs.committed, start, stable, options);
  const undecided = later(start, stable);
  if (undecided < to) yield* recordsOf(logs.uncommitted, undecided, to, options);
}

async function* recordsOf(
  log: PartitionLog,
  from: bigint,
  to: bigint,
  { signal, onBytes }: ReadingOptions,
): AsyncGenerator<SeenRecord, void, undefined> {
  const reading = { ...(signal && { signal }), ...(onBytes && { onFetched: onBytes }) };
  for await (const { view, isAborted } of readLog(log, from, to, reading)) {
    if (view.isControl) continue;
    for (const { offset, timestamp, tail } of readRawRecords(view))
      if (offset >= from && offset < to) {
        const { key } = parseTail(view.baseOffset, tail);
        yield {
          ...{ offset, timestamp, isAborted },
          digest: digestOfRecord(timestamp, tail),
          key: key === null ? null : digestOf('', key),
        };
      }
  }
}

/** Of all that a consumer sees; `tail` is what follows a record's offset and timestamp. */
export function digestOfRecord(timestamp: bigint, tail: Buffer): string {
  return digestOf(`${timestamp}/`, tail);
}

function digestOf(prefix: string, bytes: Buffer): string {
  return createHash('sha256').update(prefix).update(bytes).digest('base64').slice(0, 24);
}
