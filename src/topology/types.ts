// What a lockstep.yaml says once it is read: names checked, secrets and files resolved, defaults filled in.
// Other rooms work with these types and never see YAML.
import type { ClusterConfig } from '../client/config.ts';
import type { MirrorExactness } from '../mirror/shell/exactness.ts';
import type { ResidencyConfig } from './residency/types.ts';

/**
 * One declared link: which topics of the source cluster are kept identical in the destination cluster. How holes,
 * gaps and high starts are treated stands in `MirrorExactness`.
 */
export interface LinkConfig extends MirrorExactness {
  /** The key under `links:`. */
  readonly name: string;
  /** Name of a cluster in `clusters:`. */
  readonly source: string;
  /** Name of another cluster in `clusters:`. */
  readonly destination: string;
  /** Literal names, prefixes or regular expressions (full match); see `matchesTopic`. Never empty. */
  readonly topics: readonly string[];
  /** The same forms; wins over `topics`. Default: none. */
  readonly excludeTopics: readonly string[];
  /** Prefix of the mirror's name: topic `orders` becomes `us.orders` with `us.`. Default none. Ask `mirrorNameOf`. */
  readonly prefix: string;
  /** What clients and tools of MirrorMaker 2 find beside the mirrors. Default null: nothing. */
  readonly mirrorMaker: MirrorMakerConfig | null;
  /** Bytes a second read from the source, by all agents together, 1 KiB to 1 TiB. Default: no limit. */
  readonly bytesPerSecondMax?: number;
  /** Where a mirror begins that is created now. Default `earliest`. */
  readonly startAt: StartAt;
  /** Consumer groups whose positions travel along, same forms as `topics`. Default: none. */
  readonly groups: readonly string[];
  /** Wins over `groups`. Default: none. */
  readonly excludeGroups: readonly string[];
  /** What travels with the data. */
  readonly sync: SyncConfig;
  /** Replication factor of topics created in the destination; absent: the broker's own default. */
  readonly replicationFactor?: number;
  /** The destination's producer ids are kept above the source's. Default false. */
  readonly separateProducerIds: boolean;
  /** Connections for appending to each destination broker, 1 to 16. Default 2. */
  readonly producerConnections: number;
  /** Connections for reading each source broker, 1 to 16; `auto`: as many as carry more, up to 8. Default `auto`. */
  readonly fetchConnections: 'auto' | number;
  /** Bytes asked of one source partition in one fetch, 1 KiB to 1 GiB. Default 1 MiB. */
  readonly fetchBytesMax: number;
  /** Bytes in flight at one agent: asked for, or fetched and not yet acknowledged, 1 MiB to 16 GiB. Default 16 MiB. */
  readonly inFlightBytesMax: number;
  /** It was not set, and is less where the brokers are near. Default true. */
  readonly isInFlightByWay: boolean;
}

/**
 * How a link keeps to what MirrorMaker 2 does, for those who read it: names, heartbeats, checkpoints. Aliases and separators
 * are those of its replication policies (connect-mirror: DefaultReplicationPolicy, IdentityReplicationPolicy).
 */
export interface MirrorMakerConfig {
  /** What remote topics and checkpoints call the source. Default: the source's name. */
  readonly sourceAlias: string;
  /** What remote topics of the other direction call the destination. Default: the destination's name. */
  readonly destinationAlias: string;
  /** `default`: remote topics are named alias + separator + topic. `identity`: the same name. Default `default`. */
  readonly policy: 'default' | 'identity';
  /** Default `.`. */
  readonly separator: string;
  /** Whether internal topics have the separator, too (replication.policy.internal.topic.separator.enabled). Default true. */
  readonly isInternalSeparated: boolean;
  /** `heartbeats` topics are mirrored whatever `topics` says. Default true. */
  readonly mirrorsHeartbeats: boolean;
  /** Groups' positions as records of `<alias>.checkpoints.internal`; null: none. */
  readonly checkpoints: { readonly everyMs: number; readonly replicationFactor?: number } | null;
}

/** Beats into topic `heartbeats` of `destination`, for MirrorMaker 2's MirrorClient to find. */
export interface HeartbeatFlow {
  /** Alias of the source that the record names. */
  readonly sourceAlias: string;
  /** Alias of the destination that the record names. */
  readonly destinationAlias: string;
  /** Name of a cluster in `clusters:`. */
  readonly destination: string;
  /** 100 ms to 1 h. Default 1 s. */
  readonly everyMs: number;
  /** Of the topic, where it has to be created; absent: the broker's default. */
  readonly replicationFactor?: number;
}

/** The first offset that is mirrored: the log's start, its end at creation, or that of the first record since a moment. */
export type StartAt =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'timestamp'; readonly timestampMs: bigint };

