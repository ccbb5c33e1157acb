// Answers whether a batch of the source comes back to the cluster it was written in (partition/returning.ts).
//
// Directly: the batch was read from the very cluster that it would be written to. The source's leader tells
// (DescribeProducers) whether that writer can still write: a promotion has closed its id with the highest epoch, and one
// that has not written for a day is forgotten. A writer that lives is the other half of a circle.
//
// The longer way: a batch that was mirrored before, of which nobody knows how often. Mirrors keep offsets, and names grow
// at the front. So if it comes from the destination, the destination has the same record at the same offset, in a topic
// whose name is the end of this one's: written there by a client, or by this very link on an earlier lap, which its own
// prefix inside the name tells. The same record in any other mirror there proves nothing: two ways may lead from one
// cluster to another, and this link may copy what came over both.
//
// A copy that another tool has made: batches say nothing, and offsets may be others. Asked only where the topic is called
// as if it were a mirror of this link's own mirror (`b.a.orders`, read by who makes `a.orders`): the first record is
// looked for in that mirror, by its timestamp.
import { LockstepError } from '../../errors.ts';
import { BatchView, isSameBatch, type RecordView, readRecords } from '../../records/index.ts';
import { Slots } from '../../slots.ts';
import { closingEpoch, isLockstepProducerId, type ProducerEntry, unrotated } from '../partition/identity.ts';
import { type ReturnQuestion, type ReturnVerdict, untagged } from '../partition/returning.ts';
import { askBatch } from './batch-questions.ts';
import { type AskBroker, BrokerQuestions, type LedLog } from './broker-questions.ts';
import type { Ask } from './log-answers.ts';
import { askOffsetOfTime, askOffsets, askProducers } from './log-questions.ts';
import { differenceAt } from './tail-comparer.ts';

export interface ReturnQuestionsOptions {
  readonly source: AskBroker;
  readonly destination: AskBroker;
  readonly sourceName: string;
  readonly destinationName: string;
  /** A log of the destination by its own name; null where there is none. */
  destinationLog(topic: string, partition: number): LedLog | null;
  /** Mirrors of this link whose mirror this topic of the source may be, by its name (src/link/growing-name.ts). */
  earlierLaps(topic: string): readonly string[];
  /** Whose producer id this is, in words, as far as anybody told; null: unknown. */
  nameWriter?(producerId: bigint): string | null;
}

/** A question of one partition. */
export interface AskedReturn {
  readonly question: ReturnQuestion;
  /** The partition's log at the source. */
  readonly log: LedLog;
  /** Source offset - offset at the mirror. */
  readonly shift: bigint;
  /** The source's high watermark as it was known before this is asked. */
  readonly sourceEnd: bigint;
  /** The link's producer id in this life of the mirror. */
  readonly ownId: bigint;
}

/** Batches are fetched whole for this: so many at a time. */
const looksAtOnceMax = 16;
/** Names that are the end of another one. */
const candidatesMax = 8;

export class ReturnQuestions {
  readonly #options: ReturnQuestionsOptions;
  readonly #producers: BrokerQuestions<LedLog, ProducerEntry[]>;
  readonly #slots = new Slots(looksAtOnceMax);

  constructor(options: ReturnQuestionsOptions) {
    this.#options = options;
    this.#producers = new BrokerQuestions(options.source, (ask, logs) => askProducers(ask, logs));
  }

  /** @throws LockstepError when a cluster does not answer: nothing may be copied then. */
  ask(asked: AskedReturn): Promise<ReturnVerdict> {
    const { producerId, isDirect } = asked.question;
    if (isDirect) return this.#isAlive(asked);
    return this.#slots.use(() => (producerId === untagged ? this.#wasCopied(asked) : this.#wasThere(asked)));
  }

