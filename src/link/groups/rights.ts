// The rights that positions need, as commands to paste.
import { type GrantedResource, grantCommand, type KafkaRight } from '../../client/index.ts';

/** The right that is missing, and the command that gives it. */
export function missingRight(
  cluster: string,
  side: 'source' | 'destination',
  groupId: string,
  topic?: string,
): string {
  const operation = side === 'source' ? 'Describe' : 'Read';
  const [what, resource]: [string, GrantedResource] =
    topic === undefined ? [`group ${groupId}`, { group: groupId }] : [`topic ${topic}`, { topic }];
  return (
    `the agent's user lacks ${operation} on ${what} at cluster ${cluster}: ` +
    command(cluster, { operation, resource })
  );
}

/** The right to delete a group that is gone at the source. */
export function missingDeleteRight(cluster: string, groupId: string): string {
  return (
    `the agent's user lacks Delete on group ${groupId} at cluster ${cluster}: ` +
    command(cluster, { operation: 'Delete', resource: { group: groupId } })
  );
}

/** Kafka lists no group, which is what it answers a user without rights, too. */
export function maybeHidden(cluster: string): string {
  return (
    `cluster ${cluster} lists no groups. It may have none yet; if it has some, the agent's user may lack Describe on them: ` +
    command(cluster, { operation: 'Describe', resource: { group: '*' } })
  );
}

/** What to say when the broker's settings can't be read. */
export function missingSettingsRight(cluster: string): string {
  return (
    `the agent's user lacks DescribeConfigs on cluster ${cluster}; offsets.retention.minutes is taken to be 7 days, ` +
    `as Kafka has it by default: ${command(cluster, { operation: 'DescribeConfigs', resource: 'cluster' })}`
  );
}

const command = (cluster: string, right: KafkaRight): string =>
  grantCommand(cluster, right, 'user of the agent');
