// What an agent knows about itself, its fleet and its links at one moment: the one source of the HTTP API, the metrics
// and `describe`. The agent fills it (src/agent); whoever shows it only reads. Null is unknown, never zero.
import type { AgentRecord, LinkRecord, MirrorRecord, StatusRecord } from '../control/types.ts';
import type { LinkStatus } from '../link/index.ts';

export interface AgentView {
  readonly atMs: number;
  /** This agent, as it tells the fleet. */
  readonly agent: AgentRecord;
  /** The group's generation; null while this agent is not in it. */
  readonly generation: number | null;
  readonly sessionTimeoutMs: number;
  /** Every agent that the control topic knows, this one too. */
  readonly agents: readonly AgentRecord[];
  readonly links: readonly LinkView[];
}

/** One link: `partitions` are those that this agent copies, `elsewhere` those of the others. */
export interface LinkView extends LinkStatus {
  /** As it was declared. */
  readonly record: LinkRecord;
  readonly mirrors: readonly MirrorRecord[];
  readonly elsewhere: readonly ElsewherePartition[];
  /** When the source last answered anything. */
  readonly sourceHeardAtMs: number | null;
  /** The bound of `heldBytes`. */
  readonly heldBytesMax: number;
  readonly certificates: readonly CertificateView[];
  /** Null where this agent does not keep them: it does not lead the fleet, or nothing was asked for. */
  readonly groups: GroupsView | null;
  readonly acls: AclsView | null;
}

/** A partition that another agent copies, as that agent last told. */
export interface ElsewherePartition extends StatusRecord {
  /** At the source. */
  readonly topic: string;
  readonly partition: number;
}

/** A certificate that an agent shows, or trusts, when it connects. */
export interface CertificateView {
  /** The cluster's name. */
  readonly cluster: string;
  readonly kind: 'own' | 'authority';
  readonly subject: string;
  readonly expiresAtMs: number;
}

/** What became of the groups at the last look; made from the status of the group keeper. */
export interface GroupsView {
  readonly lookedAtMs: number | null;
  /** Why the last look failed. */
  readonly error: string | null;
  readonly groups: readonly GroupView[];
}

export interface GroupView {
  readonly group: string;
  /** `Synced`, or why not: `Active`, `NotSupported` and so on. */
  readonly state: string;
  readonly reason: string | null;
  readonly syncedAtMs: number | null;
  readonly positions: readonly GroupPositionView[];
}

export interface GroupPositionView {
  readonly topic: string;
  readonly partition: number;
  /** Committed at the source, as an offset of the mirror (without the shift of a shifted one). */
  readonly sourceOffset: bigint | null;
  /** Committed at the destination. */
  readonly offset: bigint | null;
}

/** What became of ACLs, quotas and users at the last look; made from the status of the ACL keeper. */
export interface AclsView {
  readonly lookedAtMs: number | null;
  readonly error: string | null;
  /** `InSync`, `ForeignOwner` and so on, with the reason. */
  readonly state: string;
  readonly reason: string | null;
  readonly copiedCount: number;
  /** Principals whose WRITE waits for a promotion. */
  readonly withheldCount: number;
  /** Users of the source that the destination lacks. */
  readonly missingUsers: readonly string[];
}
