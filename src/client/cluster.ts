// One Kafka cluster as a client sees it: an address list that becomes brokers, topics that become leaders, and
// requests that find the right broker and are tried again as Kafka's error classes say. Shared connections
// serve metadata and admin requests; whoever moves much data opens connections of their own.
import { LockstepError } from '../errors.ts';
import {
  type Api,
  apis,
  type Input,
  kafkaError,
  type MetadataRequest,
  type MetadataResponse,
} from '../protocol/index.ts';
import { type AnswerDigest, unchanged } from './answer-digest.ts';
import { BrokerConnections } from './broker-connections.ts';
import type { CertificateFacts } from './certificates.ts';
import { type Clock, type Random, systemClock } from './clock.ts';
import type {
  ClusterOptions,
  OpenConnectionOptions,
  RequestOptions,
  RequestTarget,
} from './cluster-options.ts';
import { type ClusterConfig, type Credentials, formatAddress } from './config.ts';
import { nobodyAnswers } from './connect-failure.ts';
import type { Connection } from './connection.ts';
import { ConnectionOpener } from './connection-opener.ts';
import { Coordinators } from './coordinators.ts';
import { FramePool } from './frame-pool.ts';
import { kafkaFailure } from './kafka-failure.ts';
import { type BrokerNode, type ClusterMetadata, type PartitionMetadata, partitionOf } from './metadata.ts';
import { MetadataCache } from './metadata-cache.ts';
import { retrying } from './retry.ts';

const notController = 41;
/** The first that can say "do not create topics". */
const metadataVersions = { versionMin: 4 };
const coordinatorErrors: ReadonlySet<number> = new Set([15, 16]);

export class Cluster {
  readonly name: string;
  readonly framePool: FramePool;
  readonly #config: ClusterConfig;
  readonly #options: ClusterOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #connections: BrokerConnections;
  readonly #metadata: MetadataCache;
  readonly #coordinators: Coordinators;
  readonly #opener: ConnectionOpener;
  readonly #ended = new AbortController();
  #turn = 0;

