// How a replication group stands, put together for people and programs: the one shape behind `lockstep status` and its
// JSON. Null is unknown, and never zero.
import type { MoveRecord, RolesRecord } from '../../control/index.ts';

export interface GroupStanding {
  readonly group: string;
  readonly atMs: number;
  /** The newest that any region tells; null: no region that answers has any. */
  readonly roles: RolesRecord | null;
  /** How the primary became it; null: no move that is still written down, or the roles are unknown. */
  readonly primarySince: PrimarySince | null;
  readonly regions: readonly RegionStanding[];
  readonly links: readonly LinkStanding[];
  /** To each region that is not primary for everything. */
  readonly failovers: readonly FailoverOutlook[];
  /** Those that run, and how far they are. */
  readonly moves: readonly MoveRecord[];
  /** Topics of a former primary that grow there: clients write to both sides. */
  readonly splitBrains: readonly SplitBrain[];
  /** What would make a failover unsafe, the gravest first; empty: nothing that is known. */
  readonly problems: readonly Problem[];
}

export interface PrimarySince {
  readonly atMs: number;
  readonly changedBy: RolesRecord['changedBy'];
  readonly moveId: string | null;
  readonly by: string;
}

export interface Problem {
  readonly what: string;
  /** What a person can do. */
  readonly remedy: string;
}

export interface RegionStanding {
  readonly name: string;
  /** Why it does not answer; null: it does. */
  readonly gone: string | null;
  readonly isPrimary: boolean;
  /** Topics that it is primary for beside, or instead of, the rest. */
  readonly ownTopics: readonly string[];
  /** Generation of the roles that it has; null: none, or unknown. */
  readonly rolesGeneration: number | null;
  /** How its roles contradict those that are told here as true; empty: they are the same, older, or unknown. */
  readonly contradictions: readonly string[];
  /** Null: unknown. */
  readonly livingAgents: number | null;
  readonly awaitsRestore: readonly string[];
}

/** What a link does by the roles. */
export type LinkDirection = 'copies' | 'standby' | 'both' | 'unknown';

export interface LinkStanding {
  readonly name: string;
  readonly source: string;
  readonly destination: string;
  /** False: the destination answers, and has no such link; null: it does not answer. */
  readonly isThere: boolean | null;
  readonly direction: LinkDirection;
  /** Of the link, or of topics that the roles want copied; `Mirroring` and the like are no conditions. */
  readonly conditions: readonly {
    readonly topic: string | null;
    readonly state: string;
    readonly reason: string;
  }[];
  /** Mirrors that the roles want copied, by state. */
  readonly mirrors: Readonly<Record<string, number>>;
  readonly partitionCount: number;
  /** Partitions that have stopped for good: `orders-3 is Diverged`. */
  readonly ended: readonly string[];
  /** Topics of which a partition is `Diverged`: somebody else wrote to it. */
  readonly diverged: readonly string[];
  /** Over partitions that tell; null: none does. */
  readonly lagRecords: bigint | null;
  readonly behindMs: number | null;
  /** Partitions of which no living agent tells. */
  readonly unknownCount: number;
  readonly loss: KnownLoss;
}

/** What would be lost if the source were gone now. */
export interface KnownLoss {
  /** Offsets that the source is known to have and the mirror has not. */
  readonly recordsMin: bigint;
  /** All partitions that the loss is counted over. */
  readonly partitionCount: number;
  /** Those whose source was never seen, or whose mirror's end nobody knows. */
  readonly unseenCount: number;
  /** When the source was heard last, of the partition that heard it least lately; null: one never did, or there is none. */
  readonly heardAgoMs: number | null;
  /** At which rate the source grew when it was heard last; null: unknown. */
  readonly perSecond: number | null;
}

export interface FailoverOutlook {
  readonly to: string;
  /** Regions that would lose their work to it. */
  readonly from: readonly string[];
  /** Why nothing can fail over to it now; null: it can. */
  readonly blocked: string | null;
  readonly loss: KnownLoss;
  /** What the way back lacks; empty: it is ready. */
  readonly reverse: readonly string[];
}

export interface SplitBrain {
  readonly region: string;
  readonly primary: string;
  readonly topic: string;
  /** Offsets by which it grew between two looks. */
  readonly grewBy: bigint;
  readonly overMs: number;
}
