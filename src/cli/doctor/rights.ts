// Rights that an agent needs, as the brokers themselves tell them (authorized operations, KIP-430). Pure.
import type { AclOperation, GrantedOperation } from '../../client/index.ts';
import type { Check } from './checks.ts';

/** A topic as one side of a link sees it. */
export interface TopicRights {
  readonly topic: string;
  /**
   * `there`, with what we may do; `absent`; `denied`: it may be there and we may not see it.
   * Operations are null where brokers don't tell (before Kafka 2.3).
   */
  readonly state: 'there' | 'absent' | 'denied';
  readonly operations: readonly AclOperation[] | null;
}

const sourceNeeds = ['READ', 'DESCRIBE', 'DESCRIBE_CONFIGS'] as const satisfies readonly AclOperation[];
const destinationNeeds = [
  'READ',
  'WRITE',
  'DESCRIBE',
  'DESCRIBE_CONFIGS',
  'ALTER',
] as const satisfies readonly AclOperation[];
const shownMax = 5;

/** The check `source-rights`: every topic that a link takes has to be readable. */
export function sourceRightsCheck(topics: readonly TopicRights[]): Check {
  const name = 'source-rights';
  if (topics.length === 0) {
    const detail = 'no topic is taken by a link yet, or we may describe none';
    return {
      name,
      mark: 'advice',
      detail,
      remedy: 'check topics in the file, and DESCRIBE on the topics meant',
    };
  }
  const bad = lacking(topics, sourceNeeds);
  if (bad !== undefined) return { name, mark: 'bad', ...bad };
  const absent = topics.filter((topic) => topic.state === 'absent').map((topic) => topic.topic);
  if (absent.length > 0) {
    const detail = `not there yet: ${some(absent)}`;
    return {
      name,
      mark: 'advice',
      detail,
      remedy: 'check the spelling; a topic that is created later is mirrored then',
    };
  }
  return granted(name, topics, sourceNeeds);
}

/** A topic that the destination lacks, and whether we may create it (CreateTopics, validated only). */
export interface Creatable {
  readonly topic: string;
  readonly allowed: boolean;
}

/** The check `destination-rights`: mirrors that are there, and those that would be created. */
export function destinationRightsCheck(
  topics: readonly TopicRights[],
  creatable: readonly Creatable[],
): Check {
  const name = 'destination-rights';
  // A topic that we may not see may be there or not: it may have to be created as well.
  const bad = lacking(topics, destinationNeeds, [...destinationNeeds, 'CREATE']);
  if (bad !== undefined) return { name, mark: 'bad', ...bad };
  const refused = creatable.filter((each) => !each.allowed).map((each) => each.topic);
  if (refused.length > 0) {
    const remedy =
      'kafka-acls --add --allow-principal PRINCIPAL --operation Create --cluster (or --topic NAME)';
    return { name, mark: 'bad', detail: `no right to create ${some(refused)}`, remedy };
  }
  const there = topics.filter((topic) => topic.state === 'there');
  const create =
    creatable.length === 0 ? '' : `, and CREATE for ${some(creatable.map((each) => each.topic))}`;
  const check = granted(name, there, destinationNeeds);
  if (there.length === 0) return { ...check, mark: 'ok', detail: `no mirror is there yet${create}` };
  return { ...check, detail: `${check.detail}${create}` };
}

/** The check `authorizer`: without one, nothing keeps others from writing to a mirror. */
export function authorizerCheck(state: 'present' | 'none' | 'unknown', destination: boolean): Check {
  const name = 'authorizer';
  if (state === 'present') return { name, mark: 'ok', detail: 'rights are checked' };
  if (state === 'unknown')
    return { name, mark: 'unknown', detail: 'the brokers do not tell whether rights are checked' };
  if (!destination) return { name, mark: 'ok', detail: 'none: everybody may read' };
  return {
    name,
    mark: 'advice',
    detail: 'none: everybody may write to a mirror, and one foreign record ends it',
    remedy: 'set authorizer.class.name on the brokers, and grant WRITE on mirrors to the agent alone',
  };
}

function lacking(
  topics: readonly TopicRights[],
  needs: readonly AclOperation[],
  unseen: readonly AclOperation[] = needs,
): Pick<Check, 'detail' | 'remedy'> | undefined {
  const problems: string[] = [];
  const denied = topics.filter((topic) => topic.state === 'denied').map((topic) => topic.topic);
  if (denied.length > 0) problems.push(`no DESCRIBE on ${some(denied)}`);
  const missing = new Set<AclOperation>(denied.length > 0 ? unseen : []);
  for (const operation of needs) {
    const without = topics.filter(
      ({ state, operations }) => state === 'there' && operations !== null && !may(operations, operation),
    );
    if (without.length === 0) continue;
    problems.push(`no ${operation} on ${some(without.map((topic) => topic.topic))}`);
    missing.add(operation);
  }
  if (problems.length === 0) return undefined;
  const flags = [...missing].map((operation) => `--operation ${camelCase(operation)}`).join(' ');
  return {
    detail: problems.join('; '),
    remedy: `kafka-acls --add --allow-principal PRINCIPAL ${flags} --topic NAME`,
  };
}

function granted(name: Check['name'], topics: readonly TopicRights[], needs: readonly AclOperation[]): Check {
  if (topics.some((topic) => topic.operations === null)) {
    return { name, mark: 'unknown', detail: 'the brokers do not tell our rights on topics' };
  }
  return { name, mark: 'ok', detail: `${needs.join(', ')} on ${some(topics.map((topic) => topic.topic))}` };
}

/** ALL stands for every operation. */
export function may(operations: readonly AclOperation[], operation: AclOperation): boolean {
  return operations.includes(operation) || operations.includes('ALL');
}

function some(names: readonly string[]): string {
  const more = names.length - shownMax;
  return more > 0 ? `${names.slice(0, shownMax).join(', ')} and ${more} more` : names.join(', ');
}

/** `DESCRIBE_CONFIGS` is `DescribeConfigs` for kafka-acls. */
export function camelCase(operation: string): GrantedOperation {
  return operation.replace(
    /([A-Z])([A-Z]*)_?/g,
    (_whole, first: string, rest: string) => first + rest.toLowerCase(),
  ) as GrantedOperation;
}
