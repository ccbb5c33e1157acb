// Where both regions' logs end: how the demo knows that the writers write and that the mirror follows.
import { Cluster, listOffsets, logEndOffsets, unwrap } from '../../src/client/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { until } from './until.ts';
import { topics } from './workload.ts';

/** One question may meet a dead broker, ms. */
const timeoutMs = 5_000;
const places = topics.flatMap(({ topic, partitions }) =>
  Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
);

export class Progress {
  readonly #source: Cluster;
  readonly #destination: Cluster;

  private constructor(source: Cluster, destination: Cluster) {
    this.#source = source;
    this.#destination = destination;
  }

  static async open(source: Region, destination: Region): Promise<Progress> {
    const [first, second] = await Promise.all(
      [source, destination].map(({ name, brokers }) =>
        Cluster.connect({ name, bootstrap: brokers.map(({ host, port }) => ({ host, port })) }),
      ),
    );
    return new Progress(first!, second!);
  }

  close(): void {
    this.#source.close();
    this.#destination.close();
  }

  /** Returns when every partition of the source has got new records, with the offsets behind them. */
  async newRecords(signal?: AbortSignal): Promise<bigint[]> {
    const before = await until('an answer of the source', () => this.#sourceEnds(), signal);
    return until(
      'new records in every partition of the source',
      async () => {
        const now = await this.#sourceEnds();
        return now.every((end, index) => end > before[index]!) ? now : null;
      },
      signal,
    );
  }

  /** Returns when records that are written after this call have arrived at the destination, in every partition. */
  async newRecordsMirrored(signal?: AbortSignal): Promise<void> {
    const wanted = await this.newRecords(signal);
    await until(
      'every partition of the destination to have what the source had',
      async () => {
        const ends = await this.#destinationEnds();
        return ends.every((end, index) => end >= wanted[index]!) ? true : null;
      },
      signal,
    );
  }

  /** What consumers of committed records can read up to: an open transaction is not waited for. */
  async #sourceEnds(): Promise<bigint[]> {
    const queries = places.map((place) => ({ ...place, at: 'latest' as const }));
    const answers = await listOffsets(this.#source, queries, { isolationLevel: 'read_committed', timeoutMs });
    return answers.map(({ outcome }) => unwrap(outcome).offset);
  }

  async #destinationEnds(): Promise<bigint[]> {
    const answers = await logEndOffsets(this.#destination, places, { timeoutMs });
    return answers.map(({ outcome }) => unwrap(outcome).logEndOffset);
  }
}
