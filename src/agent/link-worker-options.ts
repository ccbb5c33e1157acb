// What a link at work is told by its agent.
import type { Clock, Cluster, ClusterConfig } from '../client/index.ts';
import type { ControlTopic, LinkRecord } from '../control/index.ts';
import type { KeeperStore } from '../link/acls/index.ts';
import type { Notice, TopicHold } from '../link/index.ts';
import type { MirrorObserver } from '../mirror/index.ts';
import type { LinkConfig } from '../topology/index.ts';
import type { AgentMemory } from './agent-memory.ts';
import type { LinkParts } from './link-parts.ts';

export interface LinkWorkerOptions {
  readonly record: LinkRecord;
  readonly destination: Cluster;
  /** Shared by all links of the process. Default: the link has its own. */
  readonly memory?: AgentMemory;
  readonly control: ControlTopic;
  /** @throws LockstepError CONFIG_INVALID, FILE_UNREADABLE: a reference that this machine can't resolve. */
  resolve(record: LinkRecord): { readonly config: LinkConfig; readonly source: ClusterConfig };
  /** The replication group of this agent's own file that the link belongs to. */
  readonly declaredGroup?: string;
  /** What rules of the fleet have against copying a topic. Default: nothing. */
  forbids?(topic: string): TopicHold | null;
  /** What those rules go by is made as new as this call. Default: it always is. */
  beforeMeeting?(): Promise<void>;
  /** Whether the partition of this source topic is this agent's. */
  owns(partition: { readonly topic: string; readonly partition: number }): boolean;
  isLeader(): boolean;
  /** What keepers remember, below a prefix; written by the leader. */
  keeperStore(prefix: string): KeeperStore;
  /** How the former agent left a partition that was given to us; default: nobody knows. */
  readonly takeLeft?: LinkParts['takeLeft'];
  readonly onNotice: (notice: Notice) => void;
  readonly observer?: MirrorObserver;
  readonly clock: Clock;
}
