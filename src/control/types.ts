// What the control topic holds: one JSON value per key. Each value carries the version `v` of its shape; a value with a
// higher one than ours is left alone, with a warning.
//
//   link/<link>                          a link as declared                      written by the leader
//   mirror/<link>/<source topic>         one mirror and where it stands          written by the leader
//   condition/<link>[/<source topic>]    why a link or a topic is not copied      written by the leader
//   acl/<link>/..., group/<link>/...     what a keeper has to remember           written by the leader
//   behind/<link>/<source topic>         groups that a promotion left behind     written by the leader
//   flow/<teller>/<destination>/<link>   which way links lead (flows.ts)          written by leaders, here and elsewhere
//   telling/<source>                     what a source was told of links          written by the leader (tellings.ts)
//   producerIds/<link>                   how far producer ids are apart           written by the leader
//   shift/..., start/...                 see src/link/shift.ts, start-at.ts, takeover.ts  first value wins
//   status/<link>/<topic>/<partition>    how a partition stands                  written by the agent that copies it
//   agent/<id>                           an agent, where its API listens         written by that agent
//   command/<id>                         what a person asks for                  written by the command line
//   answer/<id>                          what became of it                       written by the leader
//   roles/<group>                        which region is primary for what        written by the leader
//   move/<group>/<id>                    a switchover, failover or restore       written by the leader
//   loss/<group>/<id>/[<topic>]          what a failover left behind             written by the leader
//   rules/residency                      where data must not be copied                written by the leader
//   origins/<link>                       what its source is known to copy             written by the leader
//   leader                               when somebody began to lead             written by that agent
//   restored                             a topic that is complete again          written by the leader
import type { ErrorCode } from '../errors.ts';
import type { MirrorState } from '../link/lifecycle.ts';
import type { CheckpointStatus, HeartbeatStatus } from '../link/mirror-maker/types.ts';
import type { ClusterFacts, Flow, KnownCopy, ResidencyRule, TopicLabels } from '../topology/index.ts';

/** The version of every shape below that this Lockstep writes. */
export const recordVersion = 1;

/**
 * How to reach a source. Strings are as the user wrote them, references (`${env:...}`, `${file:...}`) unresolved; the
 * shape is that of an entry of `clusters:` in lockstep.yaml. Never holds a secret itself.
 */
export interface SourceReference {
  readonly name: string;
  readonly bootstrap: readonly string[];
  readonly clientId?: string;
  readonly tls?: unknown;
  readonly sasl?: unknown;
  /** The connection's secrets stand in the file of the agent alone (`lockstep run FILE`): look the name up there. */
  readonly isInAgentFile?: boolean;
}

export interface LinkRecord {
  readonly v: number;
  readonly name: string;
  readonly source: SourceReference;
  /** Kafka's id of the source, once it was reached; another one later is another cluster under the same address. */
  readonly sourceClusterId?: string;
  /** The destination's name where it was declared; for people. */
  readonly destination: string;
  /** The keys of a link in lockstep.yaml without source and destination, as written (defaults not filled in). */
  readonly config: Readonly<Record<string, unknown>>;
  /** Grows by one with every change. */
  readonly generation: number;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  /** Its replication group: it copies nothing before roles say so. */
  readonly group?: string;
  /** Its last mirrors are being closed; then it is forgotten. */
  readonly isDeleted?: boolean;
}

export interface Promotion {
  readonly commandId: string;
  /** The mirror is forgotten when it is closed (`mirrors delete`); its topic stays. */
  readonly isForgotten?: boolean;
  readonly kind: 'planned' | 'now';
  readonly requestedAtMs: number;
  /** A planned one gives up after this moment. */
  readonly deadlineMs: number;
  /** Where each partition of the source stood still while whoever asked for it watched; offsets of the source. */
  readonly stoodStill?: readonly string[];
  /** What people should know of it: positions of groups that did not come over, say. */
  readonly remark?: string;
  /** Where the mirror's partitions were closed, once they are; offsets as decimal strings. */
  readonly partitions?: readonly PromotedPartition[];
}

export interface PromotedPartition {
  readonly partition: number;
  /** First offset that is not the source's any more. */
  readonly cutOffset: string;
  /** The source's end when it was last seen; null: never seen by the fleet that promoted. */
  readonly sourceEnd: string | null;
  readonly sourceSeenAtMs: number | null;
  /** Known to be missing: at least so many records; null where the source was never seen. */
  readonly missingRecords: string | null;
  /** The tail that in-sync replicas do not have yet. */
  readonly isReplicated: boolean;
}

