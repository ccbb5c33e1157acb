// Answers the two questions a partition asks before it copies: where does the mirror end, and does its newest batch
// stand in the source, too?
import { LockstepError } from '../../errors.ts';
import { BatchView, type RecordView, readRecords } from '../../records/index.ts';
import {
  generationAfter,
  isClosed,
  isFillerProducerId,
  type LastWrite,
  type ProducerEntry,
  positionAt,
} from '../partition/identity.ts';
import type { DestinationView, LogEnds, TailVerdict } from '../partition/state.ts';
import { judgeTail, type MirrorFingerprint, type MirrorTail, type SourceView } from '../partition/tail.ts';
import { Coalescer } from './coalescer.ts';
import {
  type Answers,
  type Ask,
  askBatch,
  askBatchHeaders,
  askFirstVisible,
  askLogEnds,
  askNewestData,
  askOffsets,
  askProducers,
  isUnknownOffset,
  type LogAddress,
  lookBackOffsetsMax,
  type TailHeader,
} from './log-questions.ts';

/** A log and the broker that leads it. */
export interface LedLog extends LogAddress {
  readonly leader: number;
}

/** Asks one broker of one cluster. */
export type AskBroker = (broker: number) => Ask;

/** What a start on a mirror partition is decided by. */
export interface MirrorFacts {
  readonly view: DestinationView;
  readonly tail: MirrorTail | null;
}

const windowMs = 5;
/** Every hole waits for this one. */
const endsWindowMs = 1;
const logsPerRequestMax = 500;

interface InspectorOptions {
  readonly ask: AskBroker;
  readonly producerId: bigint;
  readonly nowMs: () => number;
  /** [0, 1). */
  readonly random: () => number;
  /**
   * Whether the right to READ the mirror is withheld just now, from us, too: while offsets below the source's start
   * are filled. Then the log holds fillers and nothing else, and only its end is asked for.
   */
  readonly isReadWithheld: (topic: string) => boolean;
}

/** Reads the ends of mirror logs at the destination. */
export class DestinationInspector {
  readonly #options: InspectorOptions;
  readonly #facts: BrokerQuestions<LedLog, MirrorFacts>;
  readonly #ends: BrokerQuestions<LedLog, LogEnds>;

  constructor(options: InspectorOptions) {
    this.#options = options;
    this.#facts = new BrokerQuestions(options.ask, (ask, logs) => this.#read(ask, logs));
    this.#ends = new BrokerQuestions(options.ask, readEnds, endsWindowMs);
  }

  /** @throws LockstepError when the leader did not answer, or answered that it is not the leader. */
  read(log: LedLog): Promise<MirrorFacts> {
    return this.#facts.ask(log.leader, log);
  }

  /** Log end and high watermark alone. @throws as `read`. */
  readEnds(log: LedLog): Promise<LogEnds> {
    return this.#ends.ask(log.leader, log);
  }

