// Answers whether the newest batch of a mirror stands in the source, too.
import { LockstepError } from '../../errors.ts';
import { later } from '../../offsets.ts';
import { BatchView, type RecordView, readRecords } from '../../records/index.ts';
import type { MirrorLife } from '../partition/identity.ts';
import type { TailVerdict } from '../partition/state.ts';
import { judgeTail, type MirrorTail, type SourceView } from '../partition/tail.ts';
import { askBatch, askBatchHeaders, askFirstVisible, type TailHeader } from './batch-questions.ts';
import { type AskBroker, BrokerQuestions, type LedLog } from './broker-questions.ts';
import { compareEnds } from './compare-ends.ts';
import { compareWitness, type TakeoverWitness } from './compare-takeover.ts';
import { askEndHole } from './end-hole.ts';
import { type Ask, orError } from './log-answers.ts';
import type { MirrorFacts } from './log-inspector.ts';
import { askLogEnds, askOffsets, isUnknownOffset } from './log-questions.ts';

/**
 * Both logs of a partition, how many offsets the mirror lies below its source, the source's first that it holds, and as
 * whom it is to be gone on with.
 */
export interface LogPair {
  readonly source: LedLog;
  readonly destination: LedLog;
  readonly shift: bigint;
  readonly startOffset: bigint;
  readonly life: MirrorLife;
  /** Of a mirror that was taken over: what both logs held alike then, if there was anything. */
  readonly witness?: TakeoverWitness | null | undefined;
}

