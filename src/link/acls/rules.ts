// What ACLs say, as Kafka's StandardAuthorizer reads them (Kafka 4.3.1, StandardAuthorizerData.findResult): which
// resources a rule matches, which actions it allows or denies, and whether two rules speak of the same thing.
//
// Patterns are nested or disjoint: LITERAL x lies in PREFIXED p where x begins with p, PREFIXED pq lies in PREFIXED p,
// and everything lies in LITERAL `*`. So two that overlap have a narrower one, which is what they have in common.
import { createHash } from 'node:crypto';
import type { Acl, AclOperation } from '../../client/index.ts';

/** Matches every principal, and is the only principal that does. */
export const everybody = 'User:*';
export const wildcard = '*';

export type Pattern = Pick<Acl, 'resourceType' | 'resourceName' | 'patternType'>;

/** The same for the same rule, whatever its names hold; as a key of the store. */
export function ruleKey(acl: Acl): string {
  const { permission, principal, host, operation, resourceType, patternType, resourceName } = acl;
  const parts = [resourceType, patternType, resourceName, permission, principal, host, operation];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

export function byKey(acls: readonly Acl[]): Map<string, Acl> {
  return new Map(acls.map((acl) => [ruleKey(acl), acl]));
}

/** Whether every word of the rule is one that we know, so that it can be created elsewhere. */
export function isKnown(acl: Acl): boolean {
  const words = [acl.resourceType, acl.patternType, acl.operation, acl.permission];
  return !words.some((word) => word === 'UNKNOWN' || word === 'ANY' || word === 'MATCH');
}

/** Whether the pattern matches the resource of this name. */
export function matchesName(pattern: Pick<Pattern, 'patternType' | 'resourceName'>, name: string): boolean {
  if (pattern.patternType === 'PREFIXED') return name.startsWith(pattern.resourceName);
  return pattern.resourceName === wildcard || pattern.resourceName === name;
}

/** Whether every resource of `inner` is one of `outer`. */
export function containsPattern(outer: Pattern, inner: Pattern): boolean {
  if (outer.resourceType !== inner.resourceType) return false;
  if (outer.patternType === 'LITERAL') {
    if (outer.resourceName === wildcard) return true;
    return inner.patternType === 'LITERAL' && inner.resourceName === outer.resourceName;
  }
  // A prefix of `*` is no `*`: a wildcard lies in no prefix.
  if (inner.patternType === 'LITERAL' && inner.resourceName === wildcard) return false;
  return inner.resourceName.startsWith(outer.resourceName);
}

/** What two patterns have in common: the narrower of them; null where they have nothing. */
export function commonPattern(a: Pattern, b: Pattern): Pattern | null {
  if (containsPattern(a, b)) return b;
  return containsPattern(b, a) ? a : null;
}

/** Operations that an ALLOW gives besides its own. */
const impliedBy: Readonly<Partial<Record<AclOperation, readonly AclOperation[]>>> = {
  DESCRIBE: ['READ', 'WRITE', 'DELETE', 'ALTER'],
  DESCRIBE_CONFIGS: ['ALTER_CONFIGS'],
};

/** Whether the rule says anything, allow or deny, about the action. */
export function saysOf(acl: Pick<Acl, 'operation' | 'permission'>, action: AclOperation): boolean {
  if (acl.operation === 'ALL' || acl.operation === action) return true;
  return acl.permission === 'ALLOW' && (impliedBy[action]?.includes(acl.operation) ?? false);
}

const actions: readonly AclOperation[] = [
  'READ',
  'WRITE',
  'CREATE',
  'DELETE',
  'ALTER',
  'DESCRIBE',
  'CLUSTER_ACTION',
  'DESCRIBE_CONFIGS',
  'ALTER_CONFIGS',
  'IDEMPOTENT_WRITE',
  'CREATE_TOKENS',
  'DESCRIBE_TOKENS',
  'TWO_PHASE_COMMIT',
];

export function commonHost(a: string, b: string): string | null {
  if (a === wildcard || a === b) return b;
  return b === wildcard ? a : null;
}

/** Whether the deny takes something from the allow, their principals left aside. */
export function takesFrom(deny: Acl, allow: Acl): boolean {
  return (
    commonPattern(deny, allow) !== null &&
    commonHost(deny.host, allow.host) !== null &&
    actions.some((action) => saysOf(deny, action) && saysOf(allow, action))
  );
}

/** Whether the deny leaves nothing of the allow, their principals left aside. */
export function takesAll(deny: Acl, allow: Acl): boolean {
  return (
    containsPattern(deny, allow) &&
    (deny.host === wildcard || deny.host === allow.host) &&
    actions.every((action) => !saysOf(allow, action) || saysOf(deny, action))
  );
}

export const isDeny = (acl: Acl): boolean => acl.permission === 'DENY';

/** Whether some principal is meant by both. */
export function sharePrincipal(a: string, b: string): boolean {
  return a === b || a === everybody || b === everybody;
}

export function topicRule(topic: string, rule: Pick<Acl, 'principal' | 'operation' | 'permission'>): Acl {
  return { resourceType: 'TOPIC', resourceName: topic, patternType: 'LITERAL', host: wildcard, ...rule };
}

/** Rules that match the topic, of whatever principal and operation. The list is indexed once, so it may not change. */
export function rulesOnTopic(acls: readonly Acl[], topic: string): readonly Acl[] {
  let index = topicIndexes.get(acls);
  if (index === undefined) {
    const ofTopics = acls.filter((acl) => acl.resourceType === 'TOPIC');
    const isNamed = (acl: Acl) => acl.patternType === 'LITERAL' && acl.resourceName !== wildcard;
    index = {
      named: Map.groupBy(ofTopics.filter(isNamed), (acl) => acl.resourceName),
      wide: ofTopics.filter((acl) => !isNamed(acl)),
    };
    topicIndexes.set(acls, index);
  }
  return [...(index.named.get(topic) ?? []), ...index.wide.filter((acl) => matchesName(acl, topic))];
}

/** A thousand mirrors and thousands of rules must not cost a pass over all rules for each mirror. */
const topicIndexes = new WeakMap<
  readonly Acl[],
  { readonly named: ReadonlyMap<string, readonly Acl[]>; readonly wide: readonly Acl[] }
>();