  /**
   * 1. the log end; 2. high watermark and log start; 3. our producer entries; 4. the newest batches' headers, where
   * the high watermark lets us read them; 5. the log end again: equal to the first, all of it belongs together.
   */
  async #read(ask: Ask, logs: LedLog[]): Promise<Answers<MirrorFacts, LedLog>> {
    const before = await askLogEnds(ask, logs);
    const readable = logs.filter((log) => !this.#options.isReadWithheld(log.topic));
    const [highWatermarks, starts, producers] = await Promise.all([
      askOffsets(ask, logs, 'latest'),
      askOffsets(ask, logs, 'earliest'),
      readable.length === 0 ? new Map() : askProducers(ask, readable),
    ]);
    const withTail = readable.filter((log) => {
      const end = before.get(log);
      const start = starts.get(log);
      return (
        typeof end === 'bigint' && typeof start === 'bigint' && end > start && highWatermarks.get(log) === end
      );
    });
    const tails = await askTails(
      ask,
      withTail.map((log) => ({
        log,
        logStart: starts.get(log) as bigint,
        logEnd: before.get(log) as bigint,
      })),
    );
    const after = await askLogEnds(ask, logs);
    return new Map(
      logs.map(
        (log) =>
          [log, this.#factsOf(log, { before, after, highWatermarks, starts, producers, tails })] as const,
      ),
    );
  }

  #factsOf(
    log: LedLog,
    read: {
      before: Answers<bigint, LedLog>;
      after: Answers<bigint, LedLog>;
      highWatermarks: Answers<bigint, LedLog>;
      starts: Answers<bigint, LedLog>;
      producers: Answers<ProducerEntry[], LedLog>;
      tails: Answers<MirrorTail | null, LedLog>;
    },
  ): MirrorFacts | LockstepError {
    const before = read.before.get(log)!;
    const after = read.after.get(log)!;
    const highWatermark = read.highWatermarks.get(log)!;
    const logStart = read.starts.get(log)!;
    const entries = read.producers.get(log) ?? [];
    const tail = read.tails.get(log) ?? null;
    for (const answer of [before, after, highWatermark, logStart, entries, tail]) {
      if (answer instanceof LockstepError) return answer;
    }
    if ((highWatermark as bigint) > (after as bigint))
      return impossible(log, { highWatermark, logEnd: after });
    const { producerId, nowMs, random, isReadWithheld } = this.#options;
    const logEnd = after as bigint;
    const known = entries as ProducerEntry[];
    const mirrorTail = tail as MirrorTail | null;
    const newest = mirrorTail?.newest ?? null;
    const filler =
      isReadWithheld(log.topic) && logEnd > (logStart as bigint) ? fillerTail(producerId, logEnd) : null;
    const view: DestinationView = {
      leaderEpoch: log.leaderEpoch,
      logStart: logStart as bigint,
      logEnd,
      // A log that grew while it was read is not at rest: the machine reads again.
      highWatermark: before === after ? (highWatermark as bigint) : -1n,
      tail:
        newest === null
          ? filler
          : {
              baseOffset: newest.baseOffset,
              lastOffset: newest.lastOffset,
              producerId: newest.producerId,
              isControl: newest.isControl,
              isFiller: isFillerProducerId(newest.producerId),
            },
      position: positionAt(logEnd, {
        producerId,
        tail: newest && { ...writeOf(newest), isControl: newest.isControl },
        newestData: mirrorTail?.newestData ? writeOf(mirrorTail.newestData) : null,
        entries: known,
      }),
      generation: generationAfter(known, { nowMs: nowMs(), random: random() }),
      isClosed: isClosed(known, newest && writeOf(newest)),
    };
    return { view, tail: mirrorTail };
  }
}

function impossible(
  { topic, partition }: LedLog,
  { highWatermark, logEnd }: { highWatermark: unknown; logEnd: unknown },
): LockstepError {
  const what = `the broker tells a high watermark of ${highWatermark} above its log end of ${logEnd}`;
  return new LockstepError('FRAME_INVALID', `${topic}-${partition}: ${what}`, { retriable: true });
}

function fillerTail(producerId: bigint, logEnd: bigint): DestinationView['tail'] {
  const lastOffset = logEnd - 1n;
  return { baseOffset: lastOffset, lastOffset, producerId, isControl: false, isFiller: true };
}

function writeOf({ producerId, producerEpoch, lastSequence }: MirrorFingerprint): LastWrite {
  return { producerId, epoch: producerEpoch, lastSequence };
}

async function readEnds(ask: Ask, logs: LedLog[]): Promise<Answers<LogEnds, LedLog>> {
  const [highWatermarks, logEnds] = await Promise.all([
    askOffsets(ask, logs, 'latest'),
    askLogEnds(ask, logs),
  ]);
  return new Map(
    logs.map((log): [LedLog, LogEnds | LockstepError] => {
      const highWatermark = highWatermarks.get(log)!;
      const logEnd = logEnds.get(log)!;
      if (highWatermark instanceof LockstepError) return [log, highWatermark];
      if (logEnd instanceof LockstepError) return [log, logEnd];
      // Asked side by side: a high watermark above the log end was told later, when the log was longer.
      return [log, { leaderEpoch: log.leaderEpoch, logEnd: max(logEnd, highWatermark), highWatermark }];
    }),
  );
}

