// Answers whether a batch of the source comes back to the cluster it was written in (partition/returning.ts).
//
// Directly: the batch was read from the very cluster that it would be written to. The source's leader tells
// (DescribeProducers) whether that writer can still write: a promotion has closed its id with the highest epoch, and one
// that has not written for a day is forgotten. A writer that lives is the other half of a circle.
//
// The longer way: a batch that was mirrored before, of which nobody knows how often. Mirrors keep offsets, and names grow
// at the front. So if it comes from the destination, the destination has the same record at the same offset, in a topic
// whose name is the end of this one's: written there by a client, or by this very link on an earlier lap. The same record
// in a topic that another link mirrors there proves nothing: two ways may lead from one cluster to another.
import { LockstepError } from '../../errors.ts';
import { BatchView, isSameBatch } from '../../records/index.ts';
import { Slots } from '../../slots.ts';
import { closingEpoch, isLockstepProducerId, type ProducerEntry, unrotated } from '../partition/identity.ts';
import type { ReturnQuestion, ReturnVerdict } from '../partition/returning.ts';
import { type AskBroker, BrokerQuestions, type LedLog } from './broker-questions.ts';
import { type Ask, askBatch, askOffsets, askProducers } from './log-questions.ts';
import { differenceAt } from './tail-comparer.ts';

export interface ReturnQuestionsOptions {
  readonly source: AskBroker;
  readonly destination: AskBroker;
  readonly sourceName: string;
  readonly destinationName: string;
  /** A log of the destination by its own name; null where there is none. */
  destinationLog(topic: string, partition: number): LedLog | null;
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
    return asked.question.isDirect ? this.#isAlive(asked) : this.#slots.use(() => this.#wasThere(asked));
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
    const logs = endsOfName(log.topic).flatMap((topic) => {
      const found = this.#options.destinationLog(topic, log.partition);
      return found === null ? [] : [found];
    });
    const passes: ReturnVerdict = { kind: 'passes', until: null };
    if (logs.length === 0) return passes;
    const original = await askBatch(this.#options.source(log.leader), log, offset);
    if (original === null) return { kind: 'passes', until: sourceEnd - shift };
    let isCertain = true;
    for (const there of logs) {
      const found = await this.#sameAt(there, offset, original, asked.ownId);
      if (found === 'same') return { kind: 'returns', reason: this.#lap(asked, there) };
      if (found === 'gone') isCertain = false;
    }
    return isCertain ? passes : { kind: 'passes', until: sourceEnd - shift };
  }

  /** `gone`: retention has taken what could be compared. */
  async #sameAt(
    log: LedLog,
    offset: bigint,
    original: Buffer,
    ownId: bigint,
  ): Promise<'same' | 'other' | 'gone'> {
    const ask = this.#options.destination(log.leader);
    let batch: Buffer | null;
    try {
      const start = await logStart(ask, log);
      if (start > offset) return 'gone';
      batch = await askBatch(ask, log, offset);
    } catch (error) {
      // The end of the log, or a topic that we may not read: nothing can be shown.
      if (error instanceof LockstepError && !error.retriable) return 'other';
      if (error instanceof LockstepError && error.detail.number === offsetOutOfRange) return 'other';
      throw error;
    }
    if (batch === null) return 'other';
    const [one, other] = [new BatchView(original, 0), new BatchView(batch, 0)];
    if (other.magic !== 2 || other.isControl) return 'other';
    const { producerId } = other;
    if (isLockstepProducerId(producerId) && unrotated(producerId) !== unrotated(ownId)) return 'other';
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
