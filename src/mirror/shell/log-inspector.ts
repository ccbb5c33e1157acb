// Answers where a mirror ends, and what stands there.
import { LockstepError } from '../../errors.ts';
import { later } from '../../offsets.ts';
import type { MirrorLife, ProducerEntry } from '../partition/identity.ts';
import type { DestinationView, LogEnds } from '../partition/state.ts';
import type { MirrorFingerprint, MirrorTail } from '../partition/tail.ts';
import { viewOf } from '../partition/view.ts';
import { askBatchHeaders } from './batch-questions.ts';
import { type AskBroker, BrokerQuestions, type LedLog } from './broker-questions.ts';
import { askEndHole, type EndHole } from './end-hole.ts';
import { type Answers, type Ask, orError } from './log-answers.ts';
import { askHoldsTimedRecords, askLogEnds, askOffsets, askProducers } from './log-questions.ts';

/** What a start on a mirror partition is decided by. */
export interface MirrorFacts {
  readonly view: DestinationView;
  readonly tail: MirrorTail | null;
}

/** Every hole waits for this one. */
const endsWindowMs = 1;

/** A mirror's log, and as whom somebody wants to go on with it. */
export interface InspectedLog extends LedLog {
  readonly life: MirrorLife;
}

interface InspectorOptions {
  readonly ask: AskBroker;
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
  readonly #facts: BrokerQuestions<InspectedLog, MirrorFacts>;
  readonly #ends: BrokerQuestions<LedLog, LogEnds>;

  constructor(options: InspectorOptions) {
    this.#options = options;
    this.#facts = new BrokerQuestions(options.ask, (ask, logs) => this.#read(ask, logs));
    this.#ends = new BrokerQuestions(options.ask, readEnds, endsWindowMs);
  }

  /** @throws LockstepError when the leader did not answer, or answered that it is not the leader. */
  read(log: InspectedLog): Promise<MirrorFacts> {
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
  async #read(ask: Ask, logs: InspectedLog[]): Promise<Answers<MirrorFacts, InspectedLog>> {
    const before = await askLogEnds(ask, logs);
    // Asked once: what is withheld now may be allowed before the answers are here.
    const withheld = logs.filter((log) => this.#options.isReadWithheld(log.topic));
    const readable = logs.filter((log) => !withheld.includes(log));
    const [highWatermarks, starts, producers, timed] = await Promise.all([
      askOffsets(ask, logs, 'latest'),
      askOffsets(ask, logs, 'earliest'),
      readable.length === 0 ? new Map() : askProducers(ask, readable),
      askHoldsTimedRecords(ask, withheld),
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
          [
            log,
            this.#factsOf(log, { before, after, highWatermarks, starts, producers, tails, timed }),
          ] as const,
      ),
    );
  }

  #factsOf(
    log: InspectedLog,
    read: {
      before: Answers<bigint, LedLog>;
      after: Answers<bigint, LedLog>;
      highWatermarks: Answers<bigint, LedLog>;
      starts: Answers<bigint, LedLog>;
      producers: Answers<ProducerEntry[], LedLog>;
      tails: Answers<MirrorTail | null, LedLog>;
      /** Of the logs alone that may not be read. */
      timed: Answers<boolean, LedLog>;
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
    const { nowMs, random } = this.#options;
    const logEnd = after as bigint;
    const mirrorTail = tail as MirrorTail | null;
    const isWithheld = read.timed.has(log);
    const timed = read.timed.get(log);
    if (timed instanceof LockstepError) return timed;
    const holdsBatches = logEnd > (logStart as bigint);
    // Fillers have no timestamps. Anything else may be records: never cut unseen.
    if (isWithheld && timed === true) return notReadable(log);
    const view = viewOf(
      {
        leaderEpoch: log.leaderEpoch,
        logStart: logStart as bigint,
        logEnd,
        // A log that grew while it was read is not at rest: the machine reads again.
        highWatermark: before === after ? (highWatermark as bigint) : -1n,
        tail: mirrorTail,
        entries: entries as ProducerEntry[],
      },
      { ...log.life, nowMs: nowMs(), random: random() },
    );
    if (isWithheld && holdsBatches)
      return { view: { ...view, tail: fillerTail(log.life.producerId, logEnd) }, tail: null };
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

/** Its newest batch is no filler, and what it is instead can't be seen. */
function notReadable({ topic, partition }: LedLog): LockstepError {
  const what = 'the mirror may not be read yet: other partitions of the topic are still filled';
  return new LockstepError('KAFKA_ERROR', `${topic}-${partition}: ${what}`, { retriable: true });
}

function fillerTail(producerId: bigint, logEnd: bigint): DestinationView['tail'] {
  const lastOffset = logEnd - 1n;
  return { baseOffset: lastOffset, lastOffset, producerId, isControl: false, isFiller: true };
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
      return [log, { leaderEpoch: log.leaderEpoch, logEnd: later(logEnd, highWatermark), highWatermark }];
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
  const holes = new Map<LedLog, EndHole | LockstepError>();
  await Promise.all(
    logs.map(async ({ log, logStart, logEnd }) => {
      const header = newest.get(log);
      if (header == null || header instanceof LockstepError || !header.isControl) return;
      holes.set(log, await orError(askEndHole(ask, log, { logStart, logEnd }, header)));
    }),
  );
  const beforeRuns = await askBeforeRuns(ask, logs, newest);
  return new Map(
    logs.map(({ log }): [LedLog, MirrorTail | null | LockstepError] => {
      const header = newest.get(log) ?? null;
      if (header === null || header instanceof LockstepError) return [log, header];
      const hole = holes.get(log) ?? null;
      if (hole instanceof LockstepError) return [log, hole];
      const beforeRun = beforeRuns.get(log) ?? 'unknown';
      if (beforeRun instanceof LockstepError) return [log, beforeRun];
      const newestData = header.isControl ? (hole?.newestData ?? null) : header;
      return [log, { newest: header, newestData, holeStart: hole?.start ?? null, beforeRun }];
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
