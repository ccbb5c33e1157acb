// Follows the log of the control topic for ever.
//
// One fetch waits at the partition's leader, on a connection of its own, and is repeated: a new record is seen at once,
// and an idle fleet costs one request per `fetchWaitMs`. Whatever happens to brokers, leaders and even the topic ends in
// another try. Only committed records are handed on.
import {
  backoffMs,
  type Clock,
  type Cluster,
  type Connection,
  kafkaFailure,
  listOffsets,
  type Random,
  requestBackoff,
  sleep,
  unwrap,
} from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import { committedRecords, type LogRecord } from './committed-records.ts';
import { fetchLog } from './log.ts';
import { OffsetWaiters } from './offset-waiters.ts';
import { controlPartition, controlTopic, createTopic, findTopic, policyProblem } from './topic.ts';

/** How long the leader may wait for something new; while somebody waits for us, shorter. */
const fetchWaitMs = { idle: 5_000, wanted: 500 } as const;
/** Whether a topic that is not there has come, ms. */
const lookEveryMs = 1_000;
/** What was created is listed by then, or something is wrong, ms. */
const listedMsMax = 60_000;
/** Whether somebody has changed its policy, ms. */
const policyEveryMs = 60_000;
/** Whoever waits for an offset and does not say for how long, ms. */
const untilMsMax = 30_000;
/** Tries that fail before a person is told; a leader that moves needs a few. */
const quietTriesMax = 10;
/** Answers without records although committed ones lie ahead: their offsets were compacted away. */
const emptyAnswersMax = 2;
/** A position: wherever the log starts. */
const atStart = -1n;
const offsetOutOfRange = 1;
/** UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, INCONSISTENT_TOPIC_ID. */
const unknownTopicErrors: ReadonlySet<number> = new Set([3, 100, 103]);

export interface LogFollowerOptions {
  readonly cluster: Cluster;
  /** Of the topic, should it have to be created; undefined for what the brokers allow. */
  readonly replicationFactor: number | undefined;
  readonly mayCreate: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly onWarning: (text: string) => void;
  /** New records in the order of the log, never none. */
  readonly onRecords: (records: readonly LogRecord[]) => void;
  /** The topic was created anew or lost records, and is read from its start; its id now. */
  readonly onLoss: (topicId: string) => void;
}

type FetchAnswer = NonNullable<Awaited<ReturnType<typeof fetchLog>>>;

