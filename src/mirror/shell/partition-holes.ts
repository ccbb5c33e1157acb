// Holes of a partition: the look at the mirror's end before markers are put there, the markers, and their outcome.
import type { LogEnds, MarkerRun } from '../partition/state.ts';
import type { HoleOutcome } from './hole-writer.ts';
import type { PartitionParts } from './partition-parts.ts';
import { asking } from './partition-questions.ts';
import type { PartitionReading } from './partition-reading.ts';

/** A look at the log end is worth this long, in ms: a few round trips, and less than a person notices. */
const lookMsMax = 500;
/** Where the destination is far away or slow, its own round trips count. */
const lookRoundTripsMax = 3;

export class PartitionHoles {
  readonly #parts: PartitionParts;
  readonly #reading: PartitionReading;
  /** When the destination's log end was asked for, by the monotonic clock. */
  #lookedAtMs = 0;
  /** How long the newest look took, in ms. */
  #lookMs = 0;
  /** The log end as it was read right behind the markers whose answer is being delivered. */
  #readBehind: LogEnds | null = null;

  constructor(parts: PartitionParts, reading: PartitionReading) {
    this.#parts = parts;
    this.#reading = reading;
  }

  async readLogEnd(round: number): Promise<void> {
    const { services, machine, logs, wait } = this.#parts;
    const ends = this.#readBehind;
    this.#readBehind = null;
    if (ends !== null) {
      // Not within the event that asked for it.
      queueMicrotask(() => this.#tellLogEnd(round, ends));
      return;
    }
    this.#lookedAtMs = services.monotonicMs();
    // Nothing is handed over yet, but an answer is waited for from now on.
    if (machine.flow?.hole?.phase === 'looking') wait.begin();
    await asking(this.#parts, round, async () => {
      const ends = await services.inspector.readEnds(logs.led('destination'));
      this.#lookMs = services.monotonicMs() - this.#lookedAtMs;
      this.#tellLogEnd(round, ends);
    });
  }

  #tellLogEnd(round: number, ends: LogEnds): void {
    this.#parts.deliver({ type: 'logEndRead', round, ends });
    // A hole that took long wanted nothing, and no append may follow it.
    this.#reading.wake();
  }

  write(round: number, markers: MarkerRun): void {
    const { services, machine, logs, wait, writes, deliver } = this.#parts;
    wait.begin();
    const log = logs.viewed();
    if (typeof log === 'string') return deliver({ type: 'markersUnknown', round, reason: log });
    services.holeWriter(log.leader).write({
      ...log,
      log,
      markers,
      isWanted: () => machine.round === round,
      isFresh: () => this.#isLookFresh(),
      onOutcome: writes.note((outcome) => this.#onOutcome(round, outcome)),
    });
  }

  /** Somebody else may have written since an old look; who has claimed the partition is safe by its generation. */
  #isLookFresh(): boolean {
    const { machine, services } = this.#parts;
    if (machine.flow?.isClaimed !== false) return true;
    return services.monotonicMs() - this.#lookedAtMs < Math.max(lookMsMax, lookRoundTripsMax * this.#lookMs);
  }

  #onOutcome(round: number, outcome: HoleOutcome): void {
    const { counters, deliver } = this.#parts;
    const { reason } = outcome;
    if (outcome.kind === 'notSent') return deliver({ type: 'markersNotSent', round });
    if (outcome.kind === 'unknown') {
      counters.errors.appendUnanswered += 1;
      return deliver({ type: 'markersUnknown', round, reason });
    }
    if (outcome.errorCode !== 0) counters.errors.appendRefused += 1;
    this.#readBehind = outcome.ends ?? null;
    deliver({ type: 'markersAnswered', round, errorCode: outcome.errorCode, reason });
    this.#readBehind = null;
  }
}