  async #isAlive({ question, log, shift, sourceEnd }: AskedReturn): Promise<ReturnVerdict> {
    const { producerId } = question;
    const writer = unrotated(producerId);
    const entries = await this.#producers.ask(log.leader, log);
    const own = entries.filter((entry) => unrotated(entry.producerId) === writer);
    if (own.some(({ epoch }) => epoch === closingEpoch)) return { kind: 'passes', until: null };
    // Forgotten: it has not written for long. Should it ever again, that is behind what the source had when we asked.
    if (own.length === 0) return { kind: 'passes', until: sourceEnd - shift };
    const { sourceName, destinationName, nameWriter } = this.#options;
    const name = nameWriter?.(producerId) ?? null;
    const who =
      name === null ? `a link that reads from ${destinationName} (producer id ${producerId})` : name;
    return {
      kind: 'returns',
      reason: `the records from offset ${question.offset + shift} of ${sourceName}.${log.topic}-${log.partition} on were mirrored there from ${destinationName} by ${who}, which is not closed: ${destinationName} -> ${sourceName}.${log.topic} -> ${destinationName}`,
    };
  }

  async #wasThere(asked: AskedReturn): Promise<ReturnVerdict> {
    const { question, log, shift, sourceEnd } = asked;
    const offset = question.offset + shift;
    const logs = this.#logsOf(endsOfName(log.topic), log.partition);
    const passes: ReturnVerdict = { kind: 'passes', until: null };
    if (logs.length === 0) return passes;
    const original = await askBatch(this.#options.source(log.leader), log, offset);
    if (original === null) return { kind: 'passes', until: sourceEnd - shift };
    let isCertain = true;
    const laps = this.#options.earlierLaps(log.topic);
    for (const there of logs) {
      const own = { ownId: asked.ownId, isEarlierLap: laps.includes(there.topic) };
      const found = await this.#sameAt(there, offset, original, own);
      if (found === 'same') return { kind: 'returns', reason: this.#lap(asked, there) };
      if (found === 'gone') isCertain = false;
    }
    return isCertain ? passes : { kind: 'passes', until: sourceEnd - shift };
  }

  async #wasCopied({ question, log, shift, sourceEnd }: AskedReturn): Promise<ReturnVerdict> {
    const later: ReturnVerdict = { kind: 'passes', until: sourceEnd - shift };
    const logs = this.#logsOf(this.#options.earlierLaps(log.topic), log.partition);
    const offset = question.offset + shift;
    const batch = await askBatch(this.#options.source(log.leader), log, offset);
    // Two records without key and value are always alike.
    const record = recordsIn(batch).find(({ key, value }) => (key?.length ?? 0) + (value?.length ?? 0) > 0);
    if (record === undefined) return later;
    const { sourceName, destinationName } = this.#options;
    for (const there of logs) {
      const found = await findRecord(this.#options.destination(there.leader), there, record);
      if (found === null) continue;
      return {
        kind: 'returns',
        reason: `the record at offset ${record.offset} of ${sourceName}.${log.topic}-${log.partition} stands at offset ${found} of ${destinationName}.${there.topic}-${log.partition} already, and something else than Lockstep copied it from there: ${destinationName}.${there.topic} -> ${sourceName}.${log.topic} -> ${destinationName}`,
      };
    }
    return later;
  }

  #logsOf(topics: readonly string[], partition: number): LedLog[] {
    return topics.flatMap((topic) => this.#options.destinationLog(topic, partition) ?? []);
  }

  /** `gone`: retention has taken what could be compared. */
  async #sameAt(
    log: LedLog,
    offset: bigint,
    original: Buffer,
    { ownId, isEarlierLap }: { readonly ownId: bigint; readonly isEarlierLap: boolean },
  ): Promise<'same' | 'other' | 'gone'> {
    const ask = this.#options.destination(log.leader);
    const start = await logStart(ask, log).catch(orNothing);
    if (start !== null && start > offset) return 'gone';
    const batch = start === null ? null : await askBatch(ask, log, offset).catch(orNothing);
    if (batch === null) return 'other';
    const [one, other] = [new BatchView(original, 0), new BatchView(batch, 0)];
    if (other.magic !== 2 || other.isControl) return 'other';
    const { producerId } = other;
    if (isLockstepProducerId(producerId) && !(isEarlierLap && unrotated(producerId) === unrotated(ownId)))
      return 'other';
    return isSameBatch(one, other) || differenceAt(offset, batch, offset, original) === null
      ? 'same'
      : 'other';
  }

  #lap({ question, log, shift }: AskedReturn, there: LedLog): string {
    const { sourceName, destinationName } = this.#options;
    const offset = question.offset + shift;
    const at = `${destinationName}.${there.topic}-${there.partition}`;
    return `the record at offset ${offset} of ${sourceName}.${log.topic}-${log.partition} was mirrored more than once and stands at the same offset of ${at}: ${destinationName}.${there.topic} -> ... -> ${sourceName}.${log.topic} -> ${destinationName}`;
  }
}

/** Batches that are looked through: records of one moment may be many. */
const batchesMax = 8;

/** Where a log holds a record of this timestamp, key and value; null: not among the first ones of that moment. */
async function findRecord(
  ask: Ask,
  log: LedLog,
  { timestamp, key, value }: RecordView,
): Promise<bigint | null> {
  let offset = await askOffsetOfTime(ask, log, timestamp).catch(orNothing);
  for (let count = 0; offset !== null && count < batchesMax; count++) {
    const batch: Buffer | null = await askBatch(ask, log, offset).catch(orNothing);
    const records = recordsIn(batch);
    const same = records.find(
      (record) =>
        record.timestamp === timestamp && isSameBytes(record.key, key) && isSameBytes(record.value, value),
    );
    if (same !== undefined) return same.offset;
    if (batch === null) return null;
    offset = new BatchView(batch, 0).lastOffset + 1n;
  }
  return null;
}

/** The end of the log, or a topic that we may not read: nothing can be shown. */
function orNothing(error: unknown): null {
  if (error instanceof LockstepError && (!error.retriable || error.detail.number === offsetOutOfRange))
    return null;
  throw error;
}

function recordsIn(batch: Buffer | null): RecordView[] {
  if (batch === null) return [];
  const view = new BatchView(batch, 0);
  return view.magic === 2 && !view.isControl ? [...readRecords(view)] : [];
}

function isSameBytes(one: Buffer | null, other: Buffer | null): boolean {
  return one === null || other === null ? one === other : one.equals(other);
}

const offsetOutOfRange = 1;

async function logStart(ask: Ask, log: LedLog): Promise<bigint> {
  const start = (await askOffsets(ask, [log], 'earliest')).get(log);
  if (typeof start === 'bigint') return start;
  throw start ?? new LockstepError('FRAME_INVALID', `the broker left out the start of ${log.topic}`);
}

/** The name itself, and what is left of it behind each separator, the longest first. */
export function endsOfName(topic: string): string[] {
  const ends = [topic];
  for (const { index } of topic.matchAll(/[._-]/g)) {
    const end = topic.slice(index + 1);
    if (end !== '' && end !== '.' && end !== '..') ends.push(end);
  }
  return ends.slice(0, candidatesMax);
}
