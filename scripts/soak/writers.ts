// What is written to the source while things break: Java producers in loops of their own, each bounded by a pause.
// A send that fails while a broker is away is counted, and the loop goes on with new records; whether its records
// are in the log or not, the mirror has to hold what the source holds.
import { setTimeout as pause } from 'node:timers/promises';
import { SeededRandom } from '../../src/mirror/simulation/random.ts';
import type { JavaClients, JavaSide } from '../../test/support/java-clients.ts';
import type { JavaRecordToWrite, JavaWorkload } from '../../test/support/java-workload.ts';

export interface WriterCounts {
  records: number;
  committed: number;
  aborted: number;
  /** Transactions whose producer was lost: the coordinator aborts them after their time-out. */
  abandoned: number;
  failedSends: number;
}

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
/** Short, so that an abandoned transaction holds the last stable offset back for seconds only. */
export const transactionTimeoutMs = 8_000;
const transactional = 3;
/** A send that meets a dead broker gives up soon, so that the load comes back with the broker. */
const patience = { 'delivery.timeout.ms': '5000', 'request.timeout.ms': '2000', 'max.block.ms': '5000' };
const failurePauseMs = 300;

export class SoakWriters {
  readonly counts: WriterCounts = { records: 0, committed: 0, aborted: 0, abandoned: 0, failedSends: 0 };
  readonly #workload: JavaWorkload;
  readonly #seed: number;
  #isRunning = true;
  #loops: Promise<void>[] = [];
  #generation = 0;

  constructor(clients: JavaClients, source: JavaSide, seed: number) {
    this.#workload = clients.workload(source);
    this.#seed = seed;
  }

  async open(): Promise<void> {
    for (const codec of codecs)
      await this.#workload.producer(codec, {
        transactionalId: null,
        properties: { ...patience, 'compression.type': codec },
      });
  }

  /** Records that are there before the agents are: `trimmed` gets a start above 0 from them. */
  async fill(topic: string, count: number): Promise<void> {
    const random = new SeededRandom(this.#seed);
    const records = Array.from({ length: count }, () => record(random, topic));
    await this.#workload.produce({ producer: 'lz4', records, flushEvery: 50 });
    this.counts.records += count;
  }

  start(): void {
    const plain = (topic: string, recordsMax: number, pauseMs: number, flushEvery = 0) =>
      this.#loop(topic, pauseMs, async (random) => {
        const codec = codecs[random.integer(0, codecs.length - 1)]!;
        const records = Array.from({ length: random.integer(1, recordsMax) }, () => record(random, topic));
        await this.#workload.produce({ producer: codec, records, flushEvery });
        this.counts.records += records.length;
      });
    this.#loops = [
      plain('orders', 60, 40),
      plain('tiny', 12, 60, 1),
      plain('stamped', 20, 80),
      plain('trimmed', 20, 80),
      this.#compacted(),
      this.#application(),
      ...Array.from({ length: transactional }, (_, index) => this.#transactions(index)),
    ];
  }

  /** Ends the loops and their open transactions. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    await Promise.all(this.#loops);
  }

  async #loop(name: string, pauseMs: number, once: (random: SeededRandom) => Promise<void>): Promise<void> {
    const random = new SeededRandom(
      this.#seed + [...name].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 7),
    );
    while (this.#isRunning) {
      try {
        await once(random);
      } catch {
        this.counts.failedSends++;
        await pause(failurePauseMs);
      }
      await pause(pauseMs);
    }
  }

  /** Few keys written again and again, a quarter of them tombstones. */
  #compacted(): Promise<void> {
    const topic = 'profiles';
    return this.#loop(topic, 60, async (random) => {
      const records = Array.from({ length: random.integer(1, 15) }, () => ({
        topic,
        key: `key ${random.integer(1, 25)}`,
        value: random.chance(0.25) ? null : text(random, 200),
      }));
      await this.#workload.produce({ producer: codecs[random.integer(0, 4)]!, records });
      this.counts.records += records.length;
    });
  }

  /** One transactional producer: commits, aborts, keeps transactions open for a while, and is lost at times. */
  #transactions(index: number): Promise<void> {
    const transactionalId = `soak-${index}`;
    const properties = {
      ...patience,
      'transaction.timeout.ms': String(transactionTimeoutMs),
      'compression.type': codecs[index]!,
    };
    let producer: string | null = null;
    return this.#loop(transactionalId, 30, async (random) => {
      if (producer === null) {
        const name = `${transactionalId}-${this.#generation++}`;
        await this.#workload.producer(name, { transactionalId, properties });
        producer = name;
      }
      try {
        await this.#oneTransaction(random, producer, (lost) => {
          if (lost) producer = null;
        });
      } catch (error) {
        producer = null; // Java has closed it; the next one aborts what it left
        throw error;
      }
    });
  }

  async #oneTransaction(random: SeededRandom, producer: string, onLost: (lost: true) => void): Promise<void> {
    const some = (): JavaRecordToWrite[] =>
      Array.from({ length: random.integer(1, 12) }, () =>
        record(random, random.chance(0.6) ? 'payments' : 'ledger'),
      );
    const write = (records: JavaRecordToWrite[], end: 'commit' | 'abort' | 'open') =>
      this.#workload.transaction({ producer, records, end, flushEvery: 4, isQuick: true });
    let count = 0;
    const stays = random.chance(0.12) ? random.integer(2, 5) : 1;
    for (let part = 1; part < stays; part++) {
      const records = some();
      count += records.length;
      await write(records, 'open');
      await pause(random.integer(50, 700));
    }
    const records = some();
    count += records.length;
    if (random.chance(0.02)) {
      await write(records, 'open');
      await this.#workload.close(producer, { isCrash: true });
      this.counts.abandoned++;
      // Its successor would abort it at once; so it comes only when the coordinator has had to do that by itself.
      if (random.chance(0.5)) await pause(transactionTimeoutMs);
      onLost(true);
      return;
    }
    const end = random.chance(0.3) ? 'abort' : 'commit';
    await write(records, end);
    if (end === 'commit') {
      this.counts.committed++;
      this.counts.records += count;
    } else this.counts.aborted++;
  }

  /** Reads `orders` and writes `outputs` in transactions, with aborts and losses of its own. */
  #application(): Promise<void> {
    return this.#loop('application', 200, async () => {
      const done = await this.#workload.readProcessWrite({
        ...{ application: 'soak-application', from: 'orders', to: ['outputs'] },
        ...{ recordsPerTransaction: 100, abortEvery: 7, crashEvery: 11, waitMs: 30_000 },
      });
      this.counts.committed += done.committed;
      this.counts.aborted += done.aborted + done.crashed;
      this.counts.records += done.read;
    });
  }
}

function record(random: SeededRandom, topic: string): JavaRecordToWrite {
  return {
    topic,
    key: random.chance(0.1) ? null : `key ${random.integer(1, 1000)}`,
    value: random.chance(0.05) ? null : text(random, random.chance(0.02) ? 20_000 : 400),
    ...(random.chance(0.1) && { headers: [['trace', text(random, 20)] as const, ['empty', null] as const] }),
    ...(random.chance(0.05) && { timestamp: random.integer(0, 2_000_000_000) }),
  };
}

/** Partly random, so that codecs have something to do. */
function text(random: SeededRandom, charsMax: number): string {
  const length = random.integer(0, charsMax);
  return `${random.next().toString(36)}${'lockstep '.repeat(Math.ceil(length / 9))}`.slice(0, length);
}
