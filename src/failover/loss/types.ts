// The loss report of one failover: what the region that was lost had, and the new primary has not. It is written when
// the region is gone, from what was seen of it last, and completed when the region is back, by reading its logs. Null is
// unknown, and never zero. Offsets and counts are decimal strings: the values stand as JSON in the control topic.
//
//   loss/<group>/<move id>/           LossSummary
//   loss/<group>/<move id>/<topic>    TopicLoss

/** The version of the shapes below. */
export const lossVersion = 1;

export interface LossReport {
  readonly summary: LossSummary;
  /** By name. */
  readonly topics: readonly TopicLoss[];
}

/** Of the whole move. */
export interface LossSummary {
  readonly v: number;
  readonly group: string;
  readonly moveId: string;
  /** The region that was lost. */
  readonly from: string;
  readonly to: string;
  readonly by: string;
  readonly startedAtMs: number;
  readonly writtenAtMs: number;
  /** When the last mirror was promoted, by the clock of the agents, which also tell when they heard the region. */
  readonly promotedAtMs: number | null;
  /** When the lost region's own logs were read; null: not yet, the report is what was known without it. */
  readonly completedAtMs: number | null;
  /** Names of the topics, each with a value of its own. */
  readonly topics: readonly string[];
  readonly transactions: readonly LostTransaction[];
  /** Committed transactions of which no record came over; null: not known before the region is back. */
  readonly transactionsLostCount: number | null;
  readonly groups: readonly GroupBack[];
  /** What else a reader must know. */
  readonly remarks: readonly string[];
}

export interface TopicLoss {
  readonly v: number;
  /** Its name at the lost region. */
  readonly topic: string;
  readonly mirrorTopic: string;
  readonly link: string;
  /** Another topic under this name, later, is not the one that was mirrored. */
  readonly sourceTopicId: string;
  readonly partitions: readonly PartitionLoss[];
  /** Positions of consumer groups at the new primary right after the failover, by group and partition. */
  readonly positions: Readonly<Record<string, readonly (string | null)[]>>;
}

/** Offsets are those at the new primary. */
export interface PartitionLoss {
  readonly partition: number;
  /** The first offset that holds another record than at the lost region, or will. */
  readonly cutOffset: string;
  /** The lost region's end as it was seen last; null: never. */
  readonly sourceEnd: string | null;
  readonly sourceSeenAtMs: number | null;
  /** Offsets a second at which it grew before; null: not known. */
  readonly perSecond: number | null;
  /** Offsets of [cutOffset, sourceEnd): at least so many never came over. */
  readonly missing: string | null;
  /** Whether the mirror's own tail was on all in-sync replicas when it was promoted. */
  readonly isReplicated: boolean;
  /** Offset at the lost region - offset here. */
  readonly shift: string;
  /** Transactions were open from `from` on when the source was seen last. */
  readonly undecided: UndecidedSeen | null;
  /** Read from the lost region's own log, once it is back. */
  readonly exact: ExactLoss | null;
  /** Why that log can't tell; null: it did, or was not asked yet. */
  readonly unread: string | null;
}

export interface UndecidedSeen {
  readonly from: string;
  readonly to: string;
  /** Null where the source has not told. */
  readonly transactionalId: string | null;
  readonly producerId: string | null;
}

/** What stands at the lost region from the cut on. */
export interface ExactLoss {
  /** Its high watermark, in offsets of the new primary. */
  readonly end: string;
  /** Offsets of [cutOffset, end). */
  readonly offsets: string;
  /** Records that a consumer of committed data reads there. */
  readonly records: string;
  readonly abortedRecords: string;
  /** Offsets behind the last stable offset: still in open transactions. */
  readonly undecidedOffsets: string;
  /** Offsets that retention took there before they could be read. */
  readonly deletedOffsets: string;
}

/** A transaction that the cut went through, or that was not decided there. */
export interface LostTransaction {
  /** `undecided`: open when the source was seen last; `split`: some of its records came over and others did not. */
  readonly kind: 'undecided' | 'split';
  readonly transactionalId: string | null;
  readonly producerId: string | null;
  /** What became of it at the lost region; null: unknown. */
  readonly outcome: 'committed' | 'aborted' | 'open' | null;
  /** Where its records came over; null: unknown. */
  readonly here: readonly string[] | null;
  /** Where they did not: `topic-partition from offset`. */
  readonly missing: readonly string[];
  /**
   * How parts on several partitions were recognised as one transaction: `epoch` is certain (KIP-890), `time` is
   * likely: markers of one producer that were written within seconds.
   */
  readonly matchedBy: 'epoch' | 'time' | null;
}

/** A group's position on one partition that is lower here than it was at the lost region. */
export interface GroupBack {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  /** At the lost region, in offsets of the new primary. */
  readonly was: string;
  /** Here after the failover; null: none, so that auto.offset.reset decides. */
  readonly is: string | null;
  /** Offsets that it reads a second time; null: auto.offset.reset decides. */
  readonly again: string | null;
  /** Offsets from the cut on that it had read, and that do not exist any more. */
  readonly gone: string;
  /** Read at the lost region itself; else what was heard of it at `heardAtMs`. */
  readonly isExact: boolean;
  readonly heardAtMs: number | null;
}
