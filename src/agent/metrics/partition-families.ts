// The metrics of what an agent copies: one series per topic, or per partition when that is asked for. A series per
// topic stands for the partitions that this agent copies; summed over all agents it stands for the topic.
import type { PartitionStatus } from '../../mirror/index.ts';
import type { LinkView } from '../view.ts';
import { Family, type Labels } from './family.ts';

export class PartitionFamilies {
  readonly #lagRecords = new Family(
    'gauge',
    'lockstep_lag_records',
    'Records at the source that the mirror does not have yet; the sum over the partitions whose lag is known',
  );
  readonly #lagUnknown = new Family(
    'gauge',
    'lockstep_lag_unknown_partitions',
    'Partitions whose lag is not known, since the source or the mirror can not be asked',
  );
  readonly #lagSeconds = new Family(
    'gauge',
    'lockstep_lag_seconds',
    'For how long the mirror has been behind, 0 when it is not; the largest of the partitions',
  );
  readonly #fetchAge = new Family(
    'gauge',
    'lockstep_last_fetch_age_seconds',
    'Since the source last answered a fetch; the largest of the partitions',
  );
  readonly #transaction = new Family(
    'gauge',
    'lockstep_oldest_open_transaction_seconds',
    'For how long the oldest open transaction at the source has kept records from being mirrored',
  );
  readonly #states = new Family('gauge', 'lockstep_partitions', 'Partitions in each state (docs/states.md)');
  readonly #stopped = new Family(
    'gauge',
    'lockstep_stopped_partitions',
    'Partitions that wait for a person (docs/states.md); a clean stop is not one',
  );
  readonly #acknowledgedLost = new Family(
    'gauge',
    'lockstep_acknowledged_losses',
    'How often the destination had lost offsets that it had acknowledged, since this agent took the partition over',
  );
  readonly #sourceLost = new Family(
    'gauge',
    'lockstep_source_lost_offsets',
    'Offsets that retention at the source took before they were mirrored, since this agent took the partition over',
  );

  get all(): Family[] {
    return [
      this.#lagRecords,
      this.#lagUnknown,
      this.#lagSeconds,
      this.#fetchAge,
      this.#transaction,
      this.#states,
      this.#stopped,
      this.#acknowledgedLost,
      this.#sourceLost,
    ];
  }

  addLink(link: LinkView, { nowMs, isPerPartition }: { nowMs: number; isPerPartition: boolean }): void {
    const topics = Map.groupBy(link.partitions, ({ topic }) => topic);
    for (const [topic, partitions] of topics) {
      if (!isPerPartition) this.#add({ link: link.name, topic }, partitions, nowMs);
      else
        for (const status of partitions)
          this.#add({ link: link.name, topic, partition: status.partition }, [status], nowMs);
    }
  }

  #add(labels: Labels, partitions: readonly PartitionStatus[], nowMs: number): void {
    const ageSeconds = (sinceMs: number | null): number | null =>
      sinceMs === null ? null : Math.max(0, nowMs - sinceMs) / 1_000;
    let [lag, unknownCount, stoppedCount, acknowledgedLost, sourceLost] = [0n, 0, 0, 0, 0n];
    const states = new Map<string, number>();
    const behindMs = largest();
    const fetchAge = largest();
    const transaction = largest();
    for (const status of partitions) {
      if (status.lagRecords === null) unknownCount += 1;
      else lag += status.lagRecords;
      if (status.isStopped && status.state !== 'Stopped') stoppedCount += 1;
      states.set(status.state, (states.get(status.state) ?? 0) + 1);
      behindMs.take(status.behindMs);
      fetchAge.take(ageSeconds(status.lastFetchAtMs));
      transaction.take(ageSeconds(status.openTransactionSinceMs));
      acknowledgedLost += status.acknowledgedLostCount;
      sourceLost += status.sourceLostCount;
    }
    this.#lagRecords.add(labels, unknownCount === partitions.length ? null : lag);
    this.#lagUnknown.add(labels, unknownCount);
    this.#lagSeconds.add(labels, behindMs.value === null ? null : behindMs.value / 1_000);
    this.#fetchAge.add(labels, fetchAge.value);
    this.#transaction.add(labels, transaction.value);
    for (const [state, count] of states) this.#states.add({ ...labels, state }, count);
    this.#stopped.add(labels, stoppedCount);
    this.#acknowledgedLost.add(labels, acknowledgedLost);
    this.#sourceLost.add(labels, sourceLost);
  }
}

/** The largest of what is known; null while nothing is. */
function largest(): { value: number | null; take(value: number | null): void } {
  return {
    value: null,
    take(value) {
      if (value !== null && (this.value === null || value > this.value)) this.value = value;
    },
  };
}
