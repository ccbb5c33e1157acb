// Access control lists: describe, create, delete. Words instead of numbers on our side, as kafka-acls has them.
import { apis } from '../../protocol/index.ts';
import type { Cluster } from '../cluster.ts';
import type { RequestTarget } from '../cluster-options.ts';
import type { KafkaRight } from '../rights.ts';
import { type Outcome, outcomeOf } from './outcome.ts';

/** Kafka's ResourceType, PatternType, AclOperation, AclPermissionType: number by name. */
const resourceTypes = {
  ANY: 1,
  TOPIC: 2,
  GROUP: 3,
  CLUSTER: 4,
  TRANSACTIONAL_ID: 5,
  DELEGATION_TOKEN: 6,
  USER: 7,
} as const;
const patternTypes = { ANY: 1, MATCH: 2, LITERAL: 3, PREFIXED: 4 } as const;
const operations = {
  ANY: 1,
  ALL: 2,
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
  CREATE_TOKENS: 13,
  DESCRIBE_TOKENS: 14,
  TWO_PHASE_COMMIT: 15,
} as const;
const permissions = { ANY: 1, DENY: 2, ALLOW: 3 } as const;

export type AclResourceType = keyof typeof resourceTypes | 'UNKNOWN';
export type AclPatternType = keyof typeof patternTypes | 'UNKNOWN';
export type AclOperation = keyof typeof operations | 'UNKNOWN';
export type AclPermission = keyof typeof permissions | 'UNKNOWN';

/** One rule. A word that this version of Lockstep does not know is UNKNOWN and can't be sent back. */
export interface Acl {
  readonly resourceType: AclResourceType;
  readonly resourceName: string;
  readonly patternType: AclPatternType;
  /** `User:alice`; `User:*` for everybody. */
  readonly principal: string;
  /** `*` for every host. */
  readonly host: string;
  readonly operation: AclOperation;
  readonly permission: AclPermission;
}

const describing: KafkaRight = { operation: 'Describe', resource: 'cluster' };
const altering: KafkaRight = { operation: 'Alter', resource: 'cluster' };

/** What is not given matches everything. */
export type AclFilter = Partial<Acl>;

/**
 * Every rule that the filter matches, as the asked broker knows it: rules take a moment to reach all of them.
 * @throws KAFKA_ERROR SECURITY_DISABLED (54) where no authorizer runs.
 */
export async function describeAcls(
  cluster: Cluster,
  filter: AclFilter = {},
  options: { to?: RequestTarget; timeoutMs?: number } = {},
): Promise<Acl[]> {
  const answer = await cluster.request(apis.DescribeAcls, filterInput(filter), {
    ...options,
    what: 'describing ACLs',
    right: describing,
  });
  return answer.resources.flatMap(({ resourceType, resourceName, patternType, acls }) =>
    acls.map(({ principal, host, operation, permissionType }) =>
      toAcl({ resourceType, resourceName, patternType, principal, host, operation, permissionType }),
    ),
  );
}

/** Creates rules; one outcome per rule, in their order. A rule that is there already counts as created. */
export async function createAcls(cluster: Cluster, acls: readonly Acl[]): Promise<Outcome<void>[]> {
  const answer = await cluster.request(
    apis.CreateAcls,
    {
      creations: acls.map((acl) => ({
        resourceType: number(resourceTypes, acl.resourceType),
        resourceName: acl.resourceName,
        resourcePatternType: number(patternTypes, acl.patternType),
        principal: acl.principal,
        host: acl.host,
        operation: number(operations, acl.operation),
        permissionType: number(permissions, acl.permission),
      })),
    },
    { to: 'controller', what: 'creating ACLs', right: altering },
  );
  return answer.results.map((result, index) =>
    outcomeOf(cluster, result, `creating the ACL ${describeAcl(acls[index]!)}`, () => undefined, altering),
  );
}

/** Deletes what the filters match; per filter the rules that are gone. */
export async function deleteAcls(cluster: Cluster, filters: readonly AclFilter[]): Promise<Outcome<Acl[]>[]> {
  const answer = await cluster.request(
    apis.DeleteAcls,
    { filters: filters.map(filterInput) },
    { to: 'controller', what: 'deleting ACLs', right: altering },
  );
  return answer.filterResults.map((result) => {
    const refused = result.matchingAcls.find((acl) => acl.errorCode !== 0);
    return outcomeOf(
      cluster,
      result.errorCode === 0 && refused !== undefined ? refused : result,
      'deleting ACLs',
      () => result.matchingAcls.map(toAcl),
      altering,
    );
  });
}

/** `ALLOW User:alice READ on TOPIC LITERAL orders from *`. */
export function describeAcl(acl: Acl): string {
  const { permission, principal, operation, resourceType, patternType, resourceName, host } = acl;
  return `${permission} ${principal} ${operation} on ${resourceType} ${patternType} ${resourceName} from ${host}`;
}

/** The operations in a bit field of authorized operations (KIP-430); null when the broker did not tell. */
export function authorizedOperations(bits: number): AclOperation[] | null {
  if (bits === -2_147_483_648) return null;
  return Object.entries(operations).flatMap(([name, value]) =>
    (bits >>> value) & 1 ? [name as AclOperation] : [],
  );
}

function filterInput(filter: AclFilter) {
  return {
    resourceTypeFilter: number(resourceTypes, filter.resourceType ?? 'ANY'),
    resourceNameFilter: filter.resourceName ?? null,
    patternTypeFilter: number(patternTypes, filter.patternType ?? 'ANY'),
    principalFilter: filter.principal ?? null,
    hostFilter: filter.host ?? null,
    operation: number(operations, filter.operation ?? 'ANY'),
    permissionType: number(permissions, filter.permission ?? 'ANY'),
  };
}

function toAcl(entry: {
  resourceType: number;
  resourceName: string;
  patternType: number;
  principal: string;
  host: string;
  operation: number;
  permissionType: number;
}): Acl {
  return {
    resourceType: word(resourceTypes, entry.resourceType),
    resourceName: entry.resourceName,
    patternType: word(patternTypes, entry.patternType),
    principal: entry.principal,
    host: entry.host,
    operation: word(operations, entry.operation),
    permission: word(permissions, entry.permissionType),
  };
}

function number(table: Readonly<Record<string, number>>, name: string): number {
  return table[name] ?? 0;
}

function word<Word extends string>(table: Readonly<Record<Word, number>>, value: number): Word | 'UNKNOWN' {
  for (const [name, entry] of Object.entries(table)) if (entry === value) return name as Word;
  return 'UNKNOWN';
}