/** What travels with the data, and how often it is looked at. Intervals: 500 ms to 1 h, default 5 s. */
export interface SyncConfig {
  /** How often new topics and partitions are looked for. */
  readonly topics: { readonly everyMs: number };
  /** `also`: settings that are only kept equal when asked for (docs/mirror-topics.md has the table). */
  readonly configs: { readonly everyMs: number; readonly also: readonly string[] };
  readonly groups: {
    readonly everyMs: number;
    /** A group deleted at the source is deleted at the destination, too. Default false. */
    readonly deletions: boolean;
    /** Positions may go back. Default false. */
    readonly backwards: boolean;
    /** Positions are committed at the destination; else they are told as checkpoints alone. Default true. */
    readonly commits: boolean;
  };
  /** Null: ACLs are left alone. */
  readonly acls: AclSyncConfig | null;
  /** Client quotas that are copied, as `user=app`, `client-id=x`, `user=app,client-id=x`. Default none. */
  readonly quotas: readonly string[];
  /** SCRAM users that are created at the destination, with passwords that the user supplies. Default none. */
  readonly users: readonly ScramUser[];
}

export interface AclSyncConfig {
  readonly everyMs: number;
  /** Principals whose ACLs are copied, `User:app` or a filter as in `topics`. */
  readonly principals: readonly string[];
  readonly excludePrincipals: readonly string[];
  /** Kinds of resources that are copied. Default all three; topics are those of the link's mirrors. */
  readonly resources: readonly ('topic' | 'group' | 'transactionalId')[];
  /** WRITE on mirrors is withheld until promotion. Default true. */
  readonly withholdWrites: boolean;
}

export interface ScramUser {
  readonly name: string;
  readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly password: string;
}

/** Regions that stand in for each other: `replicationGroups:` of lockstep.yaml. */
export interface ReplicationGroupConfig {
  readonly name: string;
  /** Names of clusters, two or more. */
  readonly regions: readonly string[];
  /** The region whose topics are written to at the beginning; later the roles in Kafka say. */
  readonly primary: string;
  /** Topics, by exact name, whose primary is another region. */
  readonly topics: Readonly<Record<string, string>>;
  /** Names of the links between the regions, both ways for each pair. Default: all links between them. */
  readonly links: readonly string[];
  /** Run where the command runs; see `HookConfig`. */
  readonly hooks: readonly HookConfig[];
}

/** Points of a move at which hooks run. */
export const hookPoints = ['before', 'after', 'failure'] as const;
export type HookPoint = (typeof hookPoints)[number];

/** A command, or an HTTP POST, with the move as JSON (stdin or body). */
export interface HookConfig {
  readonly name: string;
  /** Kinds of moves. Default: switchover and failover. */
  readonly on: readonly ('switchover' | 'failover' | 'restore')[];
  readonly at: HookPoint;
  /** Exactly one of the two. The command is run without a shell. */
  readonly command?: readonly string[];
  readonly url?: string;
  /** Of the POST; values may hold secrets. */
  readonly headers: Readonly<Record<string, string>>;
  /** 100 ms to 10 min. Default 10 s. */
  readonly timeoutMs: number;
  /** Whether its failure stops the move, where it can be stopped. Default false. */
  readonly isBlocking: boolean;
}

/** How `lockstep local up` runs one cluster on this machine. */
export interface LocalRegionConfig {
  /** Name of a cluster in `clusters:`. */
  readonly name: string;
  /** Brokers, 1 to 9. Default 1. */
  readonly brokers: number;
  /** Apache Kafka's version. Default 4.3.1. */
  readonly kafkaVersion: string;
  /** Heap of each broker, MiB, 256 to 65536. Default 512. */
  readonly heapMb: number;
  /**
   * Port of each broker, first broker first; absent: free ports. From `port:` (then port + 1, ...), or else from
   * the cluster's own bootstrap addresses where all of them are on this machine.
   */
  readonly ports?: readonly number[];
}

/** A whole lockstep.yaml. Records are keyed by name; ask with `Object.hasOwn`. */
export interface Topology {
  readonly version: 1;
  /** The file it came from, as the caller named it. */
  readonly file: string;
  readonly clusters: Readonly<Record<string, ClusterConfig>>;
  readonly links: Readonly<Record<string, LinkConfig>>;
  readonly groups: Readonly<Record<string, ReplicationGroupConfig>>;
  /** Default: none. */
  readonly heartbeats: readonly HeartbeatFlow[];
  /** Labels and rules; absent: the file says nothing of them, and those that stand in Kafka hold. */
  readonly residency?: ResidencyConfig;
  /** One entry per cluster of `local:`; without that section one per cluster, with defaults. */
  readonly local: Readonly<Record<string, LocalRegionConfig>>;
  /** Each cluster's entry as it is written: references (`${env:...}`, `${file:...}`) unresolved. */
  readonly rawClusters: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Each link's entry as it is written, without `source` and `destination`; defaults not filled in. */
  readonly rawLinks: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Lines `file:line:column: ...` that a person should see and that stop nothing. */
  readonly warnings: readonly string[];
  /** Of a file of MirrorMaker 2: what becomes of its properties, and how idle flows are started. `run` prints them. */
  readonly notes?: readonly string[];
}
