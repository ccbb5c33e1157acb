// Reads partitions that one source broker leads, with one fetch session and one fetch at a time: all of them, or those of
// one lane (broker-readers.ts). A connection can have two readers, each with a session of its own.
//
// 1. Ask the targets from where they want to be read; those that have enough are left out. Thousands may be idle, so only
//    those are asked that an answer was for or that stirred by themselves, and all of them ten times a second.
// 2. Send one Fetch, with the leader epochs a follower would send (KIP-320, KIP-595), so that a truncated source
//    answers with DivergingEpoch instead of other records.
// 3. Cut the answer into batches that share the frame, and hand them to their targets.
// 4. Go on at once; the broker waits for data (long poll), the memory budget for room, and a limit in bytes a second until
//    something may be read again. While that binds, partitions that are at the end of their logs are asked for alone,
//    before those that catch up: a fetch session of its own for each, so that none has to be told anew what it follows.
import { setTimeout as pause } from 'node:timers/promises';
import type { Connection, Frame } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { apis, type FetchResponse } from '../../protocol/index.ts';
import { bytesBehind, handOver, isHeldBack, isWithoutRecords, keysOf } from './fetch-answer.ts';
import { FetchQuestions, pausedWaitMs, type Question } from './fetch-questions.ts';
import { fetchRequest } from './fetch-request.ts';
import type { FetchSession } from './fetch-session.ts';
import type { Asked, FetchTarget } from './fetch-target.ts';
import { FollowedTargets } from './followed-targets.ts';
import { FrameLease } from './leased-batch.ts';
import { ReadingTurns, type Turn } from './reading-turns.ts';
import type { ReaderPace, SourceReaderOptions } from './source-reader-options.ts';
import { Wake } from './wake.ts';

/** The first that is told a truncated source by the epoch fetched last (KIP-595, Kafka 2.7). */
const fetchVersionMin = 12;
/** Session errors: FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR. */
const sessionErrors = new Set([70, 71, 106]);

interface Answer {
  readonly body: FetchResponse;
  readonly frame: Frame;
  readonly tookMs: number;
}

/** In front of each frame on the wire. */
const frameSizeBytes = 4;
/** What a request may take beyond its own wait before the connection counts as dead. */
const answerGraceMs = 30_000;
/** Who gets more goes on at once: partitions catch up. */
const littleBytes = 64 * 1024;

export class SourceReader {
  readonly #options: SourceReaderOptions;
  readonly #targets = new FollowedTargets();
  readonly #questions: FetchQuestions;
  readonly #wake = new Wake();
  readonly #turns: ReadingTurns;
  #connection: Connection | null;
  #isClosed = false;
  /** The connection is others', too, and stays open. */
  #isRetired = false;
  #askedSinceMs: number | null = null;
  #waitedMs = 0;
  /** Of the newest request, and what came. */
  #sentAtMs = 0;
  #answerBytes = 0;
  /** When the newest answer came, ms since the epoch; null before the first. */
  answeredAtMs: number | null = null;
  /** The same of answers that tell of all that was asked for. */
  #toldAtMs: number | null = null;
  /** Settles when the loop has ended. */
  readonly done: Promise<void>;

  constructor(options: SourceReaderOptions) {
    this.#options = options;
    const { budget, limit, fetchResponseBytesMax: answerBytesMax } = options;
    this.#turns = new ReadingTurns({ budget, answerBytesMax });
    this.#questions = new FetchQuestions({ targets: this.#targets, limit, turns: this.#turns, reader: this });
    this.#connection = options.connection === undefined ? null : this.#watched(options.connection);
    this.done = this.#run();
  }

  get targetCount(): number {
    return this.#targets.size;
  }

  /** `key`: the `fetchKey` of all its positions. */
  add(key: string, target: FetchTarget): void {
    this.#targets.add(key, target);
    this.#wake.ring();
  }

  remove(key: string): void {
    this.#targets.remove(key);
  }

  /** Gives a target to whoever takes it, when no answer for it is under way. Nothing comes of it where it leaves before. */
  handOver(key: string, take: (target: FetchTarget) => void): void {
    this.#targets.handOver(key, take);
    this.#wake.ring();
  }

