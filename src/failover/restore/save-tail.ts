// Saves the divergent tail of one partition, and shows that it is saved: every record is read back from both logs.
import type { Cluster } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { later } from '../../offsets.ts';
import type { Compression, RawRecord } from '../../records/index.ts';
import { readRawRecords } from '../../records/index.ts';
import { type LogSource, type PartitionLog, readLog } from '../../verify/index.ts';
import { QuarantineWriter, savedSoFar } from './quarantine.ts';
import { isSaved, type Origin, originOf, savedRecord } from './saved-record.ts';
import { readTail, type TailLogs, type TailRange } from './tail.ts';

/** Keys, values and headers in one append, bytes; a larger record goes alone. */
const appendBytesMax = 512 * 1024;
/** How often what another one appended meanwhile is taken in. */
const attemptsMax = 3;

export interface SavedTail {
  /** Records that are saved, and what they take before compression. */
  readonly records: bigint;
  readonly bytes: bigint;
}

export interface SaveTailOptions {
  readonly origin: Origin;
  readonly range: TailRange;
  readonly lost: TailLogs;
  /** The cluster of the restored region, which holds both topics. */
  readonly cluster: Cluster;
  readonly logs: LogSource;
  readonly savedTo: string;
  readonly onSaved?: (records: number, bytes: number) => void;
  readonly signal?: AbortSignal;
}

/** Saves what is not saved yet; the same call again adds nothing. */
export async function saveTail(options: SaveTailOptions): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await saveRest(options);
    } catch (error) {
      // A late append of a former run: it is in its place, and we go on behind it.
      const isLate = error instanceof LockstepError && error.detail.number === outOfOrder;
      if (!isLate || attempt === attemptsMax) throw error;
    }
  }
}

/** OUT_OF_ORDER_SEQUENCE_NUMBER. */
const outOfOrder = 45;

async function saveRest(options: SaveTailOptions): Promise<void> {
  const { origin, range, lost, cluster, logs, savedTo, onSaved, signal } = options;
  const at = { topic: savedTo, partition: origin.partition };
  const saved = await savedSoFar(cluster, logs, at);
  const start = later(range.start, saved.lastOffset === null ? range.start : saved.lastOffset + 1n);
  const writer = new QuarantineWriter(cluster, at);
  let place = saved.count;
  let gathered: RawRecord[] = [];
  let gatheredBytes = 0;
  let compression: Compression = 'none';
  const flush = async () => {
    signal?.throwIfAborted();
    if (gathered.length === 0) return;
    await writer.append(gathered, compression);
    onSaved?.(gathered.length, gatheredBytes);
    gathered = [];
    gatheredBytes = 0;
  };
  for await (const batch of readTail(lost, { ...range, start }, signal)) {
    if (batch.compression !== compression) await flush();
    compression = batch.compression;
    for (const record of batch.records) {
      const wanted = savedRecord(record, origin, batch.fate, place);
      if (gatheredBytes > 0 && gatheredBytes + wanted.tail.length > appendBytesMax) await flush();
      gathered.push(wanted);
      gatheredBytes += wanted.tail.length;
      place += 1n;
    }
  }
  await flush();
}

/**
 * Reads the tail and what was saved of it, and compares every record. What retention or the cleaner has taken from the
 * lost log since is saved all the same, and only counted on: it has to stand in its order.
 * @throws LockstepError KAFKA_ERROR naming the first that is not saved, or is not the same.
 */
export async function verifyTail(options: Omit<SaveTailOptions, 'cluster' | 'onSaved'>): Promise<SavedTail> {
  const { origin, range, lost, logs, savedTo, signal } = options;
  const log = logs.partitionLog(savedTo, origin.partition);
  const saved = inOrder(records(log, (await log.offsets(signal)).highWatermark, signal), options);
  const place = `${origin.topic}-${origin.partition}`;
  let count = 0n;
  let bytes = 0n;
  try {
    for await (const batch of readTail(lost, range, signal)) {
      for (const record of batch.records) {
        let found = await saved.next();
        while (found.done !== true && found.value.offset < record.offset) found = await saved.next();
        if (found.done === true || found.value.offset > record.offset)
          throw unsaved(`${place}: offset ${record.offset} is not in ${savedTo}`);
        const { record: held } = found.value;
        if (!isSaved(held, savedRecord(record, origin, batch.fate, held.offset)))
          throw unsaved(
            `${place}: offset ${record.offset} is not what stands in ${savedTo}-${origin.partition} at offset ${held.offset}`,
          );
        count += 1n;
        bytes += BigInt(held.tail.length);
      }
    }
    while ((await saved.next()).done !== true);
  } finally {
    await saved.return();
  }
  return { records: count, bytes };
}

interface HeldRecord {
  /** Where it stood in the lost log. */
  readonly offset: bigint;
  readonly record: RawRecord;
}

/** @throws LockstepError for a record that is none of this tail, or stands twice. */
async function* inOrder(
  saved: AsyncIterable<RawRecord>,
  { origin, range, savedTo }: Pick<SaveTailOptions, 'origin' | 'range' | 'savedTo'>,
): AsyncGenerator<HeldRecord, void, undefined> {
  let before = -1n;
  for await (const record of saved) {
    const offset = originOf(record)?.offset;
    if (offset === undefined || offset <= before || offset >= range.end)
      throw unsaved(
        `${savedTo}-${origin.partition}: offset ${record.offset} is no record of ${origin.topic}-${origin.partition} that follows those before`,
      );
    before = offset;
    yield { offset, record };
  }
}

async function* records(
  log: PartitionLog,
  end: bigint,
  signal: AbortSignal | undefined,
): AsyncGenerator<RawRecord, void, undefined> {
  for await (const { view } of readLog(log, 0n, end, signal === undefined ? {} : { signal }))
    if (!view.isControl) yield* readRawRecords(view);
}

function unsaved(what: string): LockstepError {
  return new LockstepError(
    'KAFKA_ERROR',
    `${what}; nothing is deleted. Delete the topic of saved records, which is incomplete or was written to, and restore again`,
  );
}
