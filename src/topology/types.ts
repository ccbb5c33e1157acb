// What a lockstep.yaml says once it is read: names checked, secrets and files resolved, defaults filled in.
// Other rooms work with these types and never see YAML.
import type { ClusterConfig } from '../client/config.ts';
import type { MirrorExactness } from '../mirror/shell/exactness.ts';

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
  /** Literal names or regular expressions (full match); see `matchesTopic`. Never empty. */
  readonly topics: readonly string[];
  /** The same two forms; wins over `topics`. Default: none. */
  readonly excludeTopics: readonly string[];
  /** Consumer groups to sync, same two forms; read and checked, not yet acted on. Default: none. */
  readonly groups: readonly string[];
  /** Replication factor of topics created in the destination; absent: the broker's own default. */
  readonly replicationFactor?: number;
  /** Connections for appending to each destination broker, 1 to 16. Default 2. */
  readonly producerConnections: number;
  /** Bytes asked of one source partition in one fetch, 1 KiB to 1 GiB. Default 1 MiB. */
  readonly fetchBytesMax: number;
  /** Bytes fetched and not yet acknowledged, over the whole link, 1 MiB to 16 GiB. Default 12 MiB. */
  readonly inFlightBytesMax: number;
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
  /** One entry per cluster of `local:`; without that section one per cluster, with defaults. */
  readonly local: Readonly<Record<string, LocalRegionConfig>>;
  /** Lines `file:line:column: ...` that a person should see and that stop nothing. */
  readonly warnings: readonly string[];
}