export interface MirrorRecord {
  readonly v: number;
  readonly link: string;
  readonly sourceTopic: string;
  readonly mirrorTopic: string;
  readonly partitionCount: number;
  readonly sourceTopicId: string;
  readonly mirrorTopicId: string;
  readonly state: MirrorState;
  readonly sinceMs: number;
  /** Why, where the state needs a reason: the last promotion timed out, say. */
  readonly reason: string | null;
  readonly promotion?: Promotion;
  /**
   * Which life of the mirror this is: grows each time that roles turn its direction back, and gives it producer ids of
   * its own (`linkProducerId`), since those of a former life were shut out for good. Default 0.
   */
  readonly incarnation?: number;
}

/** Who is primary for a topic, and since which generation of the roles. */
export interface PrimaryOf {
  readonly region: string;
  readonly sinceGeneration: number;
}

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

/** What a file says about where data may be; `RulesRecord` is what stands. */
export interface RulesDeclaration {
  /** Says in messages where it stands: the file. */
  readonly place: string;
  /** What the file calls this fleet's cluster. */
  readonly cluster: string;
  readonly clusters: Readonly<Record<string, ClusterFacts>>;
  readonly topicLabels: readonly TopicLabels[];
  readonly rules: readonly ResidencyRule[];
  /** Of all links of the file, those to other clusters too: a label follows the data over them. */
  readonly flows: readonly Flow[];
  readonly groups: readonly { readonly name: string; readonly links: readonly string[] }[];
}

/**
 * Where data must not be copied. Files declare it; other labels or rules than those that stand take an explicit word. A
 * fleet without it copies whatever its links say.
 */
export interface RulesRecord extends RulesDeclaration {
  readonly v: number;
  /** From 1 on; grows by one with every change. */
  readonly generation: number;
  readonly by: string;
  readonly atMs: number;
}

/**
 * What the source of a link copies itself, as its own control topic says: labels follow the data over flows that no file
 * of this fleet names.
 */
export interface OriginsRecord {
  readonly v: number;
  readonly link: string;
  /** Name of the link's source when it was read. */
  readonly source: string;
  readonly flows: readonly Flow[];
  readonly copies: readonly KnownCopy[];
  /** Why nothing can be known of it; null: it was read. */
  readonly unknown: string | null;
  readonly atMs: number;
}

/** A step of a move that is done. */
export interface MoveStepDone {
  readonly step: string;
  readonly startedAtMs: number;
  readonly tookMs: number;
  /** What was seen, in words. */
  readonly remark: string;
}

