// What happens at a guarded source while a link runs, made by a super user: topics come and grow, settings, rules, quotas
// and positions change, transactions begin and end. And how the destination is judged against it.
import {
  addPartitionsToTransaction,
  alterClientQuotas,
  type Cluster,
  commitGroupOffsets,
  createAcls,
  createPartitions,
  createTopics,
  deleteRecords,
  describeAcls,
  describeClientQuotas,
  describeConfigs,
  endTransaction,
  fetchGroupOffsets,
  incrementalAlterConfigs,
  initTransactions,
  listGroups,
  listOffsets,
  type ProducerIdentity,
  unwrap,
} from '../../src/client/index.ts';
import { encodeBatch } from '../../src/records/index.ts';
import { sendBatch } from '../support/send-batch.ts';

const settingName = 'max.message.bytes';

export class SourceLife {
  readonly #cluster: Cluster;
  /** The user whose rules and quotas travel. */
  readonly #app: string;
  #count = 0;

  constructor(cluster: Cluster, app: string) {
    this.#cluster = cluster;
    this.#app = app;
  }

  async topic(name: string, partitionCount = 1): Promise<void> {
    const made = await createTopics(this.#cluster, [{ name, partitionCount, replicationFactor: 1 }]);
    unwrap(made.get(name)!);
    await this.#cluster.metadata({ topics: [name] });
  }

  /** One record in each partition. */
  async produce(topic: string): Promise<void> {
    for (let partition = 0; partition < (await this.#partitionCount(topic)); partition++)
      await this.#append(topic, partition);
  }

  /** A topic whose first records are gone. */
  async lateTopic(name: string): Promise<void> {
    await this.topic(name);
    for (let i = 0; i < 3; i++) await this.produce(name);
    const [cut] = await deleteRecords(this.#cluster, [{ topic: name, partition: 0, beforeOffset: 2n }]);
    unwrap(cut!.outcome);
  }

  /** Two offsets that no consumer sees, and a record behind them. */
  async hole(topic: string): Promise<void> {
    await (await this.openTransaction(topic))('abort');
    await this.produce(topic);
  }

  /** Of one record; resolves with what ends it. */
  async openTransaction(topic: string): Promise<(how: 'commit' | 'abort') => Promise<void>> {
    const id = `tx-${this.#next()}`;
    const producer = await initTransactions(this.#cluster, id);
    await addPartitionsToTransaction(this.#cluster, id, producer, [{ topic, partition: 0 }]);
    await this.#append(topic, 0, { id, producer });
    return (how) => endTransaction(this.#cluster, id, producer, how);
  }

  async grow(topic: string): Promise<void> {
    const partitionCount = (await this.#partitionCount(topic)) + 1;
    unwrap((await createPartitions(this.#cluster, [{ topic, partitionCount }])).get(topic)!);
    await this.#cluster.metadata({ topics: [topic] });
  }

  async setting(topic: string): Promise<void> {
    const changes = [
      { operation: 'set', name: settingName, value: String(1_000_000 + this.#next()) },
    ] as const;
    const resource = { type: 'topic', name: topic } as const;
    for (const { outcome } of await incrementalAlterConfigs(this.#cluster, [{ resource, changes }]))
      unwrap(outcome);
  }

  async rule(prefix: string): Promise<void> {
    const made = await createAcls(this.#cluster, [
      {
        ...{ resourceType: 'TOPIC', resourceName: prefix, patternType: 'PREFIXED' },
        ...{ principal: `User:${this.#app}`, host: `10.0.0.${this.#next()}` },
        ...{ operation: 'READ', permission: 'ALLOW' },
      },
    ]);
    for (const outcome of made) unwrap(outcome);
  }

  async quota(): Promise<void> {
    const changes = new Map([['producer_byte_rate', 1_000_000 + this.#next()]]);
    for (const outcome of await alterClientQuotas(this.#cluster, [{ entity: { user: this.#app }, changes }]))
      unwrap(outcome);
  }

  async position(group: string, topic: string, offset: bigint): Promise<void> {
    for (const { outcome } of await commitGroupOffsets(this.#cluster, group, [
      { topic, partition: 0, offset },
    ]))
      unwrap(outcome);
  }

  #next(): number {
    this.#count += 1;
    return this.#count;
  }

  async #partitionCount(topic: string): Promise<number> {
    return (await this.#cluster.metadata({ topics: [topic] })).topics.get(topic)!.partitions.length;
  }

  async #append(
    topic: string,
    partition: number,
    transaction?: { id: string; producer: ProducerIdentity },
  ): Promise<void> {
    const record = { offset: 0n, timestamp: BigInt(Date.now()), key: null, headers: [] };
    const records = encodeBatch(
      [{ ...record, value: Buffer.from(`record ${this.#next()}`) }],
      transaction && { ...transaction.producer, baseSequence: 0, isTransactional: true },
    );
    await sendBatch(this.#cluster, topic, records, { partition, transactionalId: transaction?.id ?? null });
  }
}

export interface Meant {
  isMeant(topic: string): boolean;
  /** Whose rules and quota travel. */
  readonly app: string;
}

/**
 * What of these topics differs at the destination; empty where they have the same partitions, ends and settings, where the
 * user may read them from the same hosts and has the same quota, and where groups have the same positions.
 */
export async function differences(source: Cluster, destination: Cluster, meant: Meant): Promise<string[]> {
  const [ours, theirs] = await Promise.all([facts(source, meant), facts(destination, meant)]);
  return [...ours].flatMap(([what, value]) =>
    theirs.get(what) === value ? [] : [`${what}: ${value} and ${theirs.get(what)}`],
  );
}

async function facts(cluster: Cluster, { isMeant, app }: Meant): Promise<Map<string, string>> {
  const { topics } = await cluster.metadata();
  const partitions = [...topics.values()]
    .filter(({ name }) => isMeant(name))
    .flatMap(({ name: topic, partitions: all }) =>
      all.map((_, partition) => ({ topic, partition, at: 'latest' }) as const),
    );
  const ends = await listOffsets(cluster, partitions);
  const names = [...new Set(partitions.map(({ topic }) => topic))];
  const settings = await describeConfigs(
    cluster,
    names.map((name) => ({ type: 'topic', name }) as const),
    { names: [settingName] },
  );
  const rules = await describeAcls(cluster, { principal: `User:${app}`, resourceType: 'TOPIC' });
  const quotas = (await describeClientQuotas(cluster)).filter(({ entity }) => entity.user === app);
  const positions = await Promise.all(
    [...(await listGroups(cluster)).keys()].map(async (group) =>
      (await fetchGroupOffsets(cluster, group)).map(
        ({ topic, partition, outcome }) =>
          [topic, `${group} on ${topic}-${partition}`, String(unwrap(outcome)?.offset)] as const,
      ),
    ),
  );
  return new Map([
    ...positions.flat().flatMap(([topic, what, offset]) => (isMeant(topic) ? [[what, offset] as const] : [])),
    [`quota of ${app}`, JSON.stringify(quotas.map(({ values }) => [...values]))],
    ...names.map((name) => {
      const matching = rules.filter(({ resourceName, patternType }) =>
        patternType === 'PREFIXED' ? name.startsWith(resourceName) : name === resourceName,
      );
      return [
        `readers of ${name}`,
        matching
          .map(({ host }) => host)
          .sort()
          .join(' '),
      ] as const;
    }),
    ...ends.map(
      ({ item, outcome }) => [`${item.topic}-${item.partition}`, String(unwrap(outcome).offset)] as const,
    ),
    ...settings.map(
      ({ resource, outcome }) =>
        [`${resource.name} ${settingName}`, String(unwrap(outcome).get(settingName)?.value)] as const,
    ),
  ]);
}