export class LogFollower {
  readonly #options: LogFollowerOptions;
  readonly #cluster: Cluster;
  readonly #waiters: OffsetWaiters;
  readonly #ended = new AbortController();
  readonly #where: string;
  #topicId: string | null = null;
  /** A topic was there before: another one, or none, means a loss. */
  #wasThere = false;
  /** The offset to be read next. */
  #position = atStart;
  #lastEpoch = -1;
  #emptyAnswers = 0;
  #connection: { readonly brokerId: number; readonly connection: Connection } | null = null;
  #policyCheckedAtMs = 0;
  #lastWarning: string | null = null;
  /** Why the policy can't be looked at, so that it is said once. */
  #hiddenPolicy: string | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(options: LogFollowerOptions) {
    this.#options = options;
    this.#cluster = options.cluster;
    this.#where = `cluster ${options.cluster.name}: topic ${controlTopic}`;
    this.#waiters = new OffsetWaiters(options.clock, this.#where);
  }

  /** Begins, and resolves when everything that is committed by now has been read. */
  async start(): Promise<void> {
    await this.#onceListed(async () => {
      if (await this.isThere()) await this.requirePolicy();
    });
    this.#running = this.#run();
    await this.#onceListed(() => this.refresh());
  }

  /** On a busy cluster it takes long until every broker lists a topic that was just created. */
  async #onceListed(work: () => Promise<void>): Promise<void> {
    const { clock, mayCreate } = this.#options;
    const beganAtMs = clock.nowMs();
    for (;;) {
      try {
        return await work();
      } catch (error) {
        const isUnlisted =
          error instanceof LockstepError && unknownTopicErrors.has(Number(error.detail.number));
        if (!mayCreate || !isUnlisted || clock.nowMs() - beganAtMs >= listedMsMax) throw error;
        await sleep(clock, lookEveryMs, this.#ended.signal);
      }
    }
  }

  async close(): Promise<void> {
    const reason = new LockstepError('CONNECTION_CLOSED', `${this.#where}: reading was ended`, {
      retriable: false,
    });
    this.#ended.abort(reason);
    this.#waiters.fail(reason);
    this.#connection?.connection.close();
    await this.#running;
  }

  /** Resolves when everything up to this offset has been read. */
  until(offset: bigint, timeoutMs = untilMsMax): Promise<void> {
    if (this.#position > offset) return Promise.resolve();
    if (this.#ended.signal.aborted) return Promise.reject(this.#ended.signal.reason);
    return this.#waiters.wait(offset, timeoutMs);
  }

  /** Reads everything that is committed by now. */
  async refresh(): Promise<void> {
    if (!(await this.isThere())) return;
    const end = await this.#offset('latest');
    if (end > 0n) await this.until(end - 1n);
  }

  /** Whether there is a topic, as far as we know; looks, and creates it where that is allowed, while there is none. */
  async isThere(): Promise<boolean> {
    return this.#topicId !== null || this.#look();
  }

  /** @throws LockstepError CONFIG_INVALID for a policy that loses state; only a warning where we only read. */
  async requirePolicy(): Promise<void> {
    const problem = await this.#policyProblem();
    if (problem === null) return;
    if (this.#options.mayCreate) throw problem;
    this.#options.onWarning(problem.message);
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    const { clock, random } = this.#options;
    for (let failedTries = 0; !signal.aborted; ) {
      try {
        await this.#readOnce();
        failedTries = 0;
        this.#lastWarning = null;
      } catch (error) {
        if (signal.aborted) return;
        failedTries += 1;
        await this.#handleTrouble(error, failedTries);
        await sleep(clock, backoffMs(failedTries - 1, requestBackoff, random), signal).catch(() => {});
      }
    }
  }

  async #readOnce(): Promise<void> {
    if (!(await this.isThere())) return sleep(this.#options.clock, lookEveryMs, this.#ended.signal);
    const { leaderId, leaderEpoch, topicId } = await this.#cluster.leaderOf(controlTopic, controlPartition);
    if (topicId !== this.#topicId) return this.#startOver(topicId, 'was created anew');
    if (this.#position === atStart) this.#position = await this.#offset('earliest');
    const position = { topicId, leaderEpoch, offset: this.#position, lastFetchedEpoch: this.#lastEpoch };
    const waitMs = this.#waiters.size > 0 ? fetchWaitMs.wanted : fetchWaitMs.idle;
    const answer = await fetchLog(await this.#connectionTo(leaderId), position, waitMs);
    if (answer === undefined) return;
    const isCut = answer.divergingEpoch.endOffset >= 0n;
    if (answer.errorCode === offsetOutOfRange || isCut) return this.#startOver(topicId, 'lost records');
    if (answer.errorCode !== 0) {
      const what = `reading topic ${controlTopic}`;
      const right = { operation: 'Read', resource: { topic: controlTopic } } as const;
      throw kafkaFailure(answer.errorCode, { cluster: this.#cluster.name, what, right });
    }
    this.#take(answer);
    await this.#watchPolicy();
  }

  #take(answer: FetchAnswer): void {
    const { records, nextOffset, leaderEpoch, unreadable } = committedRecords(answer, this.#position);
    for (const reason of unreadable) {
      this.#options.onWarning(`${this.#where}: a batch is left out: ${reason}`);
    }
    const isBehind = leaderEpoch === null && this.#position < answer.lastStableOffset;
    this.#emptyAnswers = isBehind ? this.#emptyAnswers + 1 : 0;
    this.#position = this.#emptyAnswers === emptyAnswersMax ? answer.lastStableOffset : nextOffset;
    this.#lastEpoch = leaderEpoch ?? this.#lastEpoch;
    if (records.length > 0) this.#options.onRecords(records);
    this.#waiters.reached(this.#position);
  }

  /** Another topic than before is read from its start. */
  async #look(): Promise<boolean> {
    const { mayCreate, onWarning, replicationFactor } = this.#options;
    let found = await findTopic(this.#cluster);
    if (found === null && this.#topicId !== null) {
      this.#topicId = null;
      const what = mayCreate ? 'it is created again' : 'the last known state stands';
      onWarning(`${this.#where} was deleted; ${what}`);
    }
    if (found === null && mayCreate) {
      await createTopic(this.#cluster, replicationFactor);
      const leader = () => this.#cluster.leaderOf(controlTopic, controlPartition);
      found = (await this.#cluster.retry(leader)).topicId;
    }
    if (found !== null && found !== this.#topicId) this.#startOver(found, 'was created anew');
    return found !== null;
  }

  #startOver(topicId: string, what: string): void {
    const isLoss = this.#wasThere;
    this.#topicId = topicId;
    this.#wasThere = true;
    this.#position = atStart;
    this.#lastEpoch = -1;
    if (!isLoss) return;
    this.#policyCheckedAtMs = 0;
    const text = `${this.#where} ${what}; what was known before stands until the leader has written it again`;
    this.#options.onWarning(text);
    this.#waiters.fail(new LockstepError('KAFKA_ERROR', text, { retriable: true }));
    this.#options.onLoss(topicId);
  }

  /** `latest`: behind what is committed. */
  async #offset(at: 'earliest' | 'latest'): Promise<bigint> {
    const query = { topic: controlTopic, partition: controlPartition, at };
    const [answer] = await listOffsets(this.#cluster, [query], { isolationLevel: 'read_committed' });
    return unwrap(answer!.outcome).offset;
  }

  async #connectionTo(brokerId: number): Promise<Connection> {
    const known = this.#connection;
    if (known?.brokerId === brokerId && known.connection.isOpen) return known.connection;
    known?.connection.close();
    this.#connection = null;
    const connection = await this.#cluster.openConnection(brokerId, { purpose: 'control' });
    // Closed meanwhile: nobody would close this one.
    if (this.#ended.signal.aborted) connection.close();
    this.#connection = { brokerId, connection };
    return connection;
  }

  /** The next try finds another leader, or another topic. */
  async #handleTrouble(error: unknown, failedTries: number): Promise<void> {
    const trouble =
      error instanceof LockstepError
        ? error
        : new LockstepError('INTERNAL', `${this.#where}: ${String(error)}`, { cause: error });
    this.#connection?.connection.close();
    this.#connection = null;
    if (!trouble.retriable) this.#waiters.fail(trouble);
    // The cluster's client was closed, so there is nothing left to try.
    if (trouble.code === 'CONNECTION_CLOSED' && !trouble.retriable) return this.#ended.abort(trouble);
    if (!trouble.retriable || failedTries === quietTriesMax) this.#warnOnce(trouble.message);
    const isUnknown = unknownTopicErrors.has(Number(trouble.detail.number));
    await (isUnknown ? this.#look() : this.#cluster.refreshMetadata([controlTopic])).catch(() => {});
  }

  #warnOnce(text: string): void {
    if (text !== this.#lastWarning) this.#options.onWarning(text);
    this.#lastWarning = text;
  }

  async #watchPolicy(): Promise<void> {
    const isNew = this.#policyCheckedAtMs === 0;
    if (!isNew && this.#options.clock.nowMs() - this.#policyCheckedAtMs < policyEveryMs) return;
    const problem = await this.#policyProblem();
    if (problem !== null) this.#options.onWarning(problem.message);
  }

  /** Who may not describe settings can't know; reading goes on. */
  async #policyProblem(): Promise<LockstepError | null> {
    const { clock, mayCreate, onWarning } = this.#options;
    this.#policyCheckedAtMs = clock.nowMs();
    try {
      const problem = await policyProblem(this.#cluster);
      this.#hiddenPolicy = null;
      return problem;
    } catch (error) {
      if (!(error instanceof LockstepError) || error.code !== 'NOT_AUTHORIZED') return null;
      // A person who only looks needs no such right.
      if (mayCreate && this.#hiddenPolicy !== error.message)
        onWarning(`${this.#where}: whether its cleanup.policy loses state can't be seen: ${error.message}`);
      this.#hiddenPolicy = error.message;
      return null;
    }
  }
}