/** The newest batches of each log; null where none is left to read. */
async function askTails(
  ask: Ask,
  logs: { log: LedLog; logStart: bigint; logEnd: bigint }[],
): Promise<Answers<MirrorTail | null, LedLog>> {
  const ends = new Map(logs.map((entry) => [entry.log, entry]));
  const newest = await askBatchHeaders(ask, [...ends.keys()], (log) => ends.get(log)!.logEnd - 1n);
  const data = new Map<LedLog, MirrorFingerprint | null | LockstepError>();
  await Promise.all(
    logs.map(async ({ log, logStart, logEnd }) => {
      const header = newest.get(log);
      if (header == null || header instanceof LockstepError || !header.isControl) return;
      try {
        data.set(log, await askNewestData(ask, log, { logStart, logEnd }));
      } catch (error) {
        if (!(error instanceof LockstepError)) throw error;
        data.set(log, error);
      }
    }),
  );
  const beforeRuns = await askBeforeRuns(ask, logs, newest);
  return new Map(
    logs.map(({ log }): [LedLog, MirrorTail | null | LockstepError] => {
      const header = newest.get(log) ?? null;
      if (header === null || header instanceof LockstepError) return [log, header];
      const newestData = header.isControl ? (data.get(log) ?? null) : header;
      if (newestData instanceof LockstepError) return [log, newestData];
      const beforeRun = beforeRuns.get(log) ?? 'unknown';
      if (beforeRun instanceof LockstepError) return [log, beforeRun];
      return [log, { newest: header, newestData, beforeRun }];
    }),
  );
}

/** What stands before the runs that the newest batches belong to, where that is not the start of a rotation. */
async function askBeforeRuns(
  ask: Ask,
  logs: { log: LedLog; logStart: bigint }[],
  newest: Answers<MirrorFingerprint | null, LedLog>,
): Promise<Answers<MirrorTail['beforeRun'], LedLog>> {
  const before = new Map<LedLog, bigint>();
  for (const { log, logStart } of logs) {
    const header = newest.get(log);
    if (header == null || header instanceof LockstepError || header.isControl || header.producerEpoch <= 0)
      continue;
    // Sequences of such a run begin at 0; one of more than 2^31 records tells nothing here.
    const offset = header.lastOffset - BigInt(header.lastSequence) - 1n;
    if (header.lastSequence >= 0 && offset >= logStart && header.lastOffset < 2n ** 31n)
      before.set(log, offset);
  }
  const headers = await askBatchHeaders(ask, [...before.keys()], (log) => before.get(log)!);
  return new Map(
    Array.from(before, ([log, offset]): [LedLog, MirrorTail['beforeRun'] | LockstepError] => {
      const header = headers.get(log) ?? null;
      if (header instanceof LockstepError) return [log, header];
      if (header === null || header.baseOffset > offset) return [log, 'unknown'];
      return [log, header.isControl ? 'marker' : 'data'];
    }),
  );
}

/** Both logs of a partition, and how many offsets the mirror lies below its source. */
export interface LogPair {
  readonly source: LedLog;
  readonly destination: LedLog;
  readonly shift: bigint;
}

/** Compares the newest batch of a mirror with the source. */
export class TailComparer {
  readonly #source: BrokerQuestions<SourceQuestion, SourceView>;
  readonly #askSource: AskBroker;
  readonly #askDestination: AskBroker;

  constructor(options: { source: AskBroker; destination: AskBroker }) {
    this.#askSource = options.source;
    this.#askDestination = options.destination;
    this.#source = new BrokerQuestions(options.source, readSource);
  }

