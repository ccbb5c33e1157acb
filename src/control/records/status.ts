// How a partition stands, as the agent that copies it tells.

/** How a partition stands, as its agent last told; offsets as decimal strings. */
export interface StatusRecord {
  readonly v: number;
  readonly agent: string;
  readonly atMs: number;
  readonly state: string;
  readonly reason: string | null;
  readonly sinceMs: number;
  readonly sourceEnd: string | null;
  /** The newest `sourceEnd` that was known, and when; kept while the source is silent. Null: never. */
  readonly sourceSeen?: SeenSourceEnd | null;
  readonly mirrorEnd: string | null;
  readonly lagRecords: string | null;
  readonly behindMs: number | null;
  readonly lastFetchAtMs: number | null;
  readonly lastError: string | null;
  readonly shift: string;
  /** It waits for the limit of its link (`bytesPerSecondMax`). */
  readonly isHeldBack?: true;
  /** In the last word of an agent that gave it up cleanly. */
  readonly released?: ReleaseRecord;
}

/** The source's end as it was seen last, at the source's own offsets. */
export interface SeenSourceEnd {
  /** The last stable offset: what is behind it is not decided. */
  readonly end: string;
  readonly atMs: number;
  /** Offsets a second at which it grew before; absent: not known yet. */
  readonly perSecond?: number;
  /** Present while transactions are open behind `end`. */
  readonly undecided?: {
    readonly highWatermark: string;
    /** Who holds the last stable offset; null where the source has not told. */
    readonly transactionalId: string | null;
    readonly producerId: string | null;
  };
}

/** How the agent that gave a partition up left it: with no write of it under way. */
export interface ReleaseRecord {
  /** Of the group: who gets the partition in the generation right behind may go by this, and nobody else. */
  readonly generationId: string;
  readonly mirrorTopicId: string;
  /** Of the mirror's leader, when that agent began. */
  readonly leaderEpoch: number;
  readonly logEnd: string;
}
