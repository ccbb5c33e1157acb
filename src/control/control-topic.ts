// The control topic as an agent uses it: a view that follows the log, and a pen for what anybody may write.
//
// One fetch waits at the partition's leader, on a connection of its own, and is repeated for ever: a new record is seen
// at once, and an idle fleet costs one request per `fetchWaitMs`. Whatever happens to brokers, leaders and even the
// topic ends in another try; what is known stays known meanwhile.
import {
  backoffMs,
  type Clock,
  type Cluster,
  type Connection,
  kafkaFailure,
  listOffsets,
  requestBackoff,
  sleep,
  systemClock,
  unwrap,
} from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import { markAborted, readRecords, splitBatches } from '../records/index.ts';
import { FleetReducer, type FleetState } from './fleet-state.ts';
import { appendBatch, type Entry, fetchLog, recordsOf } from './log.ts';
import { Restoration } from './restore.ts';
import { controlPartition, controlTopic, createTopic, findTopic, policyProblem } from './topic.ts';

/** How long the leader may wait for something new; while somebody waits for us, shorter. */
const fetchWaitMs = { idle: 5_000, wanted: 500 } as const;
/** Whether a topic that is not there has come, ms. */
const lookEveryMs = 1_000;
/** Whether somebody has changed its policy, ms. */
const policyEveryMs = 60_000;
const untilMsMax = 30_000;
/** Values of one key that are kept where the first one counts (`putIfAbsent`); there are a few at most. */
const valuesKeptMax = 32;
const firstWinsKinds = /^(shift|start)\//;
/** Kinds that only the leader may write, through `LeaderWriter`. */
const leaderKinds = new Set(['link', 'mirror', 'acl', 'group', 'answer', 'restored']);
/** Answers without records although committed ones lie ahead: their offsets were compacted away. */
const emptyAnswersMax = 2;
/** A position: wherever the log starts. */
const atStart = -1n;
const offsetOutOfRange = 1;
/** UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, INCONSISTENT_TOPIC_ID */
const unknownTopicErrors: ReadonlySet<number> = new Set([3, 100, 103]);

/** What a record changed, in the order of the log. */
export interface KeyChange {
  readonly key: string;
  /** As JSON says it; null for a tombstone, undefined for garbage. */
  readonly value: unknown;
  /** The value before; undefined for none. */
  readonly former: unknown;
  /** -1n for a key that a restored topic does not have any more. */
  readonly offset: bigint;
}

export interface ControlTopicOptions {
  /** Of the topic, should it have to be created. Default: 3, or as many as there are brokers. */
  readonly replicationFactor?: number;
  /** false: while there is no topic there is no state. */
  readonly mayCreate: boolean;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Told once each: reading fails, the topic was deleted, its policy is wrong. */
  readonly onWarning: (text: string) => void;
}

interface Waiter {
  readonly offset: bigint;
  resolve(): void;
  reject(error: unknown): void;
}

export class ControlTopic {
  readonly cluster: Cluster;
  readonly #options: ControlTopicOptions;
  readonly #clock: Clock;
  readonly #state = new FleetReducer();
  /** Every value of the keys whose first one holds, the newest last. */
  readonly #histories = new Map<string, string[]>();
  readonly #listeners = new Set<(changes: readonly KeyChange[]) => void>();
  readonly #recreatedListeners = new Set<() => void>();
  readonly #waiters = new Set<Waiter>();
  readonly #ended = new AbortController();
  #topicId: string | null = null;
  /** A topic was there before: another one, or none, means a loss. */
  #wasThere = false;
  #restoration: Restoration | null = null;
  /** The offset to be read next. */
  #position = atStart;
  #lastEpoch = -1;
  #emptyAnswers = 0;
  #connection: { readonly brokerId: number; readonly connection: Connection } | null = null;
  #policyCheckedAtMs = 0;
  #lastWarning: string | null = null;
  #appended: Promise<unknown> = Promise.resolve();
  #reading: Promise<void> = Promise.resolve();

