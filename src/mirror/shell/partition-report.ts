// A partition's status, from what its parts know.
import { later } from '../../offsets.ts';
import { isStopped } from '../partition/machine.ts';
import { mirrorEndAtSource, type PartitionParts } from './partition-parts.ts';
import type { PartitionReading } from './partition-reading.ts';
import type { PartitionStatus } from './partition-status.ts';
import { type ShownState, waitingState } from './shown-state.ts';

type Quiet<T> = Omit<T, 'lastFetchAtMs'> & { lastFetchAtMs: number | null };

/** After this long (in ms) without a fetch the source's end is not known any more. */
const deafMs = 5_000;

export class PartitionReport {
  readonly #parts: PartitionParts;
  readonly #reading: PartitionReading;
  /** The newest status that was quiet; told again while `notes.isQuiet`. */
  #quietStatus: Quiet<PartitionStatus> | null = null;

  constructor(parts: PartitionParts, reading: PartitionReading) {
    this.#parts = parts;
    this.#reading = reading;
  }

  /**
   * The same object as before, while nothing but `lastFetchAtMs` has changed: of thousands of partitions most are idle, and
   * all are asked every second.
   */
  status(): PartitionStatus {
    const { notes, services, partition } = this.#parts;
    const known = notes.isQuiet ? this.#quietStatus : null;
    if (known !== null && services.limit.heldBack === null && services.sourceLog(partition) !== null) {
      known.lastFetchAtMs = this.#reading.lastFetchAtMs();
      return known;
    }
    const status = this.#statusNow();
    notes.isQuiet = this.#isQuiet(status);
    this.#quietStatus = notes.isQuiet ? status : null;
    return status;
  }