  /** @throws LockstepError, retriable, when the source can't say yet. */
  async compare(logs: LogPair, mirror: MirrorFacts): Promise<TailVerdict> {
    const { logEnd } = mirror.view;
    const data = mirror.tail?.newestData ?? null;
    const source = await this.#source.ask(logs.source.leader, {
      log: logs.source,
      shift: logs.shift,
      offset: (data === null ? logEnd - 1n : data.lastOffset) + logs.shift,
      hole: mirror.tail?.newest.isControl ? holeAtEnd(mirror, logs.shift) : null,
    });
    const judgement = judgeTail(mirror.view, mirror.tail, source);
    if (judgement === 'unsettled') {
      throw new LockstepError(
        'KAFKA_ERROR',
        `the source is decided up to ${source.lastStableOffset} only (high watermark ${source.highWatermark}), and the mirror ends at ${logEnd}`,
        { retriable: true },
      );
    }
    const verdict =
      judgement === 'compareRecords' ? await this.#compareRecords(logs, mirror.tail!, source) : judgement;
    const isSilent = verdict.kind === 'agrees' && !verdict.compared;
    const misplaced = isSilent ? await this.#holeBeforeRun(logs, mirror, source) : null;
    return misplaced ?? verdict;
  }

  /**
   * Where the newest data can't be compared, because the source has compacted it away, the hole before its run tells
   * whether it stands in its place: a marker too many there has moved it.
   */
  async #holeBeforeRun(logs: LogPair, mirror: MirrorFacts, source: SourceView): Promise<TailVerdict | null> {
    const { view, tail } = mirror;
    if (tail === null || tail.newest.isControl || tail.beforeRun !== 'marker') return null;
    const { logStart } = view;
    const to = tail.newest.lastOffset - BigInt(tail.newest.lastSequence);
    const ask = this.#askDestination(logs.destination.leader);
    const before = await askNewestData(ask, logs.destination, { logStart, logEnd: to });
    const from = max(
      before === null ? to - lookBackOffsetsMax : before.lastOffset + 1n,
      logStart,
      source.logStart,
    );
    if (from >= to) return null;
    const { shift } = logs;
    const range = { from: from + shift, to: to + shift };
    const visible = await askFirstVisible(this.#askSource(logs.source.leader), logs.source, range);
    if (visible === null) return null;
    const what = 'the source has a record where the mirror holds a marker';
    return { kind: 'differs', offset: visible - shift, what };
  }

  async #compareRecords(
    logs: LogPair,
    { newest, newestData }: MirrorTail,
    source: SourceView,
  ): Promise<TailVerdict> {
    const offset = newestData!.lastOffset;
    const [original, copy] = await Promise.all([
      askBatch(this.#askSource(logs.source.leader), logs.source, offset + logs.shift),
      askBatch(this.#askDestination(logs.destination.leader), logs.destination, offset),
    ]);
    const difference = differenceAt(offset, copy, offset + logs.shift, original);
    const sourceStart = source.logStart;
    if (difference === 'unknown')
      return { kind: 'agrees', lastFetchedEpoch: -1, compared: false, sourceStart };
    if (difference !== null) return { kind: 'differs', offset, what: difference };
    const lastFetchedEpoch = newest === newestData ? (source.tail?.partitionLeaderEpoch ?? -1) : -1;
    return { kind: 'agrees', lastFetchedEpoch, compared: true, sourceStart };
  }
}

/** Offsets are the source's here; the answer's are the mirror's. */
interface SourceQuestion {
  readonly log: LedLog;
  readonly shift: bigint;
  readonly offset: bigint;
  /** Where the mirror ends with markers. */
  readonly hole: { readonly from: bigint; readonly to: bigint } | null;
}

/** The markers at a mirror's end, as far back as its newest data was looked for. */
function holeAtEnd({ view, tail }: MirrorFacts, shift: bigint): { from: bigint; to: bigint } {
  const data = tail?.newestData ?? null;
  const from = data === null ? view.logEnd - lookBackOffsetsMax : data.lastOffset + 1n;
  return { from: (from > view.logStart ? from : view.logStart) + shift, to: view.logEnd + shift };
}

async function readSource(
  ask: Ask,
  questions: SourceQuestion[],
): Promise<Map<SourceQuestion, SourceView | LockstepError>> {
  const logs = questions.map((question) => question.log);
  const asked = new Map(questions.map((question) => [question.log, question]));
  const [ends, highWatermarks, stableOffsets, starts] = await Promise.all([
    askLogEnds(ask, logs),
    askOffsets(ask, logs, 'latest'),
    askOffsets(ask, logs, 'stable'),
    askOffsets(ask, logs, 'earliest'),
  ]);
  const isReadable = (log: LedLog, offset: bigint): boolean => {
    const start = starts.get(log);
    const highWatermark = highWatermarks.get(log);
    return (
      typeof start === 'bigint' &&
      typeof highWatermark === 'bigint' &&
      start <= offset &&
      offset < highWatermark
    );
  };
  const readable = logs.filter((log) => isReadable(log, asked.get(log)!.offset));
  const tails = await askBatchHeaders(ask, readable, (log) => asked.get(log)!.offset);
  const visible = new Map<LedLog, bigint | null | LockstepError>();
  await Promise.all(
    questions.map(async ({ log, hole }) => {
      const start = starts.get(log);
      if (hole === null || typeof start !== 'bigint' || !isReadable(log, hole.to - 1n)) return;
      const from = hole.from > start ? hole.from : start;
      visible.set(log, await orError(askFirstVisible(ask, log, { from, to: hole.to })));
    }),
  );
  return new Map(
    questions.map((question): [SourceQuestion, SourceView | LockstepError] => {
      const { log, shift } = question;
      const highWatermark = highWatermarks.get(log)!;
      const told = ends.get(log)!;
      // Old formats: the first batch that is fetched stops the mirror, whatever stands behind the high watermark.
      const logEnd = isUnknownOffset(told) ? highWatermark : told;
      const lastStableOffset = stableOffsets.get(log)!;
      const logStart = starts.get(log)!;
      const tail = tails.get(log) ?? null;
      const visibleInHole = visible.get(log) ?? null;
      for (const answer of [logEnd, highWatermark, lastStableOffset, logStart, tail, visibleInHole]) {
        if (answer instanceof LockstepError) return [question, answer];
      }
      const header = tail as TailHeader | null;
      return [
        question,
        {
          logEnd: (logEnd as bigint) - shift,
          highWatermark: (highWatermark as bigint) - shift,
          lastStableOffset: (lastStableOffset as bigint) - shift,
          logStart: (logStart as bigint) - shift,
          tail: header && {
            ...header,
            baseOffset: header.baseOffset - shift,
            lastOffset: header.lastOffset - shift,
          },
          visibleInHole: visibleInHole === null ? null : (visibleInHole as bigint) - shift,
        },
      ];
    }),
  );
}

async function orError<T>(answer: Promise<T>): Promise<T | LockstepError> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof LockstepError) return error;
    throw error;
  }
}

