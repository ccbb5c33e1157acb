// The control topic as an agent uses it: a view that follows the log, and a pen for what anybody may write.
import { type Clock, type Cluster, type Random, systemClock } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import type { LogRecord } from './committed-records.ts';
import { FleetReducer, type FleetState } from './fleet-state.ts';
import { commandKey } from './keys.ts';
import { appendBatch, type Entry, recordsOf } from './log.ts';
import { LogFollower } from './log-follower.ts';
import { Restoration } from './restore.ts';
import { controlTopic } from './topic.ts';

/** Values of one key that are kept where the first one counts (`putIfAbsent`); there are a few at most. */
const valuesKeptMax = 32;
const commandKinds = /^command\//;
const firstWinsKinds = /^(shift|start)\//;
/** Kinds that only the leader may write, through `LeaderWriter`. */
const leaderKinds =
  /^(link|mirror|condition|acl|group|answer|roles|rules|origins|move|loss|leader|restored)(\/|$)/;

/** What a record changed. */
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
  readonly random?: Random;
  /** What a person should know: reading fails, the topic was deleted, its policy is wrong. */
  readonly onWarning: (text: string) => void;
}

export class ControlTopic {
  readonly cluster: Cluster;
  readonly #follower: LogFollower;
  readonly #state = new FleetReducer();
  /** Every value of the keys whose first one holds, the newest last. */
  readonly #histories = new Map<string, string[]>();
  readonly #listeners = new Set<(changes: readonly KeyChange[]) => void>();
  readonly #recreatedListeners = new Set<() => void>();
  #restoration: Restoration | null = null;
  /** When commands arrived, by their keys, ms; only those that did while we were reading. */
  readonly #heardAtMs = new Map<string, number>();
  #isLive = false;
  #appended: Promise<unknown> = Promise.resolve();

  private constructor(cluster: Cluster, options: ControlTopicOptions) {
    this.cluster = cluster;
    this.#follower = new LogFollower({
      cluster,
      replicationFactor: options.replicationFactor,
      mayCreate: options.mayCreate,
      clock: options.clock ?? systemClock,
      random: options.random ?? Math.random,
      onWarning: options.onWarning,
      onRecords: (records) => this.#take(records),
      onLoss: (topicId) => {
        this.#restoration = new Restoration(topicId);
        for (const listener of this.#recreatedListeners) listener();
      },
    });
  }

  /**
   * Resolves when everything that was committed before has been read.
   * @throws LockstepError CONFIG_INVALID for a topic whose policy loses state; NOT_AUTHORIZED; what creating it says.
   */
  static async open(cluster: Cluster, options: ControlTopicOptions): Promise<ControlTopic> {
    const control = new ControlTopic(cluster, options);
    try {
      await control.#follower.start();
      control.#isLive = true;
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

  /**
   * When a command arrived, ms by our own clock: nobody's clock has to agree with that of who wrote it. Undefined for
   * one that was written before we began to read.
   */
  heardAtMs(commandId: string): number | undefined {
    return this.#heardAtMs.get(commandKey(commandId));
  }

  /** Told after `state` has changed, in the order of the log. @returns a function that ends it. */
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
    return this.#follower.until(offset, options.timeoutMs);
  }

  /** Reads everything that is committed by now. */
  refresh(): Promise<void> {
    return this.#follower.refresh();
  }

  /**
   * Writes values that have no single owner: status/, agent/, command/. null removes a key.
   * @returns the offset of the last one; `until` it to have them in `state`.
   */
  async put(entries: ReadonlyMap<string, object | null>): Promise<bigint> {
    for (const key of entries.keys()) {
      if (leaderKinds.test(key))
        throw new LockstepError('INTERNAL', `${key} may be written by the leader of the fleet only`);
    }
    return this.#append(Array.from(entries, ([key, value]) => [key, value && JSON.stringify(value)]));
  }

  /**
   * Puts a value unless there is a valid one, and answers the one that holds. When several agents do this at the same
   * time all get the same answer: the first one in the log. Only for keys under shift/ and start/.
   */
  async putIfAbsent(key: string, value: string, isValid: (value: string) => boolean): Promise<string> {
    if (!firstWinsKinds.test(key))
      throw new LockstepError(
        'INTERNAL',
        `${key}: the first value holds for keys under shift/ and start/ only`,
      );
    if (await this.#follower.isThere()) await this.#follower.requirePolicy();
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

  /** The last value of such a key, valid or not. */
  last(key: string): string | undefined {
    return this.#histories.get(key)?.at(-1);
  }

  /** Ends reading; what waits fails with CONNECTION_CLOSED. The cluster stays open. */
  close(): Promise<void> {
    return this.#follower.close();
  }

  get #where(): string {
    return `cluster ${this.cluster.name}: topic ${controlTopic}`;
  }

  /** One after the other, so that the later of two values of a key is later in the log. */
  #append(entries: readonly Entry[]): Promise<bigint> {
    const appended = this.#appended.then(async () => {
      if (!(await this.#follower.isThere())) {
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

  #take(records: readonly LogRecord[]): void {
    const changes = records.flatMap((record) => this.#apply(record));
    for (const listener of this.#listeners) listener(changes);
  }

  /** What a record changes; the mark of a restored topic changes all keys that the topic does not have. */
  #apply({ key, text, offset }: LogRecord): KeyChange[] {
    const former = this.#state.apply(key, text);
    if (firstWinsKinds.test(key)) this.#noteValue(key, text);
    if (commandKinds.test(key)) this.#noteArrival(key, text);
    const value = text === null ? null : this.#state.get(key);
    const change = { key, value, former, offset };
    if (this.#restoration?.note(key, value) !== true) return [change];
    const leftOut = this.#restoration.leftOut(this.#state.keys());
    this.#restoration = null;
    return [change, ...leftOut.flatMap((gone) => this.#apply({ key: gone, text: null, offset: -1n }))];
  }

  #noteArrival(key: string, text: string | null): void {
    if (text === null) this.#heardAtMs.delete(key);
    else if (this.#isLive && !this.#heardAtMs.has(key)) this.#heardAtMs.set(key, Date.now());
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
}
