// What a taking over is made of, and what it proposes.
import type { Cluster } from '../client/index.ts';
import type { MirrorRecord } from '../control/index.ts';
import type { StateStore, TakenPartition } from '../link/index.ts';
import type { LinkConfig } from '../topology/index.ts';
import type { RemotePosition } from './positions.ts';

/** Where a MirrorMaker 2 keeps what it remembers, all of it at the destination. */
export interface ConnectPlace {
  /** Of its workers. Default in dedicated mode `<source>-mm2`. */
  readonly group: string;
  /** offset.storage.topic. Default in dedicated mode `mm2-offsets.<source>.internal`. */
  readonly offsetsTopic: string;
  /** Of the source, in keys of the offsets topic. */
  readonly sourceAlias: string;
}

export interface MigrationOptions {
  readonly link: LinkConfig;
  readonly source: Cluster;
  readonly destination: Cluster;
  readonly store: StateStore;
  readonly connect: ConnectPlace;
  /** All that the destination's control topic knows. */
  readonly mirrors: readonly MirrorRecord[];
  /** By their names at the source; default: all that the link takes. */
  readonly topics?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: MigrationProgress) => void) | undefined;
}

export interface MigrationProgress {
  readonly partitionsDone: number;
  readonly partitionsTotal: number;
  readonly bytesRead: number;
}

/** A worker of MirrorMaker 2 that is there now. */
export interface ConnectMember {
  readonly memberId: string;
  readonly clientId: string;
  readonly host: string;
}

/** Where one partition goes on, without the records that showed it. */
export interface PartitionPlan extends TakenPartition {
  readonly partition: number;
  readonly remoteEnd: bigint;
  /** Offsets that the source has from there on. */
  readonly toCopy: bigint;
  /** The newest source offset that MirrorMaker 2 has written down; null: none. */
  readonly committed: bigint | null;
  /** Records behind that one which were copied all the same: a MirrorMaker 2 that is started again copies them twice. */
  readonly uncommittedCount: number;
  /** Records that stand in the remote log twice, and aborted ones that were copied, in what was compared. */
  readonly doubledCount: number;
  readonly abortedCount: number;
  readonly comparedCount: number;
  /** By the position at the source. */
  readonly positions: ReadonlyMap<bigint, RemotePosition>;
}

/**
 * `continue`: Lockstep goes on in the remote topic. `taken`: it does so already. `beside`: it can not, for `reason`.
 * `new`: there is no remote topic, or nothing in it. `lockstep`: the remote topic is a mirror that Lockstep began.
 */
export type Decision = 'continue' | 'taken' | 'beside' | 'new' | 'lockstep';

export interface TopicPlan {
  /** At the source. */
  readonly topic: string;
  readonly remoteTopic: string;
  readonly decision: Decision;
  /** Why not `continue`; null where that needs no words. */
  readonly reason: string | null;
  readonly sourceTopicId: string;
  /** Null where there is none. */
  readonly remoteTopicId: string | null;
  /** The life of the mirror that begins, or has begun, with the taking over. */
  readonly life: number;
  /** Of `continue` and `taken`. */
  readonly partitions: readonly PartitionPlan[];
}

export interface MigrationPlan {
  readonly link: string;
  readonly source: string;
  readonly destination: string;
  readonly connect: ConnectPlace;
  /** Workers of MirrorMaker 2 that run: nothing is taken over while there are any. */
  readonly members: readonly ConnectMember[];
  /** The offsets topic was found. */
  readonly hasConnectOffsets: boolean;
  readonly topics: readonly TopicPlan[];
}