  /** Whether all of it stays true until something happens. */
  #isQuiet({ state, reason, lagRecords, undecided }: PartitionStatus): boolean {
    const { machine, services } = this.#parts;
    const { news } = this.#reading;
    const { flow } = machine;
    return (
      state === 'Mirroring' &&
      reason === null &&
      lagRecords === 0n &&
      undecided === undefined &&
      !news.isSilent &&
      news.undecidedSinceMs === null &&
      flow?.inFlight == null &&
      flow?.hole == null &&
      services.limit.heldBack === null
    );
  }

  #statusNow(): PartitionStatus {
    const { machine, services, counters, notes, shift, partition } = this.#parts;
    const { news, isLive } = this.#reading;
    const { state, mirrorEnd } = machine;
    const shown = this.#shown();
    const now = services.nowMs();
    // What was heard last is no news while nothing is read: unknown, never zero.
    const sourceEnd = this.#isDeaf() ? null : (news.ends?.lastStableOffset ?? null);
    const lagRecords =
      mirrorEnd === null || sourceEnd === null ? null : later(sourceEnd - shift - mirrorEnd, 0n);
    return {
      topic: partition.topic,
      partition: partition.partition,
      state: shown.name,
      reason: shown.reason,
      sinceMs: notes.sinceMs,
      isStopped: isStopped(state),
      ...(shown.reason !== null && shown.reason === this.#limited() && { isHeldBack: true }),
      ...(state.name === 'Mirroring' && lagRecords !== 0n && !isLive && { isCatchingUp: true }),
      stoppedAt: isStopped(state) ? state.offset : null,
      mirrorEnd,
      sourceEnd,
      lagRecords,
      behindMs: lagRecords === null ? null : this.#behindMs(lagRecords, now),
      lastFetchAtMs: this.#reading.lastFetchAtMs(),
      openTransactionSinceMs: this.#openTransactionSinceMs(),
      ...this.#undecided(sourceEnd),
      recordsMirrored: counters.records,
      bytesMirrored: counters.bytes,
      batchesMirrored: counters.batches,
      errorCounts: counters.errors,
      lastError: notes.lastError?.message ?? null,
      lastErrorAtMs: notes.lastError?.atMs ?? null,
      acknowledgedLostCount: machine.acknowledgedLostCount,
      shift,
      holeOffsetsCount: machine.holeOffsetsCount,
      sourceLostCount: machine.sourceLostCount,
    };
  }

  #behindMs(lagRecords: bigint, nowMs: number): number {
    const end = mirrorEndAtSource(this.#parts);
    return lagRecords === 0n || end === null ? 0 : this.#reading.news.behindMs(end, nowMs);
  }

  #openTransactionSinceMs(): number | null {
    const { services, partition } = this.#parts;
    const { ends, undecidedSinceMs } = this.#reading.news;
    if (ends === null || undecidedSinceMs === null || this.#isDeaf()) return null;
    return services.openTransactions?.startedAtMs(partition) ?? undecidedSinceMs;
  }

  #undecided(sourceEnd: bigint | null): Pick<PartitionStatus, 'undecided'> {
    const { services, partition } = this.#parts;
    const highWatermark = this.#reading.news.ends?.highWatermark ?? 0n;
    if (sourceEnd === null || highWatermark <= sourceEnd) return {};
    return { undecided: { highWatermark, holder: services.openTransactions?.holder(partition) ?? null } };
  }

  /** Whether the source's end has not been asked for lately: nobody leads it, an append is waited for, or the link's limit. */
  #isDeaf(): boolean {
    const { services, wait, partition } = this.#parts;
    if (services.sourceLog(partition) === null || wait.isLongerThan(deafMs)) return true;
    if (services.limit.heldBack === null) return false;
    return services.nowMs() - (this.#reading.lastFetchAtMs() ?? 0) > deafMs;
  }

  #shown(): ShownState {
    const { state } = this.#parts.machine;
    if (state.name !== 'Mirroring')
      return { name: state.name, reason: 'reason' in state ? state.reason : null };
    const { hole, mirrorEnd } = state.flow;
    const remark = this.#remark();
    if (remark !== null) return { name: 'Mirroring', reason: remark };
    const facts = { hole, mirrorEnd, transaction: this.#waitsForTransaction(), silence: this.#silence() };
    return waitingState(facts) ?? { name: 'Mirroring', reason: null };
  }

  /** What keeps a partition from copying and lies outside of its logs. */
  #remark(): string | null {
    const { services, wait, partition } = this.#parts;
    const { trouble } = this.#reading.news;
    if (trouble !== null) return `reading: ${trouble}`;
    if (services.sourceLog(partition) === null) return 'the partition has no leader at the source';
    if (wait.isLongerThan(deafMs)) return 'the destination takes long to answer the append under way';
    return this.#limited();
  }

  /** Why it waits for the link's limit; null while it does not. */
  #limited(): string | null {
    const { news, isAtEnd } = this.#reading;
    return news.ends === null || isAtEnd ? null : this.#parts.services.limit.heldBack;
  }

  /** What is not decided yet is not copied, and no lag shows it: a transaction that hangs has to be named. */
  #waitsForTransaction(): string | null {
    const { services, partition } = this.#parts;
    const { news } = this.#reading;
    const mirrorEnd = mirrorEndAtSource(this.#parts);
    if (news.ends === null || mirrorEnd === null) return null;
    const { highWatermark, lastStableOffset } = news.ends;
    if (lastStableOffset >= highWatermark || mirrorEnd < lastStableOffset) return null;
    if (!news.isStableForLong(services.nowMs())) return null;
    // A partition without news has no part in fetch answers, so who looks is who keeps the questions going.
    services.openTransactions?.note(partition, news.ends);
    const reason = services.openTransactions?.reason(partition, news.ends);
    if (reason !== undefined) return reason;
    return `${highWatermark - lastStableOffset} offsets from ${lastStableOffset} on wait for a transaction that is open at the source`;
  }

  #silence(): { from: bigint; to: bigint } | null {
    const { machine, services, shift } = this.#parts;
    const to = this.#reading.news.silentTo(services.nowMs());
    const from = machine.flow?.plannedEnd;
    return to === null || from === undefined ? null : { from: from + shift, to };
  }
}
