// Waits until the logs of topics that were just made are there.
//
// The problem: a topic is there long before its brokers have made its logs, a thousand a second at best, and a hundred beside
// other work. Partitions that are begun meanwhile ask for what is not there again and again, and take the brokers' time:
// with thousands, most of it. So would whoever asks about all of them to know when they may begin.
//
// The answer: of each topic one log is asked about, one that was not there; once it is, all of the topic are. Each topic is
// waited for by itself, so that the first ones begin while others are made. When nothing has come for `patienceMs`, nothing
// is waited for any more: a log that never comes has to be told by its partition. A leader that is too slow to answer gets
// longer (`silencePatienceMs`): thousands would begin there with refusals.
import { type Clock, type ClusterMetadata, sleep, type TopicMetadata } from '../client/index.ts';
import { LockstepError } from '../errors.ts';

export interface LedWatchOptions {
  metadata(topics: readonly string[]): Promise<Pick<ClusterMetadata, 'topics'>>;
  /**
   * Which of these logs, all of one leader, it does not know yet; none where it can't be asked: whoever begins there has the
   * same trouble, and tells it. Null: it did not answer in time, as one does that has many logs to make.
   */
  missing(leader: number, logs: readonly NewLog[]): Promise<ReadonlySet<NewLog> | null>;
  readonly clock: Clock;
}

export interface NewLog {
  readonly topic: string;
  readonly partition: number;
  readonly leaderEpoch: number;
}

/** How often it is asked, ms. */
const pollMs = 100;
/** Leaders move: after so long, ms, those of a topic that is waited for are asked for again, and all its logs are asked about. */
const lookAnewMs = 2_000;
/** Nothing came for so long, ms: several looks at all logs. */
const patienceMs = 10_000;
/** The same where a leader did not answer in time since then: it is asked a few times. */
const silencePatienceMs = 60_000;

interface Awaited {
  readonly topic: string;
  resolve(metadata: TopicMetadata | undefined): void;
  metadata: TopicMetadata | undefined;
  /** When that was asked for, by the clock. */
  askedAtMs: number;
  /** The partition that is asked about; null: all of them. */
  probe: number | null;
  missingCount: number;
}

export class LedWatch {
  readonly #options: LedWatchOptions;
  readonly #awaited = new Map<string, Awaited>();
  #isRunning = false;
  /** When a log was found that had not been there before, by the clock. */
  #newestAtMs = 0;
  /** Since then a leader did not answer in time. */
  #isSilent = false;

  constructor(options: LedWatchOptions) {
    this.#options = options;
  }

  /** Resolves with the newest metadata of a topic that was just made; undefined: nobody could tell of it. */
  until(topic: string): Promise<TopicMetadata | undefined> {
    this.#found();
    return new Promise((resolve) => {
      const askedAtMs = Number.NEGATIVE_INFINITY;
      const missingCount = Number.POSITIVE_INFINITY;
      this.#awaited.set(topic, { topic, resolve, metadata: undefined, askedAtMs, probe: 0, missingCount });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    this.#isRunning = true;
    while (this.#awaited.size > 0) {
      await this.#look().catch(onlyExpected);
      if (clock.nowMs() - this.#newestAtMs > (this.#isSilent ? silencePatienceMs : patienceMs))
        for (const awaited of [...this.#awaited.values()]) this.#done(awaited);
      if (this.#awaited.size > 0) await sleep(clock, pollMs);
    }
    this.#isRunning = false;
  }

  async #look(): Promise<void> {
    await this.#refresh();
    const placed = [...this.#awaited.values()].filter(({ metadata }) => isPlaced(metadata));
    const probed = placed.flatMap((awaited) =>
      awaited.probe === null ? [] : [{ awaited, partition: awaited.probe }],
    );
    const absent = await this.#missing(probed);
    const due = placed.filter((awaited) => !absent.has(awaited));
    const all = due.flatMap((awaited) =>
      awaited.metadata!.partitions.map((_, partition) => ({ awaited, partition })),
    );
    const still = await this.#missing(all);
    for (const awaited of due) this.#scanned(awaited, still.get(awaited) ?? []);
  }

  #scanned(awaited: Awaited, missing: readonly number[]): void {
    // What a leader kept silent about and tells again is nothing new.
    const least = Math.min(awaited.missingCount, awaited.metadata!.partitions.length);
    if (missing.length < least) this.#found();
    awaited.missingCount = Math.min(least, missing.length);
    awaited.probe = missing.at(-1) ?? null;
    if (missing.length === 0) this.#done(awaited);
  }

  async #refresh(): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    const outdated = [...this.#awaited.values()].filter(
      ({ metadata, askedAtMs }) => !isPlaced(metadata) || nowMs - askedAtMs >= lookAnewMs,
    );
    if (outdated.length === 0) return;
    const { topics } = await this.#options.metadata(outdated.map(({ topic }) => topic));
    for (const awaited of outdated) {
      awaited.metadata = topics.get(awaited.topic) ?? awaited.metadata;
      if (isPlaced(awaited.metadata) && Number.isFinite(awaited.askedAtMs)) awaited.probe = null;
      awaited.askedAtMs = nowMs;
    }
  }

  /** Those that are not there, of each topic that lacks some. */
  async #missing(asked: readonly { awaited: Awaited; partition: number }[]): Promise<Map<Awaited, number[]>> {
    const byLeader = new Map<number, Map<NewLog, Awaited>>();
    for (const { awaited, partition } of asked) {
      const { leaderId, leaderEpoch } = awaited.metadata!.partitions[partition]!;
      const logs = byLeader.get(leaderId) ?? new Map<NewLog, Awaited>();
      byLeader.set(leaderId, logs.set({ topic: awaited.topic, partition, leaderEpoch }, awaited));
    }
    const missing = new Map<Awaited, number[]>();
    await Promise.all(
      Array.from(byLeader, async ([leader, logs]) => {
        const absent = await this.#options.missing(leader, [...logs.keys()]);
        if (absent === null) this.#isSilent = true;
        for (const log of absent ?? logs.keys()) {
          const awaited = logs.get(log)!;
          const partitions = missing.get(awaited) ?? [];
          partitions.push(log.partition);
          missing.set(awaited, partitions);
        }
      }),
    );
    return missing;
  }

  #found(): void {
    this.#newestAtMs = this.#options.clock.nowMs();
    this.#isSilent = false;
  }

  #done({ topic, metadata, resolve }: Awaited): void {
    this.#awaited.delete(topic);
    resolve(metadata);
  }
}

/** A cluster that is away is asked again, as long as patience lasts. */
function onlyExpected(error: unknown): void {
  if (!(error instanceof LockstepError)) throw error;
}

/** Whether each partition has a leader, on paper. */
function isPlaced(metadata: TopicMetadata | undefined): boolean {
  return metadata !== undefined && metadata.partitions.length > 0 && metadata.partitions.every(isLed);
}

function isLed({ leaderId }: TopicMetadata['partitions'][number]): boolean {
  return leaderId >= 0;
}
