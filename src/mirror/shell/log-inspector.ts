// Answers the two questions a partition asks before it copies: where does the mirror end, and does its newest batch
// stand in the source, too?
import { LockstepError } from '../../errors.ts';
import { BatchView, type RecordView, readRecords } from '../../records/index.ts';
import { identityAt } from '../partition/identity.ts';
import type { DestinationView, TailVerdict } from '../partition/state.ts';
import { judgeTail, type SourceView } from '../partition/tail.ts';
import { Coalescer } from './coalescer.ts';
import {
  type Answers,
  type Ask,
  askBatch,
  askBatchHeaders,
  askLogEnds,
  askOffsets,
  askProducers,
  type LogAddress,
  type TailHeader,
} from './log-questions.ts';

/** A log and the broker that leads it. */
export interface LedLog extends LogAddress {
  readonly leader: number;
}

/** Asks one broker of one cluster. */
export type AskBroker = (broker: number) => Ask;

interface MirrorFacts {
  readonly view: DestinationView;
  readonly tail: TailHeader | null;
}

const windowMs = 5;
const logsPerRequestMax = 500;

/** Reads the ends of mirror logs at the destination. */
export class DestinationInspector {
  readonly #producerId: bigint;
  readonly #questions: BrokerQuestions<LedLog, MirrorFacts>;

  constructor(options: { ask: AskBroker; producerId: bigint }) {
    this.#producerId = options.producerId;
    this.#questions = new BrokerQuestions(options.ask, (ask, logs) => this.#read(ask, logs));
  }

  /** @throws LockstepError when the leader did not answer, or answered that it is not the leader. */
  read(log: LedLog): Promise<MirrorFacts> {
    return this.#questions.ask(log.leader, log);
  }

  /**
   * 1. the log end; 2. high watermark and log start; 3. our producer entry; 4. the newest batch's header, where
   * the high watermark lets us read it; 5. the log end again: equal to the first, all of it belongs together.
   */
  async #read(ask: Ask, logs: LedLog[]): Promise<Answers<MirrorFacts, LedLog>> {
    const before = await askLogEnds(ask, logs);
    const [highWatermarks, starts, producers] = await Promise.all([
      askOffsets(ask, logs, 'latest'),
      askOffsets(ask, logs, 'earliest'),
      askProducers(ask, logs, this.#producerId),
    ]);
    const withTail = logs.filter((log) => {
      const end = before.get(log);
      const start = starts.get(log);
      return (
        typeof end === 'bigint' && typeof start === 'bigint' && end > start && highWatermarks.get(log) === end
      );
    });
    const tails = await askBatchHeaders(ask, withTail, (log) => (before.get(log) as bigint) - 1n);
    const after = await askLogEnds(ask, logs);
    return new Map(
      logs.map(
        (log) =>
          [log, this.#facts(log, { before, after, highWatermarks, starts, producers, tails })] as const,
      ),
    );
  }

  #facts(
    log: LedLog,
    read: {
      before: Answers<bigint, LedLog>;
      after: Answers<bigint, LedLog>;
      highWatermarks: Answers<bigint, LedLog>;
      starts: Answers<bigint, LedLog>;
      producers: Answers<{ producerId: bigint; epoch: number; lastSequence: number }[], LedLog>;
      tails: Answers<TailHeader | null, LedLog>;
    },
  ): MirrorFacts | LockstepError {
    const before = read.before.get(log)!;
    const after = read.after.get(log)!;
    const highWatermark = read.highWatermarks.get(log)!;
    const logStart = read.starts.get(log)!;
    const entries = read.producers.get(log)!;
    const tail = read.tails.get(log) ?? null;
    for (const answer of [before, after, highWatermark, logStart, entries, tail]) {
      if (answer instanceof LockstepError) return answer;
    }
    const logEnd = after as bigint;
    const newest = tail as TailHeader | null;
    const lastWrite =
      newest === null || newest.lastSequence < 0
        ? null
        : { producerId: newest.producerId, epoch: newest.producerEpoch, lastSequence: newest.lastSequence };
    const view: DestinationView = {
      leaderEpoch: log.leaderEpoch,
      logStart: logStart as bigint,
      logEnd,
      // A log that grew while it was read is not at rest: the machine reads again.
      highWatermark: before === after ? (highWatermark as bigint) : -1n,
      tail: newest && {
        baseOffset: newest.baseOffset,
        lastOffset: newest.lastOffset,
        producerId: newest.producerId,
      },
      identity: identityAt(logEnd, {
        producerId: this.#producerId,
        tail: lastWrite,
        entries: entries as { producerId: bigint; epoch: number; lastSequence: number }[],
      }),
    };
    return { view, tail: newest };
  }
}

/** Compares the newest batch of a mirror with the source. */
export class TailComparer {
  readonly #source: BrokerQuestions<{ log: LedLog; offset: bigint }, SourceView>;
  readonly #askSource: AskBroker;
  readonly #askDestination: AskBroker;

  constructor(options: { source: AskBroker; destination: AskBroker }) {
    this.#askSource = options.source;
    this.#askDestination = options.destination;
    this.#source = new BrokerQuestions(options.source, readSource);
  }

