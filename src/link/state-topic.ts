// What a link has to remember beyond the logs themselves: keys and values in a compacted topic of the destination.
//
// Everything lives at the destination because that is what is left when the source is gone. One partition, so that
// all agents see the same order; every answer is read back from the log, never taken from memory alone. The topic is
// created with the first value, so that links that have nothing to remember need no right to it.
import {
  type Cluster,
  createTopics,
  describeConfigs,
  kafkaFailure,
  listOffsets,
  unwrap,
} from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import { apis } from '../protocol/index.ts';
import { encodeBatch, readRecords, splitBatches } from '../records/index.ts';

export const stateTopic = '__lockstep';

const partition = 0;
/** Bytes asked for in one fetch; a batch of state is far smaller. */
const fetchBytesMax = 1024 * 1024;
const fetchWaitMs = 1_000;
const ackTimeoutMs = 30_000;
/** Values of one key that are kept in memory; keys that are put once and for all have a few at most. */
const valuesKeptMax = 32;
/** Each of them took `fetchWaitMs`. */
const emptyAnswersMax = 3;
const topicAlreadyExists = 36;
const unknownTopic = 3;

export class StateTopic {
  readonly #cluster: Cluster;
  readonly #replicationFactor: number;
  /** What the log says below `#position`: the values of each key in order, the newest last; never empty. */
  readonly #entries = new Map<string, string[]>();
  #position = 0n;
  #topicId = '';

  /** @param options.replicationFactor of the topic, should it have to be created; -1 for the broker's default. */
  constructor(cluster: Cluster, options: { replicationFactor?: number } = {}) {
    this.#cluster = cluster;
    this.#replicationFactor = options.replicationFactor ?? -1;
  }

