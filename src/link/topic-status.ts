// How a link and its topics stand, for people, metrics and the fleet.
import type { PartitionStatus, ReadStatus } from '../mirror/index.ts';

export type TopicState =
  /** Being created or checked, or waited for; see the reason. */
  | 'Preparing'
  | 'Mirrored'
  /** Paused or promoted: nothing of it is copied. */
  | 'Stopped'
  /** Another region is primary for it (roles of a replication group): nothing is copied in this direction. */
  | 'Standby'
  /** It was lost to a failover here; nothing is copied before a restore has compared it. */
  | 'AwaitsRestore'
  /** A rule forbids its data here (residency): nothing is created, and what is there already is not copied on. */
  | 'Forbidden'
  /** Its records come from the destination itself, by other links: nothing is copied. */
  | 'LoopDetected'
  /** The link's filters do not take it any more; the mirror stays as it is. */
  | 'NotSelected'
  /** The source does not show us the topic any more: the right to DESCRIBE it is gone, or the topic is. */
  | 'NotAuthorized'
  /** The destination topic does not fit; see the reason. Not touched. */
  | 'Refused'
  /** The source topic is gone; the mirror stays as it is. */
  | 'SourceDeleted'
  | 'SourceRecreated'
  | 'DestinationRecreated';

/** Why roles or rules keep a topic from being copied; `Preparing`: they can't tell yet. */
export interface TopicHold {
  readonly state: Extract<
    TopicState,
    'Standby' | 'AwaitsRestore' | 'Forbidden' | 'LoopDetected' | 'Preparing'
  >;
  readonly reason: string;
}

/** Somebody else keeps changing settings of the mirror back. */
export interface SettingsContest {
  readonly state: 'ForeignOwner';
  readonly reason: string;
  readonly sinceMs: number;
  /** When they are set again, ms since the epoch. */
  readonly nextTryAtMs: number;
}

export interface TopicStatus {
  /** Its name at the source. */
  readonly topic: string;
  readonly mirrorTopic: string;
  /** Null while unknown. */
  readonly sourceTopicId: string | null;
  readonly mirrorTopicId: string | null;
  /** Which life of the mirror it was met in. Default 0. */
  readonly incarnation?: number;
  readonly state: TopicState;
  readonly reason: string | null;
  /** At the source. */
  readonly partitionCount: number;
  /** Null while nobody contests the mirror's settings, or another agent keeps them. */
  readonly contest?: SettingsContest | null;
}

/** Partitions of a link that this agent copies: all of them, or some. */
export type LinkPartitions = Pick<LinkStatus, 'name' | 'partitions'>;

export interface LinkStatus {
  readonly name: string;
  readonly source: string;
  readonly destination: string;
  readonly topics: readonly TopicStatus[];
  /** Those that this agent copies. */
  readonly partitions: readonly PartitionStatus[];
  /** Bytes of fetched frames held now. */
  readonly heldBytes: number;
  /** The bound of `heldBytes`. */
  readonly heldBytesMax: number;
  /** What was read of the source, and how its limit stands; absent while the source was not reached. */
  readonly reading?: ReadStatus;
  /** Why the last look at the topics failed; null when it did not. */
  readonly discoveryError: string | null;
}
