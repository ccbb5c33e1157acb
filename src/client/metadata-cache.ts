// The newest picture of a cluster, and one request at a time to renew it. Callers that want topics while a
// request is under way are gathered into the next one, so a thousand partitions that lost their leader cost
// one request, not a thousand.
import type { LockstepError } from '../errors.ts';
import type { MetadataResponse } from '../protocol/index.ts';
import { AnswerDigest, unchanged } from './answer-digest.ts';
import type { Clock } from './clock.ts';
import {
  type ClusterMetadata,
  emptyMetadata,
  mergeLeader,
  mergeMetadata,
  type TopicIdChange,
  type TopicMetadata,
} from './metadata.ts';

export interface MetadataCacheOptions {
  readonly clock: Clock;
  /** Sends one Metadata request; an empty list asks for no topics (brokers only). */
  readonly ask: (topics: readonly string[]) => Promise<MetadataResponse>;
  /** Asks for all topics. */
  readonly askAll: (digest: AnswerDigest) => Promise<MetadataResponse | typeof unchanged>;
  /** Called with each answer before it is merged; throwing refuses it. */
  readonly check: (answer: MetadataResponse) => void;
  readonly onTopicIdChange: (change: TopicIdChange) => void;
}

interface Round {
  all: boolean;
  readonly topics: Set<string>;
  readonly done: Promise<ClusterMetadata>;
}

export class MetadataCache {
  readonly #options: MetadataCacheOptions;
  #metadata: ClusterMetadata = emptyMetadata;
  readonly #askedAtMs = new Map<string, number>();
  #running: Promise<unknown> | null = null;
  #next: Round | null = null;
  #refreshCount = 0;
  #lastError: LockstepError | null = null;
  /** The newest answer about all topics, and the picture that it gave. */
  #whole: { readonly digest: string | null; readonly metadata: ClusterMetadata } | null = null;

  constructor(options: MetadataCacheOptions) {
    this.#options = options;
  }

  /** What is known now, whatever its age. */
  get current(): ClusterMetadata {
    return this.#metadata;
  }
  /** Metadata requests so far. */
  get refreshCount(): number {
    return this.#refreshCount;
  }
  /** Why the last request failed; null when it did not. */
  get lastError(): LockstepError | null {
    return this.#lastError;
  }

  /** Time since a topic was last described, ms; Infinity when never. */
  ageMs(topic: string): number {
    const askedAtMs = this.#askedAtMs.get(topic);
    return askedAtMs === undefined ? Number.POSITIVE_INFINITY : this.#options.clock.nowMs() - askedAtMs;
  }

  /** The picture after asking about these topics; null for all. */
  refresh(topics: readonly string[] | null): Promise<ClusterMetadata> {
    this.#next ??= this.#planRound();
    if (topics === null) this.#next.all = true;
    else for (const topic of topics) this.#next.topics.add(topic);
    return this.#next.done;
  }

  /** Takes over a leader that a broker named in passing (KIP-951), if it is newer. */
  noteLeader(topic: string, partition: number, leader: { leaderId: number; leaderEpoch: number }): void {
    this.#metadata = mergeLeader(this.#metadata, topic, partition, leader);
  }

  #planRound(): Round {
    const before = this.#running ?? Promise.resolve();
    const done = before.then(
      () => this.#run(),
      () => this.#run(),
    );
    this.#running = done;
    // Each caller sees the failure; the chain itself must not count as unhandled.
    done.catch(() => {});
    return { all: false, topics: new Set(), done };
  }

  async #run(): Promise<ClusterMetadata> {
    const { all, topics } = this.#next!;
    this.#next = null;
    this.#refreshCount += 1;
    try {
      if (all) await this.#learnAll();
      else this.#take(await this.#options.ask([...topics]), false);
      this.#lastError = null;
      return this.#metadata;
    } catch (error) {
      this.#lastError = error as LockstepError;
      throw error;
    }
  }

  /** Where something else was learnt since the last time, the same answer says something new. */
  async #learnAll(): Promise<void> {
    const digest = new AnswerDigest(this.#whole?.metadata === this.#metadata ? this.#whole.digest : null);
    const answer = await this.#options.askAll(digest);
    if (answer === unchanged) {
      const nowMs = this.#options.clock.nowMs();
      for (const name of this.#askedAtMs.keys()) this.#askedAtMs.set(name, nowMs);
      return;
    }
    this.#take(answer, true);
    this.#whole = { digest: digest.value, metadata: this.#metadata };
  }

  #take(answer: MetadataResponse, all: boolean): void {
    this.#options.check(answer);
    this.#merge(answer, all);
  }

  #merge(answer: MetadataResponse, all: boolean): void {
    const { metadata, topicIdChanges } = mergeMetadata(this.#metadata, answer, all);
    this.#metadata = metadata;
    const nowMs = this.#options.clock.nowMs();
    if (all) this.#askedAtMs.clear();
    for (const { name } of answer.topics) if (name !== null) this.#askedAtMs.set(name, nowMs);
    for (const change of topicIdChanges) this.#options.onTopicIdChange(change);
  }
}

/** The topic with this id, if it is known. */
export function topicById(metadata: ClusterMetadata, topicId: string): TopicMetadata | undefined {
  for (const topic of metadata.topics.values()) if (topic.topicId === topicId) return topic;
  return undefined;
}
