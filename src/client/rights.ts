// Rights in the words of kafka-acls: which one is missing, and the command that gives it. docs/security.md has them all.

/** As kafka-acls spells them. */
export type GrantedOperation =
  | 'Alter'
  | 'AlterConfigs'
  | 'Create'
  | 'Delete'
  | 'Describe'
  | 'DescribeConfigs'
  | 'IdempotentWrite'
  | 'Read'
  | 'Write';

/** What a right is about. */
export type GrantedResource =
  | 'cluster'
  | { readonly topic: string }
  | { readonly group: string }
  | { readonly transactionalId: string };

export interface KafkaRight {
  readonly operation: GrantedOperation;
  readonly resource: GrantedResource;
}

/** `READ on topic orders` */
export function describeRight({ operation, resource }: KafkaRight): string {
  const { what } = wordsOf(resource);
  return `${operation.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()} on ${what}`;
}

/**
 * The command to be pasted.
 * @param cluster its name, which stands for its address
 * @param user who lacks the right, in words
 */
export function grantCommand(
  cluster: string,
  { operation, resource }: KafkaRight,
  user = 'this user',
): string {
  return (
    `kafka-acls --bootstrap-server <address of ${cluster}> --add --allow-principal User:<${user}> ` +
    `--operation ${operation} ${wordsOf(resource).option}`
  );
}

function wordsOf(resource: GrantedResource): { readonly what: string; readonly option: string } {
  if (resource === 'cluster') return { what: 'the cluster', option: '--cluster' };
  if ('topic' in resource)
    return { what: `topic ${resource.topic}`, option: `--topic ${quoted(resource.topic)}` };
  if ('group' in resource)
    return { what: `group ${resource.group}`, option: `--group ${quoted(resource.group)}` };
  const { transactionalId: id } = resource;
  return { what: `transactional id ${id}`, option: `--transactional-id ${quoted(id)}` };
}

/** As a shell takes it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