  /**
   * As `add`, for a target that another reader of this broker has had. Where the connection is not the one that was open
   * meanwhile, the source may have been away in between, and the target is told so.
   */
  takeOver(key: string, target: FetchTarget): void {
    this.add(key, target);
    if (this.#connection?.isOpen !== true)
      target.onReaderTrouble('another connection to the source is opened');
  }

  /** When it was last told where this target's log ends, ms since the epoch; null before. No news in a session is told, too. */
  heardAtMs(key: string): number | null {
    return this.#targets.isHeard(key) ? this.#toldAtMs : null;
  }

  /** Who waits for an answer hears of a connection that breaks by itself. Others are told, too: the source may be away. */
  #watched(connection: Connection): Connection {
    void connection.closed?.then(() => {
      if (this.#connection === connection && this.#askedSinceMs === null) this.#lost(connection);
    });
    return connection;
  }

  #lost(connection: Connection): void {
    this.#connection = null;
    // We have closed it ourselves, when another one could be opened.
    if (connection.isReplaced) return;
    for (const target of this.#targets.all())
      target.onReaderTrouble('the connection to the source was closed while nothing was asked');
  }

  /** How long it has waited for answers in all, ms; the rest of the time it waited for us. */
  get waitedMs(): number {
    return this.#waitedMs + (this.#askedSinceMs === null ? 0 : performance.now() - this.#askedSinceMs);
  }

  /** The target of this key wants something else, such as data again. */
  wake(key: string): void {
    this.#targets.stir(key);
    this.#wake.ring();
  }

  /** Looks at its targets where it sleeps: at all of them, where the last such look is long ago. */
  ring(): void {
    this.#wake.ring();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#targets.clear();
    this.#wake.ring();
    this.#connection?.close();
    await this.done;
  }

  /** Ends when the answer under way is here, and leaves the connection to others. It has no targets any more. */
  async retire(): Promise<void> {
    this.#isClosed = true;
    this.#isRetired = true;
    this.#wake.ring();
    await this.done;
  }

  async #run(): Promise<void> {
    const { budget, limit } = this.#options;
    let attempt = 0;
    while (!this.#isClosed) {
      try {
        // Room comes first: what the targets want can change a lot while it is waited for.
        const turn = await this.#turn();
        const question = this.#questionFor(turn);
        if (question === null || typeof question === 'number') {
          budget.giveBack(turn.reservedBytes);
          this.#turns.rest();
          if (question !== null) await this.#wake.within(question);
          else if (!this.#isClosed) await this.#wake.next();
          continue;
        }
        await this.#fetchOnce(question, turn);
        attempt = 0;
        await this.#restBetween();
      } catch (error) {
        if (this.#isClosed) break;
        attempt += 1;
        await this.#handleTrouble(error, attempt);
      }
    }
    limit.leave(this);
    this.#turns.rest();
    // It may have been opened after `close` looked for one.
    if (!this.#isRetired) this.#connection?.close();
  }

  /** A limit makes turns of its own, and plans with answers as large as they may be. */
  async #turn(): Promise<Turn> {
    const { limit, budget } = this.#options;
    const { answerBytesMax: bytesMax } = this.#pace();
    if (!limit.isSet) return this.#turns.next(this.#questions.followed, bytesMax);
    const bytes = Math.min(bytesMax, limit.atOnceBytesMax);
    const reservedBytes = await budget.reserve({ bytes, isLive: false });
    const askedBytes = Math.min(bytes, reservedBytes);
    return { scope: 'all', kind: 'backlog', reservedBytes, askedBytes, waitMsMax: Number.POSITIVE_INFINITY };
  }

  async #restBetween(): Promise<void> {
    const { gapMsMin = 0 } = this.#pace();
    const leftMs = this.#sentAtMs + gapMsMin - performance.now();
    if (leftMs > 0 && this.#answerBytes < littleBytes) await pause(leftMs);
  }

  #pace(): ReaderPace {
    const { pace, fetchResponseBytesMax, fetchBytesMax, fetchWaitMsMax } = this.#options;
    if (pace !== undefined) return pace();
    return {
      answerBytesMax: fetchResponseBytesMax,
      partitionBytesMax: fetchBytesMax,
      waitMsMax: fetchWaitMsMax,
    };
  }

  /** What to ask now; a number: nothing for so many ms; null: nothing until somebody rings. */
  #questionFor(turn: Turn): Question | number | null {
    if (this.#isClosed) return null;
    try {
      return this.#questions.next(turn, this.#pace().waitMsMax);
    } catch (error) {
      // A target that breaks takes no memory with it.
      this.#options.budget.giveBack(turn.reservedBytes);
      throw error;
    }
  }

  async #handleTrouble(error: unknown, attempt: number): Promise<void> {
    const trouble =
      error instanceof LockstepError
        ? error
        : new LockstepError('INTERNAL', `reading the source failed: ${String(error)}`, { cause: error });
    this.#questions.forgetSessions();
    this.#turns.reset();
    this.#targets.stirAll();
    this.#connection?.close();
    this.#connection = null;
    for (const target of this.#targets.all()) target.onReaderTrouble(trouble.message);
    await this.#options.onTrouble(trouble, attempt);
  }

  /** Turns what was reserved for the answer into what it holds, or gives it back. */
  async #fetchOnce(question: Question, turn: Turn): Promise<void> {
    const { budget } = this.#options;
    const { reservedBytes } = turn;
    const { body, frame, tookMs } = await this.#ask(question).catch((error: unknown) => {
      budget.giveBack(reservedBytes);
      throw error;
    });
    // What counts is the pooled buffer behind the frame, which is larger.
    const heldBytes = frame.bytes.buffer.byteLength;
    budget.settle({ reservedBytes, heldBytes });
    this.#turns.note(turn, { askedBytes: question.bytesMax, answerBytes: heldBytes, tookMs });
    const lease = new FrameLease(() => {
      frame.release();
      budget.giveBack(heldBytes);
    }, budget);
    try {
      const { session, asked } = question;
      if (body.errorCode !== 0) return await this.#sessionRefused(session, body.errorCode);
      session.accept(body.sessionId);
      if (isHeldBack(body)) return;
      this.#toldAtMs = this.answeredAtMs;
      this.#targets.heard(asked);
      this.#distribute(body, asked, lease);
    } finally {
      lease.release();
    }
  }

  async #ask({ scope, session, asked, bytesMax, waitMs, turn = scope }: Question): Promise<Answer> {
    const { limit } = this.#options;
    if (this.#connection === null || !this.#connection.isOpen) {
      if (this.#connection !== null) this.#lost(this.#connection);
      this.#questions.forgetSessions();
      this.#connection = this.#watched(await this.#options.open());
    }
    const isAll = asked === this.#targets.asked;
    const told = session.next(asked, isAll ? this.#targets.news : undefined);
    const { partitionBytesMax } = this.#pace();
    const request = fetchRequest(told, { bytesMax, partitionBytesMax, waitMs });
    if (isAll) this.#targets.told();
    const sentAtMs = performance.now();
    this.#sentAtMs = sentAtMs;
    this.#askedSinceMs = sentAtMs;
    const sent = this.#connection.sendForFrame(apis.Fetch, request, {
      timeoutMs: waitMs + answerGraceMs,
      versionMin: fetchVersionMin,
    });
    // How much of an answer came that broke off, nobody knows.
    const { body, frame } = await sent
      .finally(() => {
        this.#waitedMs = this.waitedMs;
        this.#askedSinceMs = null;
      })
      .catch((error: unknown) => {
        if (limit.isSet) limit.spend({ bytes: bytesMax, behindBytes: 0 });
        throw error;
      });
    const behindBytes = limit.isSet ? bytesBehind(body, asked) : 0;
    limit.spend({ bytes: frame.bytes.length + frameSizeBytes, behindBytes, scope: turn });
    this.#answerBytes = frame.bytes.length;
    this.answeredAtMs = Date.now();
    const tookMs = performance.now() - sentAtMs;
    this.#options.onAnswered?.(tookMs);
    return { body, frame, tookMs };
  }

  async #sessionRefused(session: FetchSession, errorCode: number): Promise<void> {
    session.reset();
    if (!sessionErrors.has(errorCode)) {
      throw new LockstepError('KAFKA_ERROR', `the source answered a fetch with error ${errorCode}`, {
        detail: { errorCode },
        retriable: true,
      });
    }
    // A full request follows. The pause keeps a broker that forgets at once from being asked in a tight loop.
    await pause(pausedWaitMs);
  }

  #distribute(body: FetchResponse, all: ReadonlyMap<string, Asked>, lease: FrameLease): void {
    const keyOf = keysOf(all);
    let stranger: string | null = null;
    const isAnswerEmpty = isWithoutRecords(body);
    for (const topic of body.responses) {
      for (const answer of topic.partitions) {
        const key = keyOf(topic, answer.partitionIndex);
        const asked = key === undefined ? undefined : all.get(key);
        if (key === undefined || asked === undefined) {
          stranger = `partition ${answer.partitionIndex} of topic ${topic.topic || topic.topicId}`;
          continue;
        }
        this.#targets.stir(key);
        // One that has left, or was replaced, wants no answer any more.
        if (this.#targets.get(key) !== asked.target) continue;
        handOver(answer, asked, { lease, isAnswerEmpty });
        if (answer.records !== null && answer.records.length > 0) this.#options.onRecords?.(key);
      }
    }
    // Ignored, it would be asked again at once, and for ever. The others have had theirs.
    if (stranger === null) return;
    const text = `the source answered about ${stranger}, which was not asked for`;
    throw new LockstepError('FRAME_INVALID', text);
  }
}
