// What a cluster is and what we may do with it as a whole.
import { apis } from '../../protocol/index.ts';
import type { FinalizedFeature, VersionRange } from '../api-versions.ts';
import type { Cluster } from '../cluster.ts';
import type { BrokerNode } from '../metadata.ts';
import { type AclOperation, authorizedOperations } from './acls.ts';

export interface ClusterDescription {
  readonly clusterId: string;
  readonly controllerId: number | null;
  readonly brokers: readonly BrokerNode[];
  /** What this user may do with the cluster as a whole; null where brokers don't tell (before Kafka 2.3). */
  readonly authorizedOperations: readonly AclOperation[] | null;
  /** Features in force with their level, for example metadata.version and transaction.version (Kafka 2.7 and newer). */
  readonly features: readonly FinalizedFeature[];
  /** Versions that the asked broker speaks, by API key. */
  readonly apiVersions: ReadonlyMap<number, VersionRange>;
}

/** Asks one broker about its cluster. */
export async function describeCluster(cluster: Cluster): Promise<ClusterDescription> {
  const connection = await cluster.connectionTo('any');
  const { finalizedFeatures: features, apiVersions } = connection;
  // DescribeCluster came with Kafka 2.8 (KIP-700); before, Metadata 8 to 10 told the rights.
  if (!apiVersions.has(apis.DescribeCluster.key)) {
    const answer = await cluster.request(
      apis.Metadata,
      { topics: [], allowAutoTopicCreation: false, includeClusterAuthorizedOperations: true },
      { versionMin: 8, versionMax: 10, what: 'describing the cluster' },
    );
    return {
      clusterId: answer.clusterId ?? '',
      controllerId: answer.controllerId < 0 ? null : answer.controllerId,
      brokers: answer.brokers.map(({ nodeId, host, port, rack }) => ({ id: nodeId, host, port, rack })),
      authorizedOperations: authorizedOperations(answer.clusterAuthorizedOperations),
      features,
      apiVersions,
    };
  }
  const answer = await cluster.request(
    apis.DescribeCluster,
    { includeClusterAuthorizedOperations: true },
    { what: 'describing the cluster' },
  );
  return {
    clusterId: answer.clusterId,
    controllerId: answer.controllerId < 0 ? null : answer.controllerId,
    brokers: answer.brokers.map(({ brokerId, host, port, rack }) => ({ id: brokerId, host, port, rack })),
    authorizedOperations: authorizedOperations(answer.clusterAuthorizedOperations),
    features,
    apiVersions,
  };
}