/**
 * Names the first field in which the records at `offset` differ; null when they are equal, 'unknown' when compaction
 * has taken one of them.
 */
export function differenceAt(
  offset: bigint,
  copy: Buffer | null,
  sourceOffset: bigint,
  original: Buffer | null,
): string | null {
  const a = recordAt(sourceOffset, original);
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

function max(...offsets: bigint[]): bigint {
  return offsets.reduce((a, b) => (a > b ? a : b));
}

function isEqual(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

/** One coalescer per broker. */
class BrokerQuestions<Item, Result> {
  readonly #ask: AskBroker;
  readonly #run: (ask: Ask, items: Item[]) => Promise<Map<Item, Result | LockstepError>>;
  readonly #brokers = new Map<number, Coalescer<Item, Result>>();

  readonly #windowMs: number;

  constructor(
    ask: AskBroker,
    run: (ask: Ask, items: Item[]) => Promise<Map<Item, Result | LockstepError>>,
    questionWindowMs = windowMs,
  ) {
    this.#ask = ask;
    this.#run = run;
    this.#windowMs = questionWindowMs;
  }

  ask(broker: number, item: Item): Promise<Result> {
    let coalescer = this.#brokers.get(broker);
    if (coalescer === undefined) {
      coalescer = new Coalescer<Item, Result>({
        windowMs: this.#windowMs,
        itemsMax: logsPerRequestMax,
        run: (items) => this.#run(this.#ask(broker), items),
      });
      this.#brokers.set(broker, coalescer);
    }
    return coalescer.ask(item);
  }
}
