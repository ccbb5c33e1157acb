// What the keeper of a link's rights is told, and what it shows.

/** One mirror of the link. */
export interface MirrorOfLink {
  readonly sourceTopic: string;
  readonly mirrorTopic: string;
  readonly isPromoted: boolean;
  /** Which life of the mirror it is; a promotion of a former one says nothing of it. Default 0. */
  readonly incarnation?: number;
}

/** As `sync.acls` of lockstep.yaml; principals are chosen by `selects` of the keeper's options. */
export interface AclSettings {
  readonly everyMs: number;
  readonly resources: readonly ('topic' | 'group' | 'transactionalId')[];
  readonly withholdWrites: boolean;
}

export interface SuppliedUser {
  readonly name: string;
  readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly password: string;
}

/**
 * Whether topics without any rule are open to everybody (allow.everyone.if.no.acl.found). Brokers don't tell: it is
 * found out, and `unknown` to a super user, whom no rule stops.
 */
export type Leniency = 'on' | 'off' | 'unknown';

export type RightsState =
  /** Not looked yet. */
  | 'Starting'
  /** As the source has it. */
  | 'Current'
  /** The source does not answer, or does not tell: its rules as last seen hold, nothing is removed. */
  | 'SourceSilent'
  /** A right is missing at the destination; the reason names it. */
  | 'NotAuthorized'
  /** The destination runs no authorizer: everybody may do everything. */
  | 'NoAuthorizer'
  /** Somebody else keeps removing rules that we add: they are left alone until `resumesAtMs`. */
  | 'ForeignOwner'
  /** Refused or unreachable; tried again. */
  | 'Failed'
  /** Not asked for. */
  | 'Off';

/** A mirror that somebody besides the agent may write to. */
export interface UnprotectedMirror {
  readonly topic: string;
  /** Principals that may still write; `User:*` is everybody. Empty where the reason says that it is not known. */
  readonly writers: readonly string[];
  readonly reason: string;
}

export interface ForeignRule {
  /** As `kafka-acls` would say it. */
  readonly rule: string;
  readonly removedCount: number;
  readonly resumesAtMs: number;
}

export interface RightsStatus {
  readonly state: RightsState;
  readonly reason: string | null;
  readonly sinceMs: number;
  /** When the source's rules were last read; null: never since the start. */
  readonly sourceSeenAtMs: number | null;
  /** When a look last came through; null: never since the start, so that nothing is counted yet. */
  readonly lookedAtMs: number | null;
  /** Rules at the destination that are ours: copied from the source, and DENY WRITE on mirrors. */
  readonly copiedCount: number;
  readonly deniedCount: number;
  /** Rules of the source that are given at promotion. */
  readonly withheldCount: number;
  /** Mirrors that nobody but the agent and super users may write to. */
  readonly protectedCount: number;
  readonly unprotected: readonly UnprotectedMirror[];
  readonly foreign: readonly ForeignRule[];
  readonly warnings: readonly string[];
}

export interface QuotasStatus {
  readonly state: RightsState;
  readonly reason: string | null;
  readonly sinceMs: number;
  readonly copiedCount: number;
  readonly foreign: readonly ForeignRule[];
  readonly warnings: readonly string[];
}

export interface UsersStatus {
  readonly state: RightsState;
  readonly reason: string | null;
  readonly sinceMs: number;
  /** When both sides last told their users; null: never since the start, so that it is not known who is missing. */
  readonly lookedAtMs: number | null;
  /** Have a SCRAM password at the source and none at the destination, and none was supplied. */
  readonly missing: readonly string[];
  /** Made by this link. */
  readonly created: readonly string[];
  readonly warnings: readonly string[];
}

/** What describe and the metrics show; JSON as it stands. */
export interface AclKeeperStatus {
  readonly acls: RightsStatus;
  readonly quotas: QuotasStatus;
  readonly users: UsersStatus;
}