  /** Keys that begin with `prefix`, and their values; none while the topic does not exist. */
  async readAll(prefix: string): Promise<ReadonlyMap<string, string>> {
    await this.#readOn();
    const found = [...this.#entries].filter(([key]) => key.startsWith(prefix));
    return new Map(found.map(([key, values]) => [key, values.at(-1)!]));
  }

  /** Reads what is new; `first` answers from it. */
  async refresh(): Promise<void> {
    await this.#readOn();
  }

  /** Of values that are put once and for all (`putIfAbsent`) the one that holds: the first valid one. */
  first(key: string, isValid: (value: string) => boolean): string | undefined {
    return this.#entries.get(key)?.find(isValid);
  }

  /** Resolves when every in-sync replica has it; null removes the key. */
  async put(key: string, value: string | null): Promise<void> {
    await this.#create();
    await this.#append(key, value);
  }

  /**
   * Puts a value unless there is a valid one, and answers the one that holds. When several agents do this at the
   * same time all get the same answer: the first one in the log.
   */
  async putIfAbsent(key: string, value: string, isValid: (value: string) => boolean): Promise<string> {
    await this.#create();
    await this.#readOn();
    if (this.first(key, isValid) === undefined) {
      await this.#append(key, value);
      await this.#readOn();
    }
    const first = this.first(key, isValid);
    if (first === undefined) {
      throw new LockstepError('KAFKA_ERROR', `${this.#where}: what was written under ${key} is not there`, {
        retriable: true,
      });
    }
    // Compaction keeps the last value of a key, so the one that holds has to be the last one, too. Whoever came second
    // may have died before this.
    if (this.#entries.get(key)?.at(-1) !== first) await this.#append(key, first);
    return first;
  }

  get #where(): string {
    return `cluster ${this.#cluster.name}: topic ${stateTopic}`;
  }

  /** Reads what is new, in order. */
  async #readOn(): Promise<void> {
    if (!(await this.#exists())) return;
    const [end, start] = [await this.#offset('latest'), await this.#offset('earliest')];
    if (this.#position < start) this.#position = start;
    let emptyAnswers = 0;
    while (this.#position < end) {
      const records = await this.#fetch(this.#position);
      const { batches } = splitBatches(records);
      for (const batch of batches) {
        if (batch.nextOffset <= this.#position) continue;
        for (const record of batch.isControl ? [] : readRecords(batch)) {
          if (record.offset < this.#position || record.key === null) continue;
          const key = record.key.toString();
          if (record.value === null) this.#entries.delete(key);
          else this.#note(key, record.value.toString());
        }
        this.#position = batch.nextOffset;
      }
      if (batches.length > 0) continue;
      // Nothing although the log goes on: a leader that has just changed, or offsets that were compacted away.
      emptyAnswers += 1;
      if (emptyAnswers === emptyAnswersMax) this.#position = end;
    }
  }

  #note(key: string, value: string): void {
    const values = this.#entries.get(key) ?? [];
    values.push(value);
    if (values.length > valuesKeptMax) values.shift();
    this.#entries.set(key, values);
  }

  async #exists(): Promise<boolean> {
    const { topics, topicErrors } = await this.#cluster.metadata({ topics: [stateTopic] });
    const found = topics.get(stateTopic);
    if (found === undefined) {
      const errorCode = topicErrors.get(stateTopic) ?? unknownTopic;
      if (errorCode !== unknownTopic) {
        throw kafkaFailure(errorCode, {
          cluster: this.#cluster.name,
          what: `describing topic ${stateTopic}`,
        });
      }
    }
    const topicId = found?.topicId ?? '';
    if (topicId !== this.#topicId) {
      this.#topicId = topicId;
      this.#position = 0n;
      this.#entries.clear();
    }
    return found !== undefined;
  }

  async #create(): Promise<void> {
    if (await this.#exists()) return this.#checkPolicy();
    const topic = {
      name: stateTopic,
      partitionCount: 1,
      replicationFactor: this.#replicationFactor,
      configs: { 'cleanup.policy': 'compact', 'unclean.leader.election.enable': 'false' },
    };
    const outcome = (await createTopics(this.#cluster, [topic])).get(stateTopic)!;
    if (!outcome.ok && outcome.error.detail.number !== topicAlreadyExists) throw outcome.error;
  }

  /** With another policy Kafka would delete what has to be remembered for the life of a mirror. */
  async #checkPolicy(): Promise<void> {
    const resource = { type: 'topic', name: stateTopic } as const;
    const [described] = await describeConfigs(this.#cluster, [resource], { names: ['cleanup.policy'] });
    const policy = unwrap(described!.outcome).get('cleanup.policy')?.value;
    if (policy === 'compact') return;
    throw new LockstepError(
      'CONFIG_INVALID',
      `${this.#where} has cleanup.policy=${policy}, under which state is lost; set it with kafka-configs --alter ` +
        `--entity-type topics --entity-name ${stateTopic} --add-config cleanup.policy=compact`,
    );
  }

  async #append(key: string, value: string | null): Promise<void> {
    const record = {
      offset: 0n,
      timestamp: BigInt(Date.now()),
      key: Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      headers: [],
    };
    const what = `writing ${key} to topic ${stateTopic}`;
    const { topicId } = await this.#leader();
    // Sent again when the answer is lost: the same value twice is the same state.
    await this.#cluster.request(
      apis.Produce,
      {
        transactionalId: null,
        acks: -1,
        timeoutMs: ackTimeoutMs,
        topicData: [
          {
            name: stateTopic,
            topicId,
            partitionData: [{ index: partition, records: encodeBatch([record]) }],
          },
        ],
      },
      {
        to: { leaderOf: { topic: stateTopic, partition } },
        what,
        errorOf: ({ responses }) => {
          const answer = responses[0]?.partitionResponses[0];
          return { number: answer?.errorCode ?? -1, message: answer?.errorMessage ?? null };
        },
      },
    );
  }

  async #fetch(offset: bigint): Promise<Buffer> {
    const { topicId, leaderEpoch } = await this.#leader();
    const answer = await this.#cluster.request(
      apis.Fetch,
      {
        maxWaitMs: fetchWaitMs,
        minBytes: 1,
        maxBytes: fetchBytesMax,
        isolationLevel: 0,
        sessionId: 0,
        sessionEpoch: -1,
        topics: [
          {
            topic: stateTopic,
            topicId,
            partitions: [
              {
                partition,
                currentLeaderEpoch: leaderEpoch,
                fetchOffset: offset,
                lastFetchedEpoch: -1,
                partitionMaxBytes: fetchBytesMax,
              },
            ],
          },
        ],
      },
      {
        to: { leaderOf: { topic: stateTopic, partition } },
        what: `reading topic ${stateTopic}`,
        errorOf: ({ errorCode, responses }) => ({
          number: errorCode !== 0 ? errorCode : (responses[0]?.partitions[0]?.errorCode ?? -1),
        }),
      },
    );
    return answer.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0);
  }

  /** A topic that was just created is not known to every broker yet. */
  #leader() {
    return this.#cluster.retry(() => this.#cluster.leaderOf(stateTopic, partition));
  }

  async #offset(at: 'earliest' | 'latest'): Promise<bigint> {
    const [answer] = await listOffsets(this.#cluster, [{ topic: stateTopic, partition, at }]);
    return unwrap(answer!.outcome).offset;
  }
}
