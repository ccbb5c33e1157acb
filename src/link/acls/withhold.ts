// Keeping everybody but the agent from writing to a mirror. A DENY beats every ALLOW in Kafka, so a DENY for everybody
// would stop the agent, too: each principal that an ALLOW of the destination lets write gets a DENY of its own.
//
// What this can't stop is said: super users, `User:*` (whose other members have no names), the agent's own principal, and
// everybody where no rule matches the mirror and allow.everyone.if.no.acl.found is on.
import type { Acl } from '../../client/index.ts';
import { everybody, matchesName, rulesOnTopic, saysOf, topicRule, wildcard } from './rules.ts';
import type { Leniency, UnprotectedMirror } from './types.ts';

/** DENY WRITE on this mirror for everybody who has a name, could write, and is not the agent. */
export function withholdingRules(options: {
  readonly mirrorTopic: string;
  readonly destination: readonly Acl[];
  readonly own: ReadonlySet<string>;
  /** Everybody of whom we know the name; they get a DENY where `User:*` may write. */
  readonly knownPrincipals: ReadonlySet<string>;
}): Acl[] {
  const { mirrorTopic, destination, own, knownPrincipals } = options;
  const allowed = allowedToWrite(destination, mirrorTopic);
  const principals = new Set(allowed.has(everybody) ? [...allowed, ...knownPrincipals] : allowed);
  principals.delete(everybody);
  return [...principals]
    .filter((principal) => !own.has(principal))
    .sort()
    .map((principal) => topicRule(mirrorTopic, { principal, operation: 'WRITE', permission: 'DENY' }));
}

function allowedToWrite(acls: readonly Acl[], topic: string): Set<string> {
  return new Set(
    rulesOnTopic(acls, topic)
      .filter((acl) => acl.permission === 'ALLOW' && saysOf(acl, 'WRITE'))
      .map((acl) => acl.principal),
  );
}

/** Who may still write to the mirror by these rules, super users and the agent left aside. */
export function writersOf(acls: readonly Acl[], topic: string, agentPrincipal: string | null): string[] {
  const denied = new Set(
    rulesOnTopic(acls, topic)
      .filter((acl) => acl.permission === 'DENY' && acl.host === wildcard && saysOf(acl, 'WRITE'))
      .map((acl) => acl.principal),
  );
  if (denied.has(everybody)) return [];
  return [...allowedToWrite(acls, topic)]
    .filter((principal) => principal !== agentPrincipal && !denied.has(principal))
    .sort();
}

/** Null where nobody but the agent and super users may write. */
export function unprotected(options: {
  readonly mirrorTopic: string;
  readonly destination: readonly Acl[];
  readonly agentPrincipal: string | null;
  readonly leniency: Leniency;
  readonly withholdWrites: boolean;
}): UnprotectedMirror | null {
  const { mirrorTopic: topic, destination, agentPrincipal, leniency, withholdWrites } = options;
  const rules = rulesOnTopic(destination, topic);
  if (rules.length === 0 && leniency === 'on') {
    return {
      topic,
      writers: [everybody],
      reason: 'no rule matches it and allow.everyone.if.no.acl.found is on: everybody may write',
    };
  }
  if (rules.length === 0 && leniency === 'unknown') {
    return {
      topic,
      writers: [],
      reason:
        'no rule matches it, and brokers do not tell whether allow.everyone.if.no.acl.found is on; any rule on the ' +
        'topic ends the doubt',
    };
  }
  const writers = writersOf(rules, topic, agentPrincipal);
  if (writers.length === 0) return null;
  const reason = withholdWrites
    ? `${writers.join(', ')} may write${writers.includes(everybody) ? ': a DENY for everybody would stop the agent, too; give WRITE to named principals instead' : ''}`
    : `${writers.join(', ')} may write, as sync.acls.withholdWrites: false says`;
  return { topic, writers, reason };
}

/**
 * Principals that are, or could be, the agent's: a DENY for them could stop ourselves. Whoever makes rules has ALTER on
 * the cluster, so where the agent's own principal was not given it is one of those with that right, or a super user,
 * whom no DENY stops (`unknown`, see leniency.ts). Null where it could be anybody.
 */
export function ownPrincipals(
  destination: readonly Acl[],
  agentPrincipal: string | null,
  leniency: Leniency,
): ReadonlySet<string> | null {
  if (agentPrincipal !== null) return new Set([agentPrincipal]);
  if (leniency === 'unknown') return new Set();
  const onCluster = destination.filter(
    (acl) => acl.resourceType === 'CLUSTER' && matchesName(acl, 'kafka-cluster'),
  );
  const altering = onCluster.filter((acl) => acl.permission === 'ALLOW' && saysOf(acl, 'ALTER'));
  if (altering.some((acl) => acl.principal === everybody)) return null;
  if (onCluster.length === 0 && leniency === 'on') return null;
  return new Set(altering.map((acl) => acl.principal));
}