  /** @throws LockstepError, retriable, when the source can't say yet. */
  async compare(logs: { source: LedLog; destination: LedLog }, mirror: MirrorFacts): Promise<TailVerdict> {
    const lastOffset = mirror.view.logEnd - 1n;
    const source = await this.#source.ask(logs.source.leader, { log: logs.source, offset: lastOffset });
    const judgement = judgeTail(mirror.view, mirror.tail, source);
    if (judgement === 'unsettled') {
      throw new LockstepError(
        'KAFKA_ERROR',
        `the source’s high watermark (${source.highWatermark}) has not reached the mirror’s end (${mirror.view.logEnd}) yet`,
        { retriable: true },
      );
    }
    return judgement === 'compareRecords' ? await this.#compareRecords(logs, lastOffset, source) : judgement;
  }

  async #compareRecords(
    logs: { source: LedLog; destination: LedLog },
    offset: bigint,
    source: SourceView,
  ): Promise<TailVerdict> {
    const [original, copy] = await Promise.all([
      askBatch(this.#askSource(logs.source.leader), logs.source, offset),
      askBatch(this.#askDestination(logs.destination.leader), logs.destination, offset),
    ]);
    const difference = differenceAt(offset, original, copy);
    if (difference === 'unknown') return { kind: 'agrees', lastFetchedEpoch: -1, compared: false };
    if (difference !== null) return { kind: 'differs', offset, what: difference };
    return { kind: 'agrees', lastFetchedEpoch: source.tail?.partitionLeaderEpoch ?? -1, compared: true };
  }
}

async function readSource(
  ask: Ask,
  questions: { log: LedLog; offset: bigint }[],
): Promise<Map<{ log: LedLog; offset: bigint }, SourceView | LockstepError>> {
  const logs = questions.map((question) => question.log);
  const offsets = new Map(questions.map((question) => [question.log, question.offset]));
  const [ends, highWatermarks, starts] = await Promise.all([
    askLogEnds(ask, logs),
    askOffsets(ask, logs, 'latest'),
    askOffsets(ask, logs, 'earliest'),
  ]);
  const readable = logs.filter((log) => {
    const start = starts.get(log);
    const highWatermark = highWatermarks.get(log);
    const offset = offsets.get(log)!;
    return (
      typeof start === 'bigint' &&
      typeof highWatermark === 'bigint' &&
      start <= offset &&
      offset < highWatermark
    );
  });
  const tails = await askBatchHeaders(ask, readable, (log) => offsets.get(log)!);
  return new Map(
    questions.map((question): [typeof question, SourceView | LockstepError] => {
      const logEnd = ends.get(question.log)!;
      const highWatermark = highWatermarks.get(question.log)!;
      const logStart = starts.get(question.log)!;
      const tail = tails.get(question.log) ?? null;
      for (const answer of [logEnd, highWatermark, logStart, tail]) {
        if (answer instanceof LockstepError) return [question, answer];
      }
      return [
        question,
        {
          logEnd: logEnd as bigint,
          highWatermark: highWatermark as bigint,
          logStart: logStart as bigint,
          tail: tail as TailHeader | null,
        },
      ];
    }),
  );
}

/**
 * Names the first field in which the records at `offset` differ; null when they are equal, 'unknown' when compaction
 * has taken one of them.
 */
export function differenceAt(offset: bigint, original: Buffer | null, copy: Buffer | null): string | null {
  const a = recordAt(offset, original);
  const b = recordAt(offset, copy);
  if (a === 'compacted' || b === 'compacted') return 'unknown';
  if (a === null || b === null)
    return a === b ? 'unknown' : `only ${a === null ? 'the mirror' : 'the source'} has a record there`;
  if (a.timestamp !== b.timestamp) return 'timestamp';
  if (!isEqual(a.key, b.key)) return 'key';
  if (!isEqual(a.value, b.value)) return 'value';
  const headersAgree =
    a.headers.length === b.headers.length &&
    a.headers.every(
      (header, i) => isEqual(header.key, b.headers[i]!.key) && isEqual(header.value, b.headers[i]!.value),
    );
  return headersAgree ? null : 'headers';
}

function recordAt(offset: bigint, batch: Buffer | null): RecordView | 'compacted' | null {
  if (batch === null) return null;
  const view = new BatchView(batch, 0);
  if (view.magic !== 2 || view.baseOffset > offset) return view.magic === 2 ? 'compacted' : null;
  for (const record of readRecords(view)) if (record.offset === offset) return record;
  return view.recordCount <= view.lastOffsetDelta ? 'compacted' : null;
}

function isEqual(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

/** One coalescer per broker. */
class BrokerQuestions<Item, Result> {
  readonly #ask: AskBroker;
  readonly #run: (ask: Ask, items: Item[]) => Promise<Map<Item, Result | LockstepError>>;
  readonly #brokers = new Map<number, Coalescer<Item, Result>>();

  constructor(ask: AskBroker, run: (ask: Ask, items: Item[]) => Promise<Map<Item, Result | LockstepError>>) {
    this.#ask = ask;
    this.#run = run;
  }

  ask(broker: number, item: Item): Promise<Result> {
    let coalescer = this.#brokers.get(broker);
    if (coalescer === undefined) {
      coalescer = new Coalescer<Item, Result>({
        windowMs,
        itemsMax: logsPerRequestMax,
        run: (items) => this.#run(this.#ask(broker), items),
      });
      this.#brokers.set(broker, coalescer);
    }
    return coalescer.ask(item);
  }
}
