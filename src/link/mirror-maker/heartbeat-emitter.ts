// Heartbeats of MirrorMaker 2 into topic `heartbeats` of one destination. Links that mirror them on show clients which
// clusters feed one, and over how many hops (MirrorClient.upstreamClusters, replicationHops). Run by the fleet's leader;
// when leaders change there may be a beat of each, which says the same.
import { type BackoffOptions, backoffMs, type Clock, sleep } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import type { Notice } from '../notice.ts';
import type { TopicWriter } from './internal-topic.ts';
import { heartbeatRecord } from './records.ts';
import { Telling } from './telling.ts';
import type { HeartbeatStatus } from './types.ts';

/** Who is said to feed whom, and how often. */
export interface Beat {
  readonly sourceAlias: string;
  readonly destinationAlias: string;
  readonly everyMs: number;
  /** Of the topic, where it has to be created; absent: the broker's default. */
  readonly replicationFactor?: number;
}

export interface HeartbeatEmitterOptions {
  /** The topic of heartbeats; called once. */
  open(replicationFactor: number | undefined): TopicWriter;
  /** Asked again and again, since files come and go with the agents that read them. */
  beats(): readonly Beat[];
  /** The link that mirrors into the topic of this name; null: none. */
  mirrorOf(topic: string): string | null;
  readonly onNotice: (notice: Notice) => void;
  readonly clock: Clock;
  /** Wall clock, ms. Default Date.now. */
  readonly nowMs?: () => number;
}

const heartbeatsTopicName = 'heartbeats';
/** How soon a beat that is new is found, ms. */
const lookEveryMs = 5_000;
const failureBackoff: BackoffOptions = { initialMs: 1_000, maxMs: 30_000 };

export class HeartbeatEmitter {
  readonly #options: HeartbeatEmitterOptions;
  readonly #nowMs: () => number;
  readonly #telling: Telling;
  readonly #stopping = new AbortController();
  #topic: TopicWriter | null = null;
  #beats: readonly Beat[] = [];
  /** When the next one of each is due, by our clock, and when the last one was written. */
  readonly #dueMs = new Map<string, number>();
  readonly #writtenAtMs = new Map<string, number>();
  #failures = 0;
  #running: Promise<void> | null = null;

  constructor(options: HeartbeatEmitterOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
    const { onNotice } = options;
    this.#telling = new Telling({
      what: 'heartbeats',
      topic: heartbeatsTopicName,
      onNotice,
      nowMs: this.#nowMs,
    });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** No beat is begun any more; one that is under way is not waited for. */
  stop(): void {
    this.#stopping.abort();
  }

  status(): HeartbeatStatus[] {
    const told = this.#telling.status();
    return this.#beats.map((beat) => ({
      ...told,
      sourceAlias: beat.sourceAlias,
      destinationAlias: beat.destinationAlias,
      lastWrittenAtMs: this.#writtenAtMs.get(keyOf(beat)) ?? null,
    }));
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#beats = distinct(this.#options.beats());
      const nowMs = clock.nowMs();
      const due = this.#beats.filter((beat) => (this.#dueMs.get(keyOf(beat)) ?? nowMs) <= nowMs);
      if (due.length > 0) await this.#write(due);
      if (signal.aborted) return;
      const next = this.#beats.map((beat) => this.#dueMs.get(keyOf(beat)) ?? nowMs);
      const waitMs = Math.min(lookEveryMs, ...next.map((dueMs) => dueMs - clock.nowMs()));
      await sleep(clock, Math.max(0, waitMs), signal).catch(() => {});
    }
  }

  async #write(due: readonly Beat[]): Promise<void> {
    const { clock, mirrorOf } = this.#options;
    const link = mirrorOf(heartbeatsTopicName);
    if (link !== null) {
      this.#telling.isMirror(link);
      return this.#later(due, lookEveryMs);
    }
    const timestampMs = this.#nowMs();
    try {
      await this.#topicOf(due).append(
        due.map((beat) => heartbeatRecord({ ...beat, timestampMs })),
        timestampMs,
      );
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      if (this.#stopping.signal.aborted) return;
      this.#telling.failed(error);
      return this.#later(due, backoffMs(this.#failures++, failureBackoff, Math.random));
    }
    this.#failures = 0;
    this.#telling.wrote();
    const nowMs = clock.nowMs();
    for (const beat of due) {
      this.#writtenAtMs.set(keyOf(beat), timestampMs);
      this.#dueMs.set(keyOf(beat), Math.max(nowMs, (this.#dueMs.get(keyOf(beat)) ?? nowMs) + beat.everyMs));
    }
  }

  #later(beats: readonly Beat[], waitMs: number): void {
    const nowMs = this.#options.clock.nowMs();
    for (const beat of beats) this.#dueMs.set(keyOf(beat), nowMs + Math.max(waitMs, beat.everyMs));
  }

  #topicOf(beats: readonly Beat[]): TopicWriter {
    this.#topic ??= this.#options.open(
      beats.find(({ replicationFactor }) => replicationFactor !== undefined)?.replicationFactor,
    );
    return this.#topic;
  }
}

/** Of the same pair the one that beats most often. */
function distinct(beats: readonly Beat[]): Beat[] {
  const byKey = new Map<string, Beat>();
  for (const beat of beats) {
    const known = byKey.get(keyOf(beat));
    if (known === undefined || beat.everyMs < known.everyMs) byKey.set(keyOf(beat), beat);
  }
  return [...byKey.values()];
}

function keyOf({ sourceAlias, destinationAlias }: Pick<Beat, 'sourceAlias' | 'destinationAlias'>): string {
  return JSON.stringify([sourceAlias, destinationAlias]);
}