  private constructor(config: ClusterConfig, options: ClusterOptions) {
    if (config.bootstrap.length === 0)
      throw new LockstepError('CONFIG_INVALID', `cluster ${config.name}: bootstrap names no address.`);
    this.name = config.name;
    this.framePool = options.framePool ?? new FramePool();
    this.#config = config;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#opener = new ConnectionOpener(config, {
      ...options,
      framePool: this.framePool,
      clock: this.#clock,
      random: this.#random,
    });
    this.#connections = new BrokerConnections({
      open: (address) => this.#opener.open(address),
      clock: this.#clock,
      random: this.#random,
    });
    this.#coordinators = new Coordinators(config.name);
    this.#metadata = new MetadataCache({
      clock: this.#clock,
      ask: (topics) => this.#askMetadata(topics),
      askAll: (digest) => this.#askAllMetadata(digest),
      check: (answer) => this.#checkClusterId(answer),
      onTopicIdChange: (change) => this.#options.onTopicIdChange?.(change),
    });
  }

  /**
   * Reaches the cluster by the first bootstrap address that answers and learns its brokers.
   * @throws LockstepError CLUSTER_UNREACHABLE naming every address and why, or what Connection.open throws.
   */
  static async connect(config: ClusterConfig, options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = new Cluster(config, options);
    try {
      await cluster.#metadata.refresh([]);
      return cluster;
    } catch (error) {
      cluster.close();
      throw error;
    }
  }

  /** The same without reaching it: the first request connects, or fails as any other. `clusterId` is empty until then. */
  static unconnected(config: ClusterConfig, options: ClusterOptions = {}): Cluster {
    return new Cluster(config, options);
  }

  /** Kafka's id of the cluster; empty where brokers don't tell (before Kafka 0.10.1). */
  get clusterId(): string {
    return this.#metadata.current.clusterId ?? '';
  }
  /** The newest that is known, without asking. */
  get knownMetadata(): ClusterMetadata {
    return this.#metadata.current;
  }
  /** Time that one answer may take unless a call says otherwise, ms. */
  get requestTimeoutMs(): number {
    return this.#options.requestTimeoutMs ?? 30_000;
  }
  get brokers(): readonly BrokerNode[] {
    return [...this.#metadata.current.brokers.values()];
  }

  /**
   * Asks for brokers and these topics (all when not given) and resolves with everything that is known then.
   * Topics that can't be described are in `topicErrors`.
   */
  metadata(options: { topics?: readonly string[] } = {}): Promise<ClusterMetadata> {
    return this.#retry({}, () => this.#metadata.refresh(options.topics ?? null));
  }

  /**
   * The leader of a partition and its epoch, from what is known. What is old is renewed in the background: a
   * leader that has moved says so itself.
   * @throws LockstepError KAFKA_ERROR UNKNOWN_TOPIC_OR_PARTITION (3) or LEADER_NOT_AVAILABLE (5), both retriable.
   */
  async leaderOf(topic: string, partition: number): Promise<PartitionMetadata & { topicId: string }> {
    if (!this.#hasLeader(topic, partition)) await this.#metadata.refresh([topic]);
    else if (this.#metadata.ageMs(topic) > (this.#options.metadataAgeMsMax ?? 300_000)) this.#renew([topic]);
    const metadata = this.#metadata.current;
    const entry = metadata.topics.get(topic);
    const found = entry === undefined ? undefined : partitionOf(entry, partition);
    const what = `finding the leader of ${topic}-${partition}`;
    if (entry === undefined || found === undefined)
      throw kafkaFailure(metadata.topicErrors.get(topic) ?? 3, {
        cluster: this.name,
        what,
        right: { operation: 'Describe', resource: { topic } },
      });
    // A broker that is gone leads nothing, whatever was told of the topic before.
    if (!metadata.brokers.has(found.leaderId)) throw kafkaFailure(5, { cluster: this.name, what });
    return { ...found, topicId: entry.topicId };
  }

  /** Takes over a leader that a Produce or Fetch answer named (KIP-951), if its epoch is newer. */
  noteLeader(topic: string, partition: number, leader: { leaderId: number; leaderEpoch: number }): void {
    this.#metadata.noteLeader(topic, partition, leader);
  }

  /**
   * Sends a request where it belongs and tries again, with growing pauses, while that can help. Errors of items
   * inside the answer are the caller's to read. `input` may depend on the version that is going to be spoken.
   * @throws LockstepError KAFKA_ERROR or NOT_AUTHORIZED for an error of the whole answer; what Connection.send
   *   throws; CLUSTER_UNREACHABLE.
   */
  request<Req, Res>(
    api: Api<Req, Res>,
    input: Input<Req> | ((version: number) => Input<Req>),
    options: RequestOptions<Res> = {},
  ): Promise<Res> {
    const target = options.to ?? 'any';
    return this.#retry({ ...options, target }, async (remainingMs) => {
      const connection = await this.#connectionTo(target, remainingMs);
      const timeoutMs = Math.min(remainingMs, this.requestTimeoutMs);
      const version = connection.versionOf(api, options);
      const body = await connection.send(api, typeof input === 'function' ? input(version) : input, {
        timeoutMs,
        version,
        ...(options.digest && { digest: options.digest }),
      });
      const { number, message } = (options.errorOf ?? topLevelError)(body);
      if (number !== 0)
        throw kafkaFailure(number, {
          cluster: this.name,
          what: options.what ?? api.name,
          brokerMessage: message,
          right: typeof options.right === 'function' ? options.right(number) : options.right,
        });
      return body;
    });
  }

  /** As `request` tries again, for whole procedures. `attempt` is given the time that is left, ms. */
  retry<T>(
    attempt: (remainingMs: number) => Promise<T>,
    options: { timeoutMs?: number; retry?: boolean } = {},
  ): Promise<T> {
    return this.#retry(options, attempt);
  }

  /** Asks once about these topics' leaders, without trying again. */
  async refreshMetadata(topics: readonly string[]): Promise<void> {
    await this.#metadata.refresh(topics);
  }

  /** The shared connection for a target, for requests that need more control than `request` gives. */
  connectionTo(target: RequestTarget): Promise<Connection> {
    return this.#connectionTo(target, this.#options.deadlineMs ?? 60_000);
  }

  /**
   * A connection of the caller's own, which `close()` of the cluster closes too.
   * @throws LockstepError as Connection.open; KAFKA_ERROR BROKER_NOT_AVAILABLE (8) for an unknown broker.
   */
  async openConnection(brokerId: number, options: OpenConnectionOptions = {}): Promise<Connection> {
    if (this.#ended.signal.aborted) throw this.#ended.signal.reason;
    const { purpose, ...rest } = options;
    const node = await this.#node(brokerId);
    const clientId = this.#config.clientId ?? 'lockstep';
    const connection = await this.#opener.open({
      ...rest,
      host: node.host,
      port: node.port,
      clientId: purpose === undefined ? clientId : `${clientId}-${purpose}`,
    });
    if (this.#ended.signal.aborted) {
      connection.close();
      throw this.#ended.signal.reason;
    }
    return connection;
  }

  /** What connections log in with now: those that worked last. They may change while we run. */
  get credentials(): Credentials {
    return this.#opener.inUse;
  }

  /** The certificates that connections depend on: configured ones, and those that brokers have shown. */
  certificates(): CertificateFacts[] {
    return this.#opener.certificates();
  }

  /** Closes every connection, the dedicated ones too. What is under way fails with CONNECTION_CLOSED. */
  close(): void {
    this.#ended.abort(
      new LockstepError('CONNECTION_CLOSED', `The client of cluster ${this.name} was closed.`, {
        retriable: false,
      }),
    );
    this.#connections.close();
    this.#opener.close();
  }

  #retry<T>(
    options: { target?: RequestTarget; timeoutMs?: number; retry?: boolean },
    attempt: (remainingMs: number) => Promise<T>,
  ): Promise<T> {
    return retrying(
      {
        clock: this.#clock,
        random: this.#random,
        deadlineMs: options.timeoutMs ?? this.#options.deadlineMs ?? 60_000,
        retry: options.retry ?? true,
        signal: this.#ended.signal,
        onFailure: (error) => this.#learnFrom(error, options.target ?? 'any'),
      },
      attempt,
    ).catch((error) => {
      throw this.#ended.signal.aborted ? this.#ended.signal.reason : error;
    });
  }

  /** What a failed attempt says about leaders and coordinators: those are looked up again. */
  #learnFrom(error: LockstepError, target: RequestTarget): void {
    const number = Number(error.detail.number ?? 0);
    const lost = error.code !== 'KAFKA_ERROR';
    if (typeof target === 'object' && 'coordinatorOf' in target) {
      if (lost || coordinatorErrors.has(number)) this.#coordinators.forget(target.coordinatorOf);
      return;
    }
    // Whoever asks anybody has asked everybody.
    if (target === 'any') return;
    if (!lost && !(number > 0 && kafkaError(number).invalidMetadata) && number !== notController) return;
    const topics = typeof target === 'object' ? [target.leaderOf.topic] : [];
    this.#renew(topics);
  }

  /** Without waiting; a failure shows where the metadata is needed next. */
  #renew(topics: readonly string[]): void {
    this.#metadata.refresh(topics).catch(() => {});
  }

  async #connectionTo(target: RequestTarget, timeoutMs: number): Promise<Connection> {
    if (target === 'any') return this.#meantConnection();
    if (typeof target === 'number') return this.#connections.get(await this.#node(target));
    if (target === 'controller') {
      if (this.#metadata.current.controllerId === null) await this.#metadata.refresh([]);
      const { controllerId } = this.#metadata.current;
      return controllerId === null
        ? this.#anyConnection()
        : this.#connections.get(await this.#node(controllerId));
    }
    if ('leaderOf' in target) {
      const { leaderId } = await this.leaderOf(target.leaderOf.topic, target.leaderOf.partition);
      return this.#connections.get(await this.#node(leaderId));
    }
    const known = this.#coordinators.known(target.coordinatorOf);
    if (known !== undefined) return this.#connections.get(known);
    const found = await this.#coordinators.find(
      target.coordinatorOf,
      await this.#meantConnection(),
      timeoutMs,
    );
    return this.#connections.get(found);
  }

  async #node(brokerId: number): Promise<BrokerNode> {
    if (!this.#metadata.current.brokers.has(brokerId)) await this.#metadata.refresh([]);
    const node = this.#metadata.current.brokers.get(brokerId);
    if (node !== undefined) return node;
    throw kafkaFailure(8, { cluster: this.name, what: `reaching broker ${brokerId}` });
  }

  /** Any broker, once it is known that the addresses lead to the cluster that is meant. */
  async #meantConnection(): Promise<Connection> {
    const isKnown = this.#options.clusterId === undefined || this.#metadata.current.clusterId !== null;
    if (!isKnown) await this.#metadata.refresh([]);
    return this.#anyConnection();
  }

  /** Any broker that answers: an open connection first, then known brokers, then the bootstrap list again. */
  async #anyConnection(): Promise<Connection> {
    const brokers = this.brokers;
    this.#turn += 1;
    const rotated = brokers.map((_, index) => brokers[(index + this.#turn) % brokers.length]!);
    const candidates = [
      ...rotated.filter((broker) => this.#connections.isOpen(broker)),
      ...rotated.filter((broker) => !this.#connections.isOpen(broker)),
      ...this.#config.bootstrap,
    ];
    const tried = new Map<string, LockstepError>();
    for (const address of candidates) {
      const key = formatAddress(address);
      if (tried.has(key)) continue;
      try {
        return await this.#connections.get({ host: address.host, port: address.port });
      } catch (error) {
        if (!(error instanceof LockstepError) || this.#ended.signal.aborted) throw error;
        tried.set(key, error);
      }
    }
    throw nobodyAnswers(this.name, [...tried.values()]);
  }

  async #askMetadata(topics: readonly string[]): Promise<MetadataResponse> {
    const connection = await this.#anyConnection();
    const question = { topics: topics.map((name) => ({ name })), allowAutoTopicCreation: false };
    return this.#retainBrokers(await connection.send(apis.Metadata, question, metadataVersions));
  }

  async #askAllMetadata(digest: AnswerDigest): Promise<MetadataResponse | typeof unchanged> {
    const connection = await this.#anyConnection();
    const question = { topics: null, allowAutoTopicCreation: false };
    const options = { ...metadataVersions, digest };
    const answer = await connection.send<MetadataRequest, MetadataResponse | typeof unchanged>(
      apis.Metadata,
      question,
      options,
    );
    return answer === unchanged ? unchanged : this.#retainBrokers(answer);
  }

  #retainBrokers(answer: MetadataResponse): MetadataResponse {
    this.#connections.retain([...answer.brokers, ...this.#config.bootstrap]);
    return answer;
  }

  #checkClusterId(answer: MetadataResponse): void {
    const known = this.#metadata.current.clusterId ?? this.#options.clusterId ?? null;
    if (known === null || answer.clusterId === null || answer.clusterId === known) return;
    const text = `cluster ${this.name}: the addresses lead to another cluster now (id ${answer.clusterId}, was ${known}). Nothing is sent there; if that is meant, start again.`;
    throw new LockstepError('CLUSTER_CHANGED', text, {
      detail: { cluster: this.name, from: known, to: answer.clusterId },
    });
  }

  /** A leader that is not among the brokers any more is none: the topic has to be asked for again. */
  #hasLeader(topic: string, partition: number): boolean {
    const { topics, brokers } = this.#metadata.current;
    const entry = topics.get(topic);
    return entry !== undefined && brokers.has(partitionOf(entry, partition)?.leaderId ?? -1);
  }
}

function topLevelError(body: unknown): { number: number; message?: string | null } {
  const { errorCode, errorMessage } = body as { errorCode?: number; errorMessage?: string | null };
  return { number: errorCode ?? 0, ...(errorMessage === undefined ? {} : { message: errorMessage }) };
}
