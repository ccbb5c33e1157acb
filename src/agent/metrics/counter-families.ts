// The metrics that only grow: what was mirrored, what failed, how long answers took.
import { errorKinds, type PartitionCounters } from '../../mirror/index.ts';
import { Family, type Labels } from './family.ts';
import type { LinkCounters } from './link-counters.ts';

export class CounterFamilies {
  readonly #records = new Family('counter', 'lockstep_mirrored_records_total', 'Records mirrored');
  readonly #bytes = new Family(
    'counter',
    'lockstep_mirrored_bytes_total',
    'Bytes of batches mirrored, as they are compressed',
  );
  readonly #batches = new Family('counter', 'lockstep_mirrored_batches_total', 'Record batches mirrored');
  readonly #errors = new Family(
    'counter',
    'lockstep_errors_total',
    'Errors by kind; each is tried again by itself unless a partition has stopped',
  );
  readonly #topicErrors = new Family(
    'counter',
    'lockstep_topic_errors_total',
    'Errors by topic; topics without any are left out',
  );
  readonly #fetches = new Family(
    'histogram',
    'lockstep_fetch_duration_seconds',
    'From a fetch to its answer; the time that the broker waits for new records is part of it',
  );
  readonly #appends = new Family(
    'histogram',
    'lockstep_append_duration_seconds',
    'From a produce request to the answer that all in-sync replicas have it',
  );

  get all(): Family[] {
    const counted = [this.#records, this.#bytes, this.#batches, this.#errors, this.#topicErrors];
    return [...counted, this.#fetches, this.#appends];
  }

  addLink(link: string, counters: LinkCounters, { isPerPartition }: { isPerPartition: boolean }): void {
    const errors = new Map(errorKinds.map((kind) => [kind, 0]));
    for (const [topic, partitions] of counters.topics) {
      for (const each of partitions)
        for (const kind of errorKinds)
          if (each !== undefined) errors.set(kind, errors.get(kind)! + each.errors[kind]);
      if (!isPerPartition) this.#add({ link, topic }, partitions);
      else
        for (const [partition, each] of partitions.entries())
          if (each !== undefined) this.#add({ link, topic, partition }, [each]);
    }
    for (const [kind, count] of errors) this.#errors.add({ link, kind }, count);
    this.#fetches.addHistogram({ link }, counters.fetches);
    this.#appends.addHistogram({ link }, counters.appends);
  }

  /** `partitions` may have gaps: reduce passes over them. */
  #add(labels: Labels, partitions: readonly PartitionCounters[]): void {
    const sum = (of: (counters: PartitionCounters) => number): number =>
      partitions.reduce((total, counters) => total + of(counters), 0);
    this.#records.add(
      labels,
      sum((counters) => counters.records),
    );
    this.#bytes.add(
      labels,
      sum((counters) => counters.bytes),
    );
    this.#batches.add(
      labels,
      sum((counters) => counters.batches),
    );
    for (const kind of errorKinds) {
      const count = sum((counters) => counters.errors[kind]);
      if (count > 0) this.#topicErrors.add({ ...labels, kind }, count);
    }
  }
}
