// What the keeper of committed positions is given, and what it tells. Statuses are JSON-able: offsets are decimal
// strings there.
import type { Clock, Cluster } from '../../client/index.ts';
import type { KeeperStore } from '../keeper-store.ts';
import type { CheckpointEmitter } from '../mirror-maker/index.ts';
import type { Notice } from '../notice.ts';

/** A mirror that is not promoted yet. */
export interface GroupMirror {
  readonly sourceTopic: string;
  readonly mirrorTopic: string;
  readonly partitionCount: number;
  /** The mirror's offset is the source's minus this; null: not known yet, or the mirror is no copy any more. */
  shiftOf(partition: number): bigint | null;
  /**
   * The source offset from which on the mirror's offsets differ by `shiftOf`: below, MirrorMaker 2 has copied, and only
   * `lockstep migrate` can tell. Default 0: everywhere.
   */
  takenAt?(partition: number): bigint;
}

export interface GroupSyncConfig {
  /** How often positions are looked at, ms. */
  readonly everyMs: number;
  /** What is deleted at the source is deleted at the destination, too, if we wrote it and its group is empty there. */
  readonly deletions: boolean;
  /** Positions may go back. */
  readonly backwards: boolean;
  /** false: positions are looked at and told as checkpoints, and the destination's groups are left alone. Default true. */
  readonly commits?: boolean;
}

export interface GroupKeeperOptions {
  readonly source: Cluster;
  readonly destination: Cluster;
  /** Whether the link takes care of a group. */
  selects(groupId: string): boolean;
  readonly config: GroupSyncConfig;
  mirrors(): readonly GroupMirror[];
  onNotice(notice: Notice): void;
  readonly clock: Clock;
  /** Which groups are ours. Without it, deletions made while no leader ran are not followed. */
  readonly store?: KeeperStore;
  /** Where it is noted at a promotion which positions are not the source's (`GroupsBehind`). Without it they are not. */
  readonly behind?: KeeperStore;
  /** Who tells positions as MirrorMaker 2's checkpoints; default: nobody. */
  readonly checkpoints?: Pick<CheckpointEmitter, 'tell' | 'failed'>;
  /** Wall clock of what is told, ms. Default Date.now. */
  nowMs?(): number;
}

/** How a group stands, and what a person can do about it. */
const groupStates = {
  Synced: 'every position is at the destination',
  WaitingForMirror: 'a position is beyond the end of the mirror; it is committed up to there',
  Ahead: 'the destination is further than the source, and is left so',
  ActiveAtDestination:
    'the group has members at the destination; Kafka takes positions only for empty groups',
  NoPositions: 'the group has committed nothing for the topics of this link',
  NotCommitted: 'positions are told as checkpoints where that is asked for, and not committed',
  NotSupported: 'positions of this kind of group do not travel',
  NotAuthorized: 'a right is missing',
  Failed: 'a cluster refused to tell or to take the positions',
} as const;
export type GroupState = keyof typeof groupStates;

/** `waiting`: beyond the end of the mirror; `unknown`: that end could not be read. */
export type PositionState = 'synced' | 'behind' | 'waiting' | 'ahead' | 'unknown';

export interface PositionStatus {
  /** Its name at the source. */
  readonly topic: string;
  readonly mirrorTopic: string;
  readonly partition: number;
  readonly source: string;
  /** What the source's position is on the mirror (another number only where the mirror is shifted). */
  readonly wanted: string;
  /** What stands at the destination; null: nothing. */
  readonly destination: string | null;
  readonly state: PositionState;
  /** The mirror has no records any more, or never had, from this position on up to its start. */
  readonly isBelowMirrorStart: boolean;
}

export interface GroupStatus {
  readonly group: string;
  readonly state: GroupState;
  readonly reason: string | null;
  /** When all positions of the source were last at the destination, ms; null: never. */
  readonly inStepAtMs: number | null;
  /** How old the position is that a consumer would resume from, ms; null: unknown. */
  readonly lagMs: number | null;
  readonly positions: readonly PositionStatus[];
}

export interface GroupsStatus {
  /** When the source last told its positions, ms. */
  readonly sourceHeardAtMs: number | null;
  /** Since when it does not answer; null: it does. */
  readonly sourceDownSinceMs: number | null;
  /** Why the last look at the source or the destination failed. */
  readonly lastError: string | null;
  /** When the last look ended, ms. */
  readonly lookedAtMs: number | null;
  /** offsets.retention.minutes of the destination, ms. */
  readonly retentionMs: number;
  /** The destination did not tell, and Kafka's default is taken. */
  readonly isRetentionAssumed: boolean;
  readonly groups: readonly GroupStatus[];
}

/** The last sync before a promotion. */
export interface GroupReport {
  /** false: the source could not be asked; what it said last was taken. */
  readonly isSourceHeard: boolean;
  readonly sourceHeardAtMs: number | null;
  /** Every position of every group is at the destination, as it was at the source. Groups that are NotSupported don't count. */
  readonly isComplete: boolean;
  readonly error: string | null;
  readonly groups: readonly GroupReportEntry[];
}

export interface GroupReportEntry {
  readonly group: string;
  readonly state: GroupState;
  /** Why it is not complete; null where it is. */
  readonly reason: string | null;
  readonly isComplete: boolean;
  /** Positions that differ from the source's. */
  readonly missing: readonly PositionStatus[];
}
