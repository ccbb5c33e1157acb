// What a test asks of Kafka's Java producers. A producer is opened by itself when its name is first used, with a
// transactional id of that name for transactions.
//
//     const workload = oracle.workload(regions.source);
//     await workload.produce({ producer: 'plain', records: [{ topic, key: 'a', value: 'b' }] });
//     await workload.transaction({ producer: 'a', records: [{ topic, partition: 0, value: '1' }], end: 'open' });
//     await workload.transaction({ producer: 'b', records: [...], end: 'abort' });
//     await workload.transaction({ producer: 'a', records: [...], end: 'commit' });  // goes on with its open one
//     await workload.readProcessWrite({ application: 'app', from: 'orders', to: ['totals', 'changelog'] });

export interface JavaRecordToWrite {
  readonly topic: string;
  /** Chosen by the key's hash where absent. */
  readonly partition?: number;
  /** null and absent are Kafka's null. */
  readonly key?: string | Buffer | null;
  readonly value?: string | Buffer | null;
  readonly timestamp?: number | bigint;
  readonly headers?: readonly (readonly [string, string | Buffer | null])[];
}

export interface WriteOptions {
  readonly producer: string;
  readonly records: readonly JavaRecordToWrite[];
  /** Batches of at most so many records; as many as fit by default. */
  readonly flushEvery?: number;
}

/** Where a record went, in the order of sending. */
export type WrittenTo = readonly [topic: string, partition: number, offset: number];

type Call = (command: string, request: object) => Promise<unknown>;

export class JavaWorkload {
  readonly #call: Call;
  readonly #opened = new Map<string, Promise<unknown>>();

  constructor(call: Call) {
    this.#call = call;
  }

  /**
   * Opens a producer by name with settings of its own (compression.type, batch.size, transaction.timeout.ms ...).
   * transactionalId: null for a producer without transactions. Opening a name again starts a new instance.
   */
  async producer(
    name: string,
    options: { transactionalId?: string | null; properties?: Readonly<Record<string, string>> } = {},
  ): Promise<void> {
    const { transactionalId = name, properties } = options;
    const opening = this.#call('producer', {
      producer: name,
      ...(transactionalId !== null && { transactionalId }),
      ...(properties !== undefined && { properties }),
    });
    this.#opened.set(name, opening);
    try {
      await opening;
    } catch (error) {
      this.#opened.delete(name);
      throw error;
    }
  }

  /** Writes outside of transactions. A producer that this opens is idempotent, without a transactional id. */
  async produce(options: WriteOptions): Promise<readonly WrittenTo[]> {
    await (this.#opened.get(options.producer) ?? this.producer(options.producer, { transactionalId: null }));
    return this.#write('produce', options);
  }

  /**
   * Begins a transaction, or goes on with the one that this producer left open. Throws when Kafka's client gave up.
   * Returns when the markers stand in the logs, so that offsets are the same each time; with isQuick as soon as the
   * coordinator has decided, as an application would.
   */
  async transaction(
    options: WriteOptions & { readonly end: 'commit' | 'abort' | 'open'; readonly isQuick?: boolean },
  ): Promise<readonly WrittenTo[]> {
    await (this.#opened.get(options.producer) ?? this.producer(options.producer));
    return this.#write('transaction', options);
  }

  /** isCrash: without a word to the cluster, so that an open transaction stays open until its time-out. */
  async close(producer: string, { isCrash = false }: { isCrash?: boolean } = {}): Promise<void> {
    this.#opened.delete(producer);
    await this.#call('close', { producer, isCrash });
  }

  /**
   * An application with exactly-once semantics, from the present end of `from` back to its group's position: each
   * record goes to every topic of `to`, and the group's offsets are part of the transactions.
   */
  async readProcessWrite(options: {
    readonly application: string;
    readonly from: string;
    readonly to: readonly string[];
    readonly recordsPerTransaction?: number;
    /** Every so many transactions one is aborted and done again. */
    readonly abortEvery?: number;
    /** Every so many transactions the application is lost with its transaction open, and a new one takes over. */
    readonly crashEvery?: number;
    readonly waitMs?: number;
  }): Promise<{ read: number; committed: number; aborted: number; crashed: number }> {
    const { application, ...rest } = options;
    const answer = await this.#call('readProcessWrite', {
      ...rest,
      group: application,
      transactionalId: application,
    });
    return answer as { read: number; committed: number; aborted: number; crashed: number };
  }

  async #write(command: string, options: WriteOptions): Promise<readonly WrittenTo[]> {
    const records = options.records.map(({ key, value, headers, timestamp, ...where }) => ({
      ...where,
      key: base64(key),
      value: base64(value),
      ...(timestamp !== undefined && { timestamp: Number(timestamp) }),
      ...(headers !== undefined && { headers: headers.map(([name, content]) => [name, base64(content)]) }),
    }));
    try {
      return ((await this.#call(command, { ...options, records })) as { offsets: WrittenTo[] }).offsets;
    } catch (error) {
      if (command === 'transaction') this.#opened.delete(options.producer); // Java has closed it
      throw error;
    }
  }
}

function base64(content: string | Buffer | null | undefined): string | null {
  return content == null ? null : Buffer.from(content).toString('base64');
}