  private constructor(cluster: Cluster, options: ControlTopicOptions) {
    this.cluster = cluster;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Resolves when everything that was committed before has been read.
   * @throws LockstepError CONFIG_INVALID for a topic whose policy loses state; NOT_AUTHORIZED; what creating it says.
   */
  static async open(cluster: Cluster, options: ControlTopicOptions): Promise<ControlTopic> {
    const control = new ControlTopic(cluster, options);
    try {
      if (await control.#look()) await control.#checkPolicy('throw');
      control.#reading = control.#run();
      await control.refresh();
      return control;
    } catch (error) {
      await control.close();
      throw error;
    }
  }

  /** The newest view; the same object for ever. */
  get state(): FleetState {
    return this.#state;
  }

  /**
   * The topic was deleted or lost records, and nobody has written everything anew: `state` is what was known before,
   * with what the new topic says over it. `LeaderWriter.restore()` ends this.
   */
  get needsRestore(): boolean {
    return this.#restoration !== null;
  }

  /** Told after `state` has changed. @returns a function that ends it. */
  onChange(listener: (changes: readonly KeyChange[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Told when `needsRestore` becomes true. @returns a function that ends it. */
  onRecreated(listener: () => void): () => void {
    this.#recreatedListeners.add(listener);
    return () => this.#recreatedListeners.delete(listener);
  }

  /**
   * Resolves when everything up to this offset has been read.
   * @throws LockstepError REQUEST_TIMED_OUT; KAFKA_ERROR, retriable, when the topic is created anew meanwhile.
   */
  until(offset: bigint, options: { timeoutMs?: number } = {}): Promise<void> {
    if (this.#position > offset) return Promise.resolve();
    if (this.#ended.signal.aborted) return Promise.reject(this.#ended.signal.reason);
    const timeoutMs = options.timeoutMs ?? untilMsMax;
    return new Promise((resolve, reject) => {
      const done = (end: () => void) => {
        cancel();
        this.#waiters.delete(waiter);
        end();
      };
      const waiter = {
        offset,
        resolve: () => done(resolve),
        reject: (error: unknown) => done(() => reject(error)),
      };
      const cancel = this.#clock.after(timeoutMs, () =>
        waiter.reject(
          new LockstepError(
            'REQUEST_TIMED_OUT',
            `${this.#where}: offset ${offset} was not read within ${timeoutMs} ms (read so far: ${this.#position})`,
          ),
        ),
      );
      this.#waiters.add(waiter);
    });
  }

  /** Reads everything that is committed by now. */
  async refresh(): Promise<void> {
    if (this.#topicId === null && !(await this.#look())) return;
    const end = await this.#offset('latest');
    if (end > 0n) await this.until(end - 1n);
  }

  /**
   * Writes values that have no single owner: status/, agent/, command/. null removes a key.
   * @returns the offset of the last one; `until` it to have them in `state`.
   */
  put(entries: ReadonlyMap<string, object | null>): Promise<bigint> {
    for (const key of entries.keys()) {
      const [kind] = key.split('/');
      if (leaderKinds.has(kind!))
        throw new LockstepError('INTERNAL', `${key} may be written by the leader of the fleet only`);
    }
    return this.#append(Array.from(entries, ([key, value]) => [key, value && JSON.stringify(value)]));
  }

  /**
   * Puts a value unless there is a valid one, and answers the one that holds. When several agents do this at the same
   * time all get the same answer: the first one in the log. Only for keys under shift/.
   */
  async putIfAbsent(key: string, value: string, isValid: (value: string) => boolean): Promise<string> {
    if (!firstWinsKinds.test(key))
      throw new LockstepError(
        'INTERNAL',
        `${key}: the first value holds for keys under shift/ and start/ only`,
      );
    if (this.#topicId !== null || (await this.#look())) await this.#checkPolicy('throw');
    await this.refresh();
    if (this.first(key, isValid) === undefined) await this.until(await this.#append([[key, value]]));
    const first = this.first(key, isValid);
    if (first === undefined) {
      throw new LockstepError('KAFKA_ERROR', `${this.#where}: what was written under ${key} is not there`, {
        retriable: true,
      });
    }
    // Compaction keeps the last value of a key, so the one that holds has to be the last one, too. Whoever came second
    // may have died before this.
    if (this.#histories.get(key)?.at(-1) !== first) await this.#append([[key, first]]);
    return first;
  }

  /** Of the values of such a key the one that holds: the first valid one. */
  first(key: string, isValid: (value: string) => boolean): string | undefined {
    return this.#histories.get(key)?.find(isValid);
  }

  /** Ends reading; what waits fails with CONNECTION_CLOSED. The cluster stays open. */
  async close(): Promise<void> {
    const reason = new LockstepError('CONNECTION_CLOSED', `${this.#where}: reading was ended`, {
      retriable: false,
    });
    this.#ended.abort(reason);
    for (const waiter of this.#waiters) waiter.reject(reason);
    this.#connection?.connection.close();
    await this.#reading;
  }

  get #where(): string {
    return `cluster ${this.cluster.name}: topic ${controlTopic}`;
  }

  /** One after the other, so that the later of two values of a key is later in the log. */
  #append(entries: readonly Entry[]): Promise<bigint> {
    const appended = this.#appended.then(async () => {
      if (this.#topicId === null && !(await this.#look())) {
        throw new LockstepError(
          'KAFKA_ERROR',
          `${this.#where} does not exist; start an agent, which creates it`,
        );
      }
      let last = -1n;
      for (const records of recordsOf(entries, Date.now())) last = await appendBatch(this.cluster, records);
      return last;
    });
    this.#appended = appended.catch(() => {});
    return appended;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    const random = this.#options.random ?? Math.random;
    for (let attempt = 0; !signal.aborted; ) {
      try {
        await this.#readOnce();
        attempt = 0;
        this.#lastWarning = null;
      } catch (error) {
        if (signal.aborted) return;
        await this.#handleTrouble(error);
        await sleep(this.#clock, backoffMs(attempt, requestBackoff, random), signal).catch(() => {});
        attempt += 1;
      }
    }
  }

  async #readOnce(): Promise<void> {
    if (this.#topicId === null && !(await this.#look())) {
      return sleep(this.#clock, lookEveryMs, this.#ended.signal);
    }
    const leader = await this.cluster.leaderOf(controlTopic, controlPartition);
    if (leader.topicId !== this.#topicId) return this.#startOver(leader.topicId, 'was created anew');
    if (this.#position === atStart) this.#position = await this.#offset('earliest');
    const connection = await this.#connectionTo(leader.leaderId);
    const position = {
      topicId: leader.topicId,
      leaderEpoch: leader.leaderEpoch,
      offset: this.#position,
      lastFetchedEpoch: this.#lastEpoch,
    };
    const waitMs = this.#waiters.size > 0 ? fetchWaitMs.wanted : fetchWaitMs.idle;
    const answer = await fetchLog(connection, position, waitMs);
    if (answer === undefined) return;
    const isCut = answer.divergingEpoch.endOffset >= 0n;
    if (answer.errorCode === offsetOutOfRange || isCut)
      return this.#startOver(leader.topicId, 'lost records');
    if (answer.errorCode !== 0) {
      throw kafkaFailure(answer.errorCode, {
        cluster: this.cluster.name,
        what: `reading topic ${controlTopic}`,
      });
    }
    this.#take(answer.records ?? Buffer.alloc(0), answer);
    await this.#checkPolicyNowAndThen();
  }

  #take(
    records: Buffer,
    answer: {
      lastStableOffset: bigint;
      abortedTransactions: Parameters<typeof markAborted>[1];
    },
  ): void {
    const changes: KeyChange[] = [];
    const { batches } = splitBatches(records);
    for (const { view, isAborted } of markAborted(batches, answer.abortedTransactions)) {
      if (view.nextOffset <= this.#position) continue;
      if (!view.isControl && !isAborted) {
        try {
          for (const { offset, key, value } of readRecords(view)) {
            if (offset < this.#position) continue;
            if (key !== null) this.#apply(key.toString(), value?.toString() ?? null, offset, changes);
          }
        } catch (error) {
          if (!(error instanceof LockstepError)) throw error;
          this.#options.onWarning(`${this.#where}: a batch is left out: ${error.message}`);
        }
      }
      this.#position = view.nextOffset;
      this.#lastEpoch = view.partitionLeaderEpoch;
    }
    const isBehind = batches.length === 0 && this.#position < answer.lastStableOffset;
    this.#emptyAnswers = isBehind ? this.#emptyAnswers + 1 : 0;
    if (this.#emptyAnswers === emptyAnswersMax) this.#position = answer.lastStableOffset;
    this.#tell(changes);
    for (const waiter of this.#waiters) if (waiter.offset < this.#position) waiter.resolve();
  }

  #apply(key: string, text: string | null, offset: bigint, changes: KeyChange[]): void {
    const former = this.#state.apply(key, text);
    if (firstWinsKinds.test(key)) this.#noteValue(key, text);
    const value = text === null ? null : this.#state.get(key);
    changes.push({ key, value, former, offset });
    if (this.#restoration?.note(key, value) !== true) return;
    const leftOut = this.#restoration.leftOut(this.#state.keys());
    this.#restoration = null;
    for (const gone of leftOut) this.#apply(gone, null, -1n, changes);
  }

  #noteValue(key: string, text: string | null): void {
    if (text === null) {
      this.#histories.delete(key);
      return;
    }
    const values = this.#histories.get(key) ?? [];
    values.push(text);
    if (values.length > valuesKeptMax) values.shift();
    this.#histories.set(key, values);
  }

  #tell(changes: readonly KeyChange[]): void {
    if (changes.length === 0) return;
    for (const listener of this.#listeners) listener(changes);
  }

  /** Whether the topic is there; creates it where that is allowed. Another one than before is read from its start. */
  async #look(): Promise<boolean> {
    let found = await findTopic(this.cluster);
    if (found === null && this.#topicId !== null) {
      this.#topicId = null;
      const what = this.#options.mayCreate ? 'it is created again' : 'the last known state stands';
      this.#options.onWarning(`${this.#where} was deleted; ${what}`);
    }
    if (found === null && this.#options.mayCreate) {
      await createTopic(this.cluster, this.#options.replicationFactor);
      found = (await this.cluster.retry(() => this.cluster.leaderOf(controlTopic, controlPartition))).topicId;
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
    this.#restoration = new Restoration(topicId);
    this.#policyCheckedAtMs = 0;
    const text = `${this.#where} ${what}; what was known before stands until the leader has written it again`;
    this.#options.onWarning(text);
    for (const waiter of this.#waiters) {
      waiter.reject(new LockstepError('KAFKA_ERROR', text, { retriable: true }));
    }
    for (const listener of this.#recreatedListeners) listener();
  }

  /** `latest`: behind what is committed. */
  async #offset(at: 'earliest' | 'latest'): Promise<bigint> {
    const query = { topic: controlTopic, partition: controlPartition, at };
    const [answer] = await listOffsets(this.cluster, [query], { isolationLevel: 'read_committed' });
    return unwrap(answer!.outcome).offset;
  }

  async #connectionTo(brokerId: number): Promise<Connection> {
    const known = this.#connection;
    if (known?.brokerId === brokerId && known.connection.isOpen) return known.connection;
    known?.connection.close();
    this.#connection = null;
    const connection = await this.cluster.openConnection(brokerId, { purpose: 'control' });
    // Closed meanwhile: nobody would close this one.
    if (this.#ended.signal.aborted) connection.close();
    this.#connection = { brokerId, connection };
    return connection;
  }

  /** The next try finds another leader, or another topic. */
  async #handleTrouble(error: unknown): Promise<void> {
    const trouble =
      error instanceof LockstepError
        ? error
        : new LockstepError('INTERNAL', `${this.#where}: ${String(error)}`, { cause: error });
    this.#connection?.connection.close();
    this.#connection = null;
    if (!trouble.retriable) {
      if (trouble.message !== this.#lastWarning) this.#options.onWarning(trouble.message);
      this.#lastWarning = trouble.message;
      for (const waiter of this.#waiters) waiter.reject(trouble);
    }
    const isUnknown = unknownTopicErrors.has(Number(trouble.detail.number));
    await (isUnknown ? this.#look() : this.cluster.refreshMetadata([controlTopic])).catch(() => {});
  }

  async #checkPolicyNowAndThen(): Promise<void> {
    const nowMs = this.#clock.nowMs();
    if (this.#policyCheckedAtMs !== 0 && nowMs - this.#policyCheckedAtMs < policyEveryMs) return;
    await this.#checkPolicy('warn');
  }

  /** Who may not describe settings can't know; reading goes on. */
  async #checkPolicy(how: 'throw' | 'warn'): Promise<void> {
    this.#policyCheckedAtMs = this.#clock.nowMs();
    const problem = await policyProblem(this.cluster).catch(() => null);
    if (problem === null) return;
    if (how === 'throw' && this.#options.mayCreate) throw problem;
    this.#options.onWarning(problem.message);
  }
}