/** A switchover, failover or restore: written down step by step, so that it can be gone on with or undone. */
export interface MoveRecord {
  readonly v: number;
  readonly id: string;
  readonly group: string;
  readonly kind: 'switchover' | 'failover' | 'restore';
  /** The region that was primary; of a restore: the region that is restored from. */
  readonly from: string;
  /** The region that becomes primary; of a restore: the region that is restored. */
  readonly to: string;
  /** Null: all topics of the group. */
  readonly topics: readonly string[] | null;
  readonly by: string;
  readonly startedAtMs: number;
  readonly changedAtMs: number;
  /** Grows by one with every change; who writes names the one that it saw. */
  readonly revision: number;
  readonly state: 'running' | 'done' | 'undone' | 'failed';
  /** The step that is under way, or was when it ended. */
  readonly step: string;
  readonly done: readonly MoveStepDone[];
  /** Generation of the roles when it began. */
  readonly rolesGeneration: number;
  /** What later steps need of earlier ones; JSON. */
  readonly facts: Readonly<Record<string, unknown>>;
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

/** What keeps a link (`Unreachable`, `NothingSelected`) or a topic (docs/states.md) from being copied. */
export interface ConditionRecord {
  readonly v: number;
  readonly state: string;
  readonly reason: string;
  readonly sinceMs: number;
}

export interface AgentRecord {
  readonly v: number;
  readonly id: string;
  readonly version: string;
  readonly host: string;
  readonly pid: number;
  /** Where its HTTP API listens; null when it has none. */
  readonly api: string | null;
  readonly startedAtMs: number;
  readonly atMs: number;
  readonly isLeader: boolean;
  readonly partitionCount: number;
  /** When the source of each link last answered this agent, ms. */
  readonly heardAtMs?: Readonly<Record<string, number>>;
  /** Whom the destination takes it for, as far as its credentials tell: who stops producers by rules must not stop agents. */
  readonly principal?: string | null;
  /** Heartbeats that its own file asks for; whoever leads the fleet writes them as long as an agent asks. */
  readonly heartbeats?: readonly BeatDeclaration[];
  /** What it writes for MirrorMaker 2's readers, where it leads, and how that stands. */
  readonly told?: readonly ToldRecord[];
}

/** Heartbeats of MirrorMaker 2 into this destination. */
export interface BeatDeclaration {
  readonly sourceAlias: string;
  readonly destinationAlias: string;
  readonly everyMs: number;
  /** Of the topic, where it has to be created. */
  readonly replicationFactor?: number;
}

/** One topic of MirrorMaker 2's readers; states in docs/states.md. */
export type ToldRecord =
  | ({ readonly kind: 'heartbeats' } & HeartbeatStatus)
  | ({ readonly kind: 'checkpoints'; readonly link: string } & CheckpointStatus);

/** A link as a person declares it. */
export type LinkDeclaration = Pick<LinkRecord, 'name' | 'source' | 'destination' | 'config' | 'group'>;

/** What a person asks for. Topics are names at the source; null stands for all mirrors of the link. */
export type CommandBody =
  | { readonly do: 'createLink'; readonly link: LinkDeclaration }
  /** Keys with null go back to their default; `ifGeneration` refuses when somebody else was faster. */
  | {
      readonly do: 'alterLink';
      readonly link: string;
      readonly changes: Readonly<Record<string, unknown>>;
      readonly source?: SourceReference;
      readonly ifGeneration?: number;
    }
  /** Refused while it has mirrors that are not promoted, unless `withMirrors`: they stay as topics. */
  | { readonly do: 'deleteLink'; readonly link: string; readonly withMirrors: boolean }
  /** Creates and alters until the links are as declared; links that are not named stay. */
  | { readonly do: 'applyLinks'; readonly links: readonly LinkDeclaration[] }
  | { readonly do: 'createMirrors'; readonly link: string; readonly topics: readonly string[] }
  | { readonly do: 'pauseMirrors'; readonly link: string; readonly topics: readonly string[] | null }
  | { readonly do: 'resumeMirrors'; readonly link: string; readonly topics: readonly string[] | null }
  /** Forgets them; their topics stay, closed for the link as by a promotion. */
  | { readonly do: 'deleteMirrors'; readonly link: string; readonly topics: readonly string[] | null }
  | {
      readonly do: 'promoteMirrors';
      readonly link: string;
      readonly topics: readonly string[] | null;
      readonly isNow: boolean;
      readonly timeoutMs: number;
      /**
       * Where the partitions of a topic stood still before this was sent, while whoever sends it watched them, offsets of
       * the source: where they stand there still, a planned promotion need not watch them once more.
       */
      readonly stoodStill?: Readonly<Record<string, readonly string[]>>;
    }
  /** Generation 1 where there are no roles yet; else refused where they contradict (`RolesDeclaration`). */
  | { readonly do: 'declareRoles'; readonly roles: RolesDeclaration }
  /**
   * Takes these roles over, which have a higher generation. `ifGeneration` is the one that was seen here (0: none): another
   * one refuses. Mirrors that were promoted and are copied again from now on are forgotten, and begin their next life.
   */
  | { readonly do: 'setRoles'; readonly roles: RolesRecord; readonly ifGeneration: number }
  /** Other labels or rules than those that stand are refused unless `isChange`. */
  | { readonly do: 'declareRules'; readonly rules: RulesDeclaration; readonly isChange: boolean }
  /** `ifRevision` null: begins a move, refused while another one of the group runs. */
  | { readonly do: 'writeMove'; readonly move: MoveRecord; readonly ifRevision: number | null }
  /** Keys below `loss/<group>/<id>/`, and their values. */
  | { readonly do: 'writeLoss'; readonly entries: Readonly<Record<string, unknown>> };

export interface CommandRecord {
  readonly v: number;
  readonly id: string;
  /** Who asks: user@host, for people. */
  readonly by: string;
  readonly atMs: number;
  /** Not carried out any more after this moment. */
  readonly deadlineMs: number;
  readonly isDryRun: boolean;
  readonly body: CommandBody;
}

/** One thing that a command changes, or would change. */
export interface Change {
  readonly what: 'link' | 'mirror' | 'roles' | 'rules' | 'move';
  readonly name: string;
  readonly action: 'create' | 'alter' | 'delete' | 'pause' | 'resume' | 'promote' | 'none';
  /** In words: "topics: orders -> orders, payments.*"; why, where nothing is done. */
  readonly details: readonly string[];
}

export interface AnswerRecord {
  readonly v: number;
  readonly id: string;
  readonly atMs: number;
  /** `working`: more will come under the same key (a promotion that waits). */
  readonly state: 'working' | 'done' | 'refused';
  /** Set where it was refused: decides the exit code. */
  readonly code?: ErrorCode;
  readonly message: string;
  readonly changes: readonly Change[];
  /** Promotions: how each mirror ended. */
  readonly promoted?: readonly {
    readonly topic: string;
    readonly partitions: readonly PromotedPartition[];
  }[];
}
