// A partition's batches on their way to the mirror: who appends them, and what their outcomes mean.
import type { PendingAppend } from '../partition/state.ts';
import type { AppendOutcome } from './destination-writer.ts';
import type { LeasedBatch } from './leased-batch.ts';
import type { PartitionParts } from './partition-parts.ts';
import type { PartitionReading } from './partition-reading.ts';
import { corruptMessage, refusalOf } from './refusal.ts';

export class PartitionAppends {
  readonly #parts: PartitionParts;
  readonly #reading: PartitionReading;

  constructor(parts: PartitionParts, reading: PartitionReading) {
    this.#parts = parts;
    this.#reading = reading;
  }

  append(round: number, { batch, identity }: PendingAppend<LeasedBatch>): void {
    const { wait, writes, logs, services, machine } = this.#parts;
    wait.begin();
    const onOutcome = writes.note((outcome: AppendOutcome) => this.#onOutcome(round, batch, outcome));
    const log = logs.viewed();
    if (typeof log === 'string') return onOutcome({ kind: 'unknown', reason: log });
    const { isLive } = this.#reading;
    services.writer(log.leader).append({ ...log, batch, identity, isLive, onOutcome });
    // Behind whatever else is sent now.
    if (machine.hasToPrepare) setImmediate(() => machine.prepare());
  }

  #onOutcome(round: number, batch: LeasedBatch, outcome: AppendOutcome): void {
    if (outcome.kind !== 'appended') return tellNotAppended(this.#parts, round, outcome);
    const { baseOffset, logAppendTimeMs } = outcome;
    const isRestamped = logAppendTimeMs !== -1n && logAppendTimeMs !== batch.maxTimestamp;
    const { counters } = this.#parts;
    counters.records += batch.recordCount;
    counters.bytes += batch.sizeBytes;
    counters.batches += 1;
    this.#parts.deliver({ type: 'appended', round, baseOffset, isRestamped });
    this.#reading.wake();
  }
}

/** Brings the machine an append's outcome: refused, with why; or unknown. */
export function tellNotAppended(
  { counters, logs, partition, deliver }: PartitionParts,
  round: number,
  outcome: Exclude<AppendOutcome, { kind: 'appended' }>,
): void {
  if (outcome.kind === 'unknown') {
    counters.errors.appendUnanswered += 1;
    return deliver({ type: 'appendUnknown', round, reason: outcome.reason });
  }
  counters.errors.appendRefused += 1;
  const { errorCode } = outcome;
  const topic = logs.of('destination')?.topic ?? partition.topic;
  const name = refusalOf(errorCode, { operation: 'Write', topic, side: 'destination' });
  const what =
    errorCode === corruptMessage
      ? `${name}: the batch has another checksum than its bytes; it was damaged at the source or on the way`
      : name;
  const reason = outcome.message === null ? what : `${what} (${outcome.message})`;
  deliver({ type: 'appendRefused', round, errorCode, reason });
}
