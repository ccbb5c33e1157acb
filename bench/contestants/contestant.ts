// What the benchmark needs to know of a program that mirrors topics, and what such a program is told. The same contestants
// serve every shape: they get addresses and names, never a stage.
import type { ChildProcess } from 'node:child_process';
import type { Compression } from '../../src/records/index.ts';
import type { KafkaInstallation } from '../../src/regions/index.ts';

export interface BenchCluster {
  /** `us-east`, `eu-west`, `eu-west-2`, ...; unique within a job. */
  readonly name: string;
  /** `host:port` of its brokers, of the TLS listener where `tls` is set. */
  readonly bootstrap: readonly string[];
  /** PEM files. The brokers ask for no certificate, so `ca` suffices. Null: plaintext. */
  readonly tls: { readonly caFile: string; readonly certFile: string; readonly keyFile: string } | null;
}

/** One run of one contestant: copy all `topics` of `source` into every one of `destinations`, from their first record on. */
export interface Job {
  /** A folder of this run's own, for configuration and logs. */
  readonly directory: string;
  /** Unique within the stage, `[a-z0-9-]+`: for group ids, aliases and whatever must not be found again by the next run. */
  readonly label: string;
  readonly installation: KafkaInstallation;
  readonly source: BenchCluster;
  /** One in most shapes, three in fan-out. */
  readonly destinations: readonly BenchCluster[];
  /** Literal names in the source; all with as many partitions. */
  readonly topics: readonly string[];
  readonly partitions: number;
  /** Of the copies. */
  readonly replicationFactor: number;
  /** How the source's batches are compressed. Who makes batches anew compresses with it again where it is tuned. */
  readonly compression: Compression;
  /** Records must be in the destination soon after they were produced (latency shapes): nothing may linger for batches. */
  readonly isLive: boolean;
  /** Where a CPU profile goes (Lockstep only); null: none. */
  readonly profileFile: string | null;
}

export interface Running {
  /** The process that does the work; `pid` is read from /proc. Ended with SIGTERM, then SIGKILL. */
  readonly child: ChildProcess;
  /** More of them, where each serves one destination: what they cost is added. */
  readonly beside?: readonly ChildProcess[];
  /** What it printed: its last lines are shown when it fails. */
  readonly logFile: string;
  /** Where its Prometheus metrics are, if it has some. */
  readonly metricsUrl?: string;
}

export interface Contestant {
  /** As typed after --contestants: `lockstep`, `mm2-tuned`, `franz-go`. */
  readonly name: string;
  /** For tables: `MirrorMaker 2 4.3.1, tuned`. */
  readonly title: string;
  /**
   * Whether offset N of a copy is offset N of the source, transaction markers included. Others copy records only, so
   * that a copy of a transactional topic ends lower.
   */
  readonly hasEqualOffsets: boolean;
  /** Who creates the copies: itself, or the benchmark before it starts (same partitions, `replicationFactor`). */
  readonly createsTopics: boolean;
  /** Topics of its own in each destination that would stand in the next run's way; deleted after each run. */
  readonly leftovers?: readonly string[];
  /** Builds what it needs, once. Null when it can be measured here, else why not: `go is not installed`. Must not throw. */
  prepare(say: (line: string) => void): Promise<string | null>;
  /** What it can't do: several destinations, say. Null where it can do the job. */
  whyNot?(job: Job): string | null;
  /** The name of a topic's copy in every destination. */
  copyOf(topic: string, job: Job): string;
  start(job: Job): Promise<Running>;
}
