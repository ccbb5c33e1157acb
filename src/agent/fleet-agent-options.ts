// What an agent of a fleet is told by whoever starts it.
import type { ClusterConfig } from '../client/index.ts';
import type {
  BeatDeclaration,
  LinkDeclaration,
  LinkRecord,
  RolesDeclaration,
  RulesDeclaration,
  SourceReference,
} from '../control/index.ts';
import type { MembershipOptions } from '../fleet/index.ts';
import type { Notice } from '../link/index.ts';
import type { MirrorObserver } from '../mirror/index.ts';
import type { LinkConfig } from '../topology/index.ts';
import type { AgentMemory } from './agent-memory.ts';
import type { DecisionContext } from './leader/decision.ts';
import type { ReportingOptions } from './reporting.ts';

export interface FleetAgentOptions {
  readonly destination: ClusterConfig;
  /** Different for each agent of the fleet, and the same after a restart. */
  readonly agentId: string;
  readonly version: string;
  /** Aborted to stop: hands over and resolves. */
  readonly signal: AbortSignal;
  /** Links that are to be as declared before anything else (`lockstep run FILE`). */
  readonly apply?: readonly LinkDeclaration[];
  /** Replication groups whose roles stand before their links do; refused where roles say otherwise already. */
  readonly declare?: readonly RolesDeclaration[];
  /** Heartbeats that its file asks for; written by whoever leads. */
  readonly heartbeats?: readonly BeatDeclaration[];
  /** Where data must not be copied; refused where other rules stand already. Absent: whatever stands holds. */
  readonly rules?: RulesDeclaration;
  /** How a link of the control topic becomes what this machine can work with. */
  resolve(record: LinkRecord): { readonly config: LinkConfig; readonly source: ClusterConfig };
  /** How a source is reached, whether a link still names it or not. @throws as `resolve`. */
  resolveSource(source: SourceReference, link: string): ClusterConfig;
  /** Without connecting: what a declaration says. @throws LockstepError CONFIG_INVALID */
  resolveConfig(declaration: LinkDeclaration): LinkConfig;
  /** Faults between links. @throws LockstepError CONFIG_INVALID */
  readonly checkTogether: DecisionContext['checkTogether'];
  /** Shared by the agents of one process. Default: this agent has its own. */
  readonly memory?: AgentMemory;
  /** Who counts what the mirror of a link does. */
  observer?(link: string): MirrorObserver;
  readonly onNotice: (link: string | null, notice: Notice) => void;
  readonly onLooked?: ReportingOptions['onLooked'];
  readonly sessionTimeoutMs?: number;
  /** Versions of the group protocol that it speaks; others than the default are for tests of a roll. */
  readonly protocols?: MembershipOptions['protocols'];
  /** Where the API of this agent listens; told to the fleet. */
  readonly apiUrl?: () => string | null;
}
