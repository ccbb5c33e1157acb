// What a restore finds out before it begins, and what it keeps in its move's record for later steps.

/** `all` copies the whole log of the new primary; `from-divergence` begins where the logs part. */
export const historyChoices = ['all', 'from-divergence'] as const;
export type HistoryChoice = (typeof historyChoices)[number];

/** How the log of a lost partition stands to that of the new primary. */
export type Standing =
  /** Nothing but what the new primary has, too: it is continued where it ends. */
  | 'continues'
  /** It goes on behind the cut: the new primary never had that, or has something else there. */
  | 'ahead'
  /** Records differ below the cut: its leader lost some and accepted others, say. */
  | 'different'
  /** A transaction is open in front of its end, and may yet be decided another way than the new primary has it. */
  | 'undecided'
  /** The topic is another one than was mirrored: it was deleted and created anew on either side. */
  | 'recreated'
  /** The new primary has no such partition. */
  | 'onlyHere';

export const standingWords: Readonly<Record<Standing, string>> = {
  continues: 'continues where it is',
  ahead: 'holds what the new primary never got',
  different: 'differs in front of the cut',
  undecided: 'has an open transaction',
  recreated: 'was created anew since',
  onlyHere: 'is a partition that the new primary lacks',
};

/** One partition of the lost region. */
export interface PartitionPlan {
  readonly partition: number;
  readonly standing: Standing;
  /** The first offset that the restored region can't keep in its place; the log end where it continues. */
  readonly partingOffset: bigint;
  /** The new primary has nothing of what stands in front of it (any more); the log start where there is nothing. */
  readonly olderEnd: bigint;
  readonly logStart: bigint;
  readonly logEnd: bigint;
  /** The first offset that the new primary did not take from here, as it was promoted; null where nobody knows it. */
  readonly cutOffset: bigint | null;
  /** It was mirrored from the new primary since, so that only what was compared tells. */
  readonly wasContinued?: true;
  /** Offsets that were compared, the last one excluded; null where there was nothing to compare. */
  readonly compared: { readonly start: bigint; readonly end: bigint } | null;
}

/** What becomes of one topic. */
export type TopicFate =
  /** All of its partitions continue. */
  | 'continue'
  /** Its tails are saved; then it is deleted and copied again. */
  | 'copyAgain'
  /** The restored region does not have it (any more): nothing to save or delete. */
  | 'copyAnew'
  /** The new primary does not have it: there is nothing to restore it from. */
  | 'leaveAlone';

export interface TopicPlan {
  readonly topic: string;
  readonly fate: TopicFate;
  /** Of the topic at the restored region; null: it has none. */
  readonly topicId: string | null;
  /** Of the topic at the new primary; null: it has none. */
  readonly homeTopicId: string | null;
  /** As at the restored region. */
  readonly partitions: readonly PartitionPlan[];
  /** At the new primary. */
  readonly homePartitionCount: number;
  /** Compacted topics are always copied as a whole: the newest value of a key may be an old record. */
  readonly isCompacted: boolean;
  /** Offsets, by partition of the new primary, that `from-divergence` begins at. */
  readonly beginsAt: readonly bigint[];
  /** Where the tails go, if there is something in them; null where nothing is deleted. */
  readonly savedTo: string | null;
  readonly cost: TopicCost;
}

/** In bytes of one replica, as far as brokers tell; null: unknown. */
export interface TopicCost {
  /** What the copy takes over the wire from the new primary, by choice. */
  readonly copyBytes: Readonly<Record<HistoryChoice, bigint | null>>;
  /** About what the tails take. */
  readonly tailBytes: bigint | null;
  /** About what the history takes that the new primary does not have. */
  readonly olderBytes: bigint | null;
  /** What deleting the topic gives back. */
  readonly freedBytes: bigint | null;
  readonly replicationFactor: number;
}

export interface RestorePlan {
  /** The region that comes back, and the one that it is restored from. */
  readonly region: string;
  readonly home: string;
  readonly topics: readonly TopicPlan[];
  /**
   * Topics that the restored region would mirror to the new primary, and that never came over: created in the last
   * moment, or while both took writes. They are left as they are.
   */
  readonly onlyHere: readonly string[];
  /** Room on the disks of the restored region, by broker; null: unknown. */
  readonly usableBytes: ReadonlyMap<number, bigint | null>;
}

/** Offsets behind the cut that retention took before anybody could save them. */
export function takenOffsets({ standing, cutOffset, logStart, wasContinued }: PartitionPlan): bigint {
  if (wasContinued === true) return 0n;
  return standing === 'ahead' && cutOffset !== null && logStart > cutOffset ? logStart - cutOffset : 0n;
}

/** Offsets in front of the new primary's log start, of a topic that is going to be deleted. */
export function olderOffsets({ partitions, fate }: TopicPlan): bigint {
  if (fate !== 'copyAgain') return 0n;
  return partitions.reduce((sum, { logStart, olderEnd }) => sum + olderEnd - logStart, 0n);
}

/** Topics whose data at the restored region is deleted. */
export function deletedTopics(plan: RestorePlan): readonly TopicPlan[] {
  return plan.topics.filter(({ fate }) => fate === 'copyAgain');
}

/** Topics of which there is something to be copied that is not there. */
export function copiedTopics(plan: RestorePlan): readonly TopicPlan[] {
  return plan.topics.filter(({ fate }) => fate === 'copyAgain' || fate === 'copyAnew');
}
