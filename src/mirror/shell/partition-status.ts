// What people and metrics see of one mirrored partition.
import type { ErrorKind } from './observer.ts';
import type { Holder } from './partition-services.ts';
import type { TopicPartition } from './partition-start.ts';
import type { ShownState } from './shown-state.ts';

/** The figures and the state of one partition, for people and metrics. */
export interface PartitionStatus extends TopicPartition {
  /** A state's name; docs/states.md explains each. */
  readonly state: ShownState['name'];
  /** Why, where the state needs a reason. */
  readonly reason: string | null;
  /** The offset that a stopped partition stopped at; null in other states, and where there is none. */
  readonly stoppedAt: bigint | null;
  /** Since when, ms since the epoch. */
  readonly sinceMs: number;
  /** Whether a person (or another run) has to act. */
  readonly isStopped: boolean;
  /** It waits for the limit of its link (`bytesPerSecondMax`); absent while it does not. */
  readonly isHeldBack?: true;
  /** Was not at the end of its log for seconds: those that are come before it. Absent where it is live, or does not copy. */
  readonly isCatchingUp?: true;
  /** Offsets below are at the destination; null while unknown. */
  readonly mirrorEnd: bigint | null;
  /** The source's last stable offset; null while unknown. */
  readonly sourceEnd: bigint | null;
  /** Records not mirrored yet; null while unknown. */
  readonly lagRecords: bigint | null;
  /** Since when the source has had what the mirror lacks, in ms; 0 when it lacks nothing, null while unknown. */
  readonly behindMs: number | null;
  /** When the source last answered a fetch of this partition; null before the first answer. */
  readonly lastFetchAtMs: number | null;
  /** Since when at least a transaction is open at the source and holds the partition up; null while none does. */
  readonly openTransactionSinceMs: number | null;
  /** What stands at the source behind `sourceEnd`, in transactions that are open; absent while none is. */
  readonly undecided?: { readonly highWatermark: bigint; readonly holder: Holder | null };
  readonly recordsMirrored: number;
  readonly bytesMirrored: number;
  readonly batchesMirrored: number;
  readonly errorCounts: Readonly<Record<ErrorKind, number>>;
  readonly lastError: string | null;
  readonly lastErrorAtMs: number | null;
  /** How often the destination had lost offsets that were acknowledged. */
  readonly acknowledgedLostCount: number;
  /** Source offset - offset at the mirror; 0 unless the mirror is shifted. `sourceEnd` is the source's own. */
  readonly shift: bigint;
  /** Offsets that hold nothing for consumers at the source, filled with markers by this worker. */
  readonly holeOffsetsCount: bigint;
  /** Offsets that retention at the source took before they were mirrored, jumped over as the link's policy says. */
  readonly sourceLostCount: bigint;
}
