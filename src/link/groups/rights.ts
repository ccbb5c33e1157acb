// The rights that positions need, as commands to paste.

/** The right that is missing, and the command that gives it. */
export function missingRight(
  cluster: string,
  side: 'source' | 'destination',
  groupId: string,
  topic?: string,
): string {
  const operation = side === 'source' ? 'Describe' : 'Read';
  const resource =
    topic === undefined ? { what: `group ${groupId}`, option: `--group ${quoted(groupId)}` } : onTopic(topic);
  return (
    `the agent's user lacks ${operation} on ${resource.what} at cluster ${cluster}: ` +
    aclCommand(cluster, operation, resource.option)
  );
}

/** The right to delete a group that is gone at the source. */
export function missingDeleteRight(cluster: string, groupId: string): string {
  return (
    `the agent's user lacks Delete on group ${groupId} at cluster ${cluster}: ` +
    aclCommand(cluster, 'Delete', `--group ${quoted(groupId)}`)
  );
}

/** Kafka lists no group, which is what it answers a user without rights, too. */
export function maybeHidden(cluster: string): string {
  return (
    `cluster ${cluster} lists no group for the agent's user. If it has some, the user lacks Describe on them: ` +
    aclCommand(cluster, 'Describe', "--group '*'")
  );
}

/** What to say when the broker's settings can't be read. */
export function missingSettingsRight(cluster: string): string {
  return (
    `the agent's user lacks DescribeConfigs on cluster ${cluster}; offsets.retention.minutes is taken to be 7 days, ` +
    `as Kafka has it by default: ${aclCommand(cluster, 'DescribeConfigs', '--cluster')}`
  );
}

function onTopic(topic: string) {
  return { what: `topic ${topic}`, option: `--topic ${quoted(topic)}` };
}

function aclCommand(cluster: string, operation: string, resource: string): string {
  return (
    `kafka-acls --bootstrap-server <address of ${cluster}> --add --allow-principal User:<user of the agent> ` +
    `--operation ${operation} ${resource}`
  );
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
