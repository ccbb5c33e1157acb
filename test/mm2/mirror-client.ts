// Kafka's MirrorClient and RemoteClusterUtils, from the jars of the Java clients (test/oracle/java/Mirrors.java).
import type { Region } from '../../src/regions/index.ts';
import type { JavaClients } from '../support/java-clients.ts';

export interface Mirrors {
  readonly upstreamClusters: readonly string[];
  readonly heartbeatTopics: readonly string[];
  readonly checkpointTopics: readonly string[];
  /** By alias; -1 where it is not upstream. */
  readonly hops: Readonly<Record<string, number>>;
  readonly allRemoteTopics: readonly string[];
  readonly remoteTopics: Readonly<Record<string, readonly string[]>>;
  /** Of the groups that were asked for, by alias: `topic-partition` to offset and metadata. */
  readonly offsets: Readonly<
    Record<string, Readonly<Record<string, readonly [offset: number, metadata: string]>>>
  >;
}

export interface MirrorsOptions {
  readonly aliases: readonly string[];
  /** One group for each alias. */
  readonly groups?: Readonly<Record<string, string>>;
  /** Of the client, such as those of the replication policy. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** What a client that is pointed at that region learns. */
export async function mirrorsAt(
  clients: JavaClients,
  region: Region,
  { aliases, groups = {}, properties = {} }: MirrorsOptions,
): Promise<Mirrors> {
  const bootstrap = region.bootstrap.join(',');
  return (await clients.call('mirrors', { bootstrap, aliases, groups, properties })) as Mirrors;
}
