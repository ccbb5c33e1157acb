// What the fleet shares out, what a member is asked and told, and how it says that it stands.
import type { Clock, Cluster, Random } from '../client/index.ts';
import type { FleetProtocol } from './protocol.ts';

/** One thing to be shared out. */
export interface WorkItem {
  readonly link: string;
  readonly topic: string;
  readonly partition: number;
}

export interface MembershipOptions {
  /** The destination's. */
  readonly cluster: Cluster;
  /** Kafka's name of the group: `lockstep`. */
  readonly groupId: string;
  /** Who this member is, for people and for ties; different for each agent. */
  readonly agentId: string;
  /**
   * A member that is not heard for this long has lost its work, and knows it, ms. Default 10 s; brokers allow
   * group.min.session.timeout.ms (6 s) to group.max.session.timeout.ms (30 min).
   */
  readonly sessionTimeoutMs?: number;
  /** Time between heartbeats, ms: how long it takes a member to hear that somebody came or left. Default 300. */
  readonly heartbeatIntervalMs?: number;
  /** The leader asks everybody for their load anew after this long, ms. Default 5 min. */
  readonly balanceIntervalMs?: number;
  /** After this long what `onRevoked` has not stopped counts as stopped, with a warning, ms. Default 30 s. */
  readonly releaseTimeoutMs?: number;
  /** Everything there is to do; asked when this member leads the group. */
  work(): readonly WorkItem[];
  /** What the items cost that this member holds, bytes/s by `keyOf(item)`; absent where unknown. */
  load(): ReadonlyMap<string, number>;
  /** After each round of sharing out, also when nothing was added. `all` is what this member works on from now on. */
  onAssigned(change: {
    readonly added: readonly WorkItem[];
    readonly all: readonly WorkItem[];
    readonly generation: number;
    /**
     * Id of the generation right before this one, in which this member was, too: who gave one of `added` up in that one
     * (`onRevoked`) was the last to have it. Null: anybody may have had them meanwhile.
     */
    readonly follows: string | null;
  }): void;
  /**
   * Stop these. Resolves when they are stopped; until then nobody else gets them while this member is heard. In the
   * generation of that id this member does not get them again, and nobody else has them; null: not known.
   */
  onRevoked(items: readonly WorkItem[], reason: string, generationId: string | null): Promise<void>;
  /** Whether this member leads the group, and with it the fleet; told when it changes. */
  onLeader(isLeader: boolean): void;
  onNotice(notice: { readonly level: 'info' | 'warning'; readonly text: string }): void;
  /** The versions that this member speaks, preferred first. Default: those of `protocol.ts`; others are for tests. */
  readonly protocols?: readonly FleetProtocol[];
  /** Must go on while the machine sleeps, or a member that slept does not know how long (`ElapsedClock`). */
  readonly clock?: Clock;
  readonly random?: Random;
}

/** Where a member stands towards the group. */
export type MembershipState =
  | 'Stopped'
  | 'Connecting'
  | 'Joining'
  | 'Syncing'
  | 'Stable'
  | 'Waiting'
  | 'Leaving';

export interface MembershipStatus {
  readonly state: MembershipState;
  /** Kafka's name of this member; empty before the group has given one. */
  readonly memberId: string;
  /** Of the last sharing out; -1 before the first and after the membership was lost. */
  readonly generation: number;
  readonly isLeader: boolean;
  /** Members of the group; null unless this member leads it. */
  readonly memberCount: number | null;
  readonly ownedCount: number;
  /** Items that are being stopped for somebody else. */
  readonly releasingCount: number;
  /** Since the last heartbeat that was answered well, ms; null before the first. */
  readonly heartbeatAgeMs: number | null;
  /** Times that this member was lost to the group. */
  readonly lossCount: number;
  /** Why it is not in the group, in words; null when all is well. */
  readonly lastError: string | null;
}

/** `link/topic/partition`: tells items apart. Kafka's topics have no slash in their names; a link may have one. */
export function keyOf(item: WorkItem): string {
  return `${item.link}/${item.topic}/${item.partition}`;
}

/** The item of a key. */
export function itemOf(key: string): WorkItem {
  const partitionAt = key.lastIndexOf('/');
  const topicAt = key.lastIndexOf('/', partitionAt - 1);
  return {
    link: key.slice(0, topicAt),
    topic: key.slice(topicAt + 1, partitionAt),
    partition: Number(key.slice(partitionAt + 1)),
  };
}