/** Batches of the source that one batch of the mirror is compared with at most. */
const earlierBatchesMax = 16;

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
    const takenAt = logs.startOffset - logs.shift;
    if (logs.witness !== undefined && logEnd < takenAt) {
      const what = `it was taken over at ${takenAt} and ends at ${logEnd} now: records of it are lost`;
      return { kind: 'differs', offset: logEnd, what };
    }
    const data = mirror.tail?.newestData ?? null;
    const source = await this.#source.ask(logs.source.leader, {
      log: logs.source,
      shift: logs.shift,
      startOffset: logs.startOffset,
      offset: (data === null ? logEnd - 1n : data.lastOffset) + logs.shift,
      hole: holeAtEnd(mirror, logs.shift),
    });
    const judgement = judgeTail(mirror.view, mirror.tail, source, logs.life);
    if (judgement === 'unsettled') {
      throw new LockstepError(
        'KAFKA_ERROR',
        `the source is decided up to ${source.lastStableOffset} only (high watermark ${source.highWatermark}), and the mirror ends at ${logEnd}`,
        { retriable: true },
      );
    }
    if (judgement === 'compareEnds')
      return (
        (await this.#compareTakeover(logs, mirror.view, source.logStart)) ??
        this.#compareEnds(logs, mirror.view, source.logStart)
      );
    const verdict =
      judgement === 'compareRecords' ? await this.#compareRecords(logs, mirror.tail!, source) : judgement;
    if (verdict.kind !== 'agrees' || verdict.compared) return verdict;
    return (
      (await this.#holeBeforeRun(logs, mirror, source)) ??
      (await this.#earlierRecords(logs, mirror, source)) ??
      verdict
    );
  }

  /** Where nothing was appended since a mirror was taken over; null where something was, or it never was. */
  async #compareTakeover(
    { source, destination, shift, startOffset, witness }: LogPair,
    { logStart, logEnd }: MirrorFacts['view'],
    sourceStart: bigint,
  ): Promise<TailVerdict | null> {
    if (witness === undefined) return null;
    const takenAt = startOffset - shift;
    if (logEnd > takenAt) return null;
    const agreed = { kind: 'agrees', compared: false, lastFetchedEpoch: -1, sourceStart } as const;
    if (witness === null) return agreed;
    const sourceLog = { log: source, ask: this.#askSource(source.leader) };
    const starts = await askOffsets(sourceLog.ask, [source], 'earliest');
    const logStartAtSource = starts.get(source);
    if (logStartAtSource instanceof LockstepError) throw logStartAtSource;
    const verdict = await compareWitness(
      sourceLog,
      { log: destination, ask: this.#askDestination(destination.leader) },
      {
        witness,
        end: startOffset,
        sourceStart: logStartAtSource ?? 0n,
        mirrorStart: logStart,
        mirrorEnd: logEnd,
      },
    );
    return verdict.kind === 'differs' ? verdict : { ...agreed, compared: verdict.compared };
  }

  async #compareEnds(
    { source, destination, shift }: LogPair,
    { logStart, logEnd }: MirrorFacts['view'],
    sourceStart: bigint,
  ): Promise<TailVerdict> {
    const ends = await compareEnds(
      { log: source, ask: this.#askSource(source.leader), shift },
      { log: destination, ask: this.#askDestination(destination.leader), shift: 0n },
      { from: later(logStart, sourceStart), to: logEnd },
    );
    return ends.kind === 'differs' ? ends : { ...ends, lastFetchedEpoch: -1, sourceStart };
  }

  /** Where compaction took the newest record on one side, those before it in the same batch can still tell. */
  async #earlierRecords(
    logs: LogPair,
    { tail }: MirrorFacts,
    source: SourceView,
  ): Promise<TailVerdict | null> {
    const data = tail?.newestData ?? null;
    if (data === null || data.lastOffset < source.logStart) return null;
    const { shift } = logs;
    const copy = await askBatch(
      this.#askDestination(logs.destination.leader),
      logs.destination,
      data.lastOffset,
    );
    const copied = new Map(recordsOf(copy).map((record) => [record.offset + shift, record]));
    let offset = later(data.baseOffset, source.logStart) + shift;
    for (let batches = 0; batches < earlierBatchesMax && offset <= data.lastOffset + shift; batches++) {
      const original = await askBatch(this.#askSource(logs.source.leader), logs.source, offset);
      if (original === null) return null;
      for (const record of recordsOf(original)) {
        const other = copied.get(record.offset);
        const what = other === undefined ? null : differenceOf(record, other);
        if (what !== null) return { kind: 'differs', offset: record.offset - shift, what };
      }
      offset = new BatchView(original, 0).nextOffset;
    }
    return null;
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
    const marker =
      (await askBatchHeaders(ask, [logs.destination], () => to - 1n)).get(logs.destination) ?? null;
    if (marker instanceof LockstepError) throw marker;
    if (marker === null || !marker.isControl) return null;
    const { start } = await askEndHole(ask, logs.destination, { logStart, logEnd: to }, marker);
    if (start === null) return null;
    const from = later(start, source.logStart);
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
  readonly startOffset: bigint;
  readonly offset: bigint;
  /** Where the mirror ends with markers. */
  readonly hole: { readonly from: bigint; readonly to: bigint } | null;
}

/** The markers at a mirror's end, in the source's offsets, where it is known that there is nothing else. */
function holeAtEnd({ view, tail }: MirrorFacts, shift: bigint): SourceQuestion['hole'] {
  if (tail === null || tail.holeStart === null) return null;
  return { from: tail.holeStart + shift, to: view.logEnd + shift };
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
      // Markers in front of where the mirror was begun, or taken over, are others'.
      const from = later(later(hole.from, start), asked.get(log)!.startOffset);
      const range = { from, to: hole.to };
      visible.set(log, await orError(askFirstVisible(ask, log, range)));
    }),
  );
  return new Map(
    questions.map((question): [SourceQuestion, SourceView | LockstepError] => {
      const { log, shift, startOffset } = question;
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
          // What the source holds below is not mirrored, as if retention had taken it.
          logStart: later(logStart as bigint, startOffset) - shift,
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
  return differenceOf(a, b);
}

function differenceOf(a: RecordView, b: RecordView): string | null {
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

function recordsOf(batch: Buffer | null): RecordView[] {
  if (batch === null) return [];
  const view = new BatchView(batch, 0);
  return view.magic === 2 && !view.isControl ? [...readRecords(view)] : [];
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
