// What an agent knows about itself, its fleet and its links at one moment: the one source of the HTTP API, the metrics
// and `describe`. The agent fills it (src/agent); whoever shows it only reads. Null is unknown, never zero.
import type {
  AgentRecord,
  ConditionRecord,
  LinkRecord,
  MirrorRecord,
  StatusRecord,
} from '../control/records/index.ts';
import type { AclKeeperStatus } from '../link/acls/types.ts';
import type { GroupsStatus } from '../link/groups/index.ts';
import type { LinkStatus } from '../link/index.ts';
import type { MemoryStatus } from './agent-memory.ts';

export interface AgentView {
  readonly atMs: number;
  /** This agent, as it tells the fleet. */
  readonly agent: AgentRecord;
  /** The group's generation; null while this agent is not in it. */
  readonly generation: number | null;
  readonly sessionTimeoutMs: number;
  /** What the links of this process have in flight. */
  readonly memory: MemoryStatus;
  /** Every agent that the control topic knows, this one too. */
  readonly agents: readonly AgentRecord[];
  readonly links: readonly LinkView[];
}

/** One link: `partitions` are those that this agent copies, `elsewhere` those of the others. */
export interface LinkView extends LinkStatus {
  /** As it was declared. */
  readonly record: LinkRecord;
  readonly mirrors: readonly MirrorRecord[];
  /** What keeps the link, or topics of it, from being copied; told by the leader. */
  readonly conditions: readonly LinkCondition[];
  readonly elsewhere: readonly ElsewherePartition[];
  /** When the source last answered anything. */
  readonly sourceHeardAtMs: number | null;
  readonly certificates: readonly CertificateView[];
  /** Null where this agent does not keep them: it does not lead the fleet, or nothing was asked for. */
  readonly groups: GroupsStatus | null;
  readonly rights: AclKeeperStatus | null;
}

export interface LinkCondition extends ConditionRecord {
  /** At the source; null: the link as a whole. */
  readonly topic: string | null;
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
  readonly kind: 'own' | 'authority' | 'broker';
  readonly subject: string;
  readonly expiresAtMs: number;
}
