// How MirrorMaker 2 reads and writes topic names, as its DefaultReplicationPolicy and IdentityReplicationPolicy do
// (connect-mirror-client 4.3.1), down to what Java's String.split makes of empty parts.
//
//   us-east.orders           topic `orders` of us-east
//   eu-west.us-east.orders   the same, come by way of eu-west
//
// A name has no escapes, so a topic that somebody called `app.orders` looks like one from a cluster `app`.
import type { MirrorMakerConfig } from './types.ts';

/** The topic of heartbeats, whatever the policy. */
export const heartbeatsTopic = 'heartbeats';

type Naming = Pick<MirrorMakerConfig, 'sourceAlias' | 'policy' | 'separator' | 'isInternalSeparated'>;

/** ReplicationPolicy of connect-mirror-client, as a link's connectors have it: Identity knows the link's source. */
export interface ReplicationPolicy {
  formatRemoteTopic(sourceAlias: string, topic: string): string;
  /** Alias of the cluster that a topic came from; null where it is no remote topic. */
  topicSource(topic: string): string | null;
  /** Its name one hop up; null where it is no remote topic. */
  upstreamTopic(topic: string): string | null;
  /** Its name where it was written. */
  originalTopic(topic: string): string;
  isHeartbeatsTopic(topic: string): boolean;
  checkpointsTopic(sourceAlias: string): string;
  offsetSyncsTopic(alias: string): string;
  isCheckpointsTopic(topic: string): boolean;
  /** Kafka's own topics and MirrorMaker's bookkeeping. */
  isInternalTopic(topic: string): boolean;
}

/** The policy of these names; the same object for the same configuration. */
export function replicationPolicyOf(naming: Naming): ReplicationPolicy {
  let policy = policies.get(naming);
  if (policy === undefined) {
    policy = makePolicy(naming);
    policies.set(naming, policy);
  }
  return policy;
}

/** Asked for thousands of topics at every look. */
const policies = new WeakMap<Naming, ReplicationPolicy>();

function makePolicy({ sourceAlias, policy, separator, isInternalSeparated }: Naming): ReplicationPolicy {
  const internalSeparator = isInternalSeparated ? separator : '.';
  const internalSuffix = `${internalSeparator}internal`;
  const checkpointsSuffix = `${internalSeparator}checkpoints${internalSuffix}`;
  /** Under Identity these alone are named, and read, as by default. */
  const isNamedByDefault = (topic: string): boolean =>
    policy === 'default' || topic.endsWith(heartbeatsTopic);

  const topicSource = (topic: string): string | null =>
    isNamedByDefault(topic) ? firstPart(topic, separator) : sourceAlias;
  const upstreamTopic = (topic: string): string | null => {
    if (!isNamedByDefault(topic)) return topic;
    const source = firstPart(topic, separator);
    return source === null ? null : topic.slice(source.length + separator.length);
  };
  const originalTopic = (topic: string): string => {
    const upstream = upstreamTopic(topic);
    return upstream === null || upstream === topic ? topic : originalTopic(upstream);
  };
  const isCheckpointsTopic = (topic: string): boolean => topic.endsWith(checkpointsSuffix);
  return {
    ...{ topicSource, upstreamTopic, originalTopic, isCheckpointsTopic },
    formatRemoteTopic: (alias, topic) => (isNamedByDefault(topic) ? `${alias}${separator}${topic}` : topic),
    isHeartbeatsTopic: (topic) => originalTopic(topic) === heartbeatsTopic,
    checkpointsTopic: (alias) => `${alias}${checkpointsSuffix}`,
    offsetSyncsTopic: (alias) => `mm2-offset-syncs${internalSeparator}${alias}${internalSuffix}`,
    isInternalTopic: (topic) =>
      topic.startsWith('__') ||
      topic.startsWith('.') ||
      (topic.startsWith('mm2') && topic.endsWith(internalSuffix)) ||
      isCheckpointsTopic(topic),
  };
}

/** What stands before the first separator; null where nothing but separators follows it, which Java leaves out. */
function firstPart(topic: string, separator: string): string | null {
  const parts = topic.split(separator);
  while (parts.at(-1) === '') parts.pop();
  return parts.length < 2 ? null : parts[0]!;
}

/**
 * Whether a topic came from the destination on its way to the source, by its name: copying it back would go round for
 * ever (MirrorSourceConnector.isCycle). Identity does not tell by names, but for heartbeats.
 */
export function isCycle(
  naming: Naming & Pick<MirrorMakerConfig, 'destinationAlias'>,
  topic: string,
): boolean {
  const { topicSource, upstreamTopic } = replicationPolicyOf(naming);
  let name = topic;
  for (;;) {
    const source = topicSource(name);
    if (source === null) return false;
    if (source === naming.destinationAlias) return true;
    const upstream = upstreamTopic(name);
    if (upstream === null || upstream === name) return false;
    name = upstream;
  }
}
