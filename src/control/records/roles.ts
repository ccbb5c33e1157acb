// Which region is primary for what.

/**
 * The roles of the regions of one replication group. A copy stands in the control topic of each region; of two the
 * one with the higher generation is true, and the other's agents take it over as soon as they see it. A file declares
 * generation 1 and never changes roles afterwards; switchover, failover and restore do.
 */
export interface RolesRecord {
  readonly v: number;
  readonly group: string;
  /** From 1 on; grows by one with every change. */
  readonly generation: number;
  /** Names of clusters in lockstep.yaml. */
  readonly regions: readonly string[];
  /** Names of the links between them. */
  readonly links: readonly string[];
  readonly primary: PrimaryOf;
  /** Topics whose primary is another one than `primary`, by exact name. */
  readonly topics: Readonly<Record<string, PrimaryOf>>;
  /**
   * By region: topics that were lost to a failover and may differ there. Nothing is mirrored into them before a restore
   * has compared them.
   */
  readonly awaitsRestore: Readonly<Record<string, readonly string[]>>;
  /** What changed them last; `declared` by a file. */
  readonly changedBy: 'declared' | 'switchover' | 'failover' | 'restore';
  /** The move that changed them; null for `declared`. */
  readonly moveId: string | null;
  readonly by: string;
  readonly atMs: number;
  /** Generations that these grew from, the oldest first, at most 20; tells a region that was away from one that went its own way. */
  readonly history?: readonly RolesAncestor[];
  /** Regions that were the group's primary in some generation before this one; absent: not known, or none. */
  readonly formerPrimaries?: readonly string[];
}

/** Who is primary for a topic, and since which generation of the roles. */
export interface PrimaryOf {
  readonly region: string;
  readonly sinceGeneration: number;
}

export interface RolesAncestor {
  readonly generation: number;
  readonly moveId: string | null;
}

/** What a person declares of a group; roles that stand already win. */
export interface RolesDeclaration {
  readonly group: string;
  readonly regions: readonly string[];
  readonly links: readonly string[];
  readonly primary: string;
  /** Topics, by exact name, whose primary is another region. */
  readonly topics: Readonly<Record<string, string>>;
  /** Says in messages where it stands: the file. */
  readonly place: string;
}
