// Stopping producers by ACLs: DENY WRITE on the moved topics at the old primary, for everybody whom an ALLOW lets write
// and who is not the agent. What is made is written down before, so that exactly that is taken away again.
import {
  type Acl,
  type ClusterConfig,
  createAcls,
  deleteAcls,
  describeAcl,
  describeAcls,
  unwrap,
} from '../../client/index.ts';
import type { FleetState, MoveRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { agentPrincipalOf, ownPrincipals, ruleKey, withholdingRules } from '../../link/acls/index.ts';
import { within } from '../../patience.ts';
import { MoveLog, thisProcess } from '../move-log.ts';
import type { MoveContext, OpenRegion } from '../types.ts';
import { waitUntil } from '../wait-until.ts';

/** Kafka's SECURITY_DISABLED: no authorizer runs. */
const securityDisabled = 54;
const shownMsMax = 10_000;
const noteMsMax = 3_000;

/** What clients do when they are denied; told before. */
export const clientWords: readonly string[] = [
  'a denial is no pause; what a producer does when it comes (TOPIC_AUTHORIZATION_FAILED):',
  '  Java: send() fails with TopicAuthorizationException, which is not retried; a transaction has to be aborted and begun again',
  '  librdkafka (kcat, Python, Go, .NET): the message is dropped, with an error in its delivery report',
  '  who ignores these errors loses what it sent meanwhile; stop producers in order wherever you can',
];

/**
 * The rules that would stop everybody, of those that do not stand yet; null where no authorizer runs.
 * @throws LockstepError where nobody can tell whom they would hit
 */
export async function wantedDenials(
  { cluster, config, state, name }: OpenRegion,
  topics: readonly string[],
): Promise<Acl[] | null> {
  let acls: Acl[];
  try {
    acls = await describeAcls(cluster);
  } catch (error) {
    if (error instanceof LockstepError && error.detail.number === securityDisabled) return null;
    throw error;
  }
  const own = agentsAmong(acls, told(state, config));
  if (own === null)
    throw new LockstepError(
      'NOT_AUTHORIZED',
      `region ${name}: which principal is the agents' own can't be told, so nobody is denied; stop the producers by hand`,
    );
  const knownPrincipals = new Set(acls.map(({ principal }) => principal));
  const standing = new Set(acls.map(ruleKey));
  return topics
    .flatMap((mirrorTopic) => withholdingRules({ mirrorTopic, destination: acls, own, knownPrincipals }))
    .filter((acl) => !standing.has(ruleKey(acl)));
}

/** Whom the agents of a region are there, as they tell. Those of former versions don't: they log in as the file says, mostly. */
function told(state: FleetState | null, config: ClusterConfig): readonly (string | null)[] {
  const agents = [...(state?.agents.values() ?? [])];
  if (agents.length === 0) return [agentPrincipalOf(config)];
  return agents.map(({ principal }) => (principal === undefined ? agentPrincipalOf(config) : principal));
}

/** Null where one of them could be anybody. */
function agentsAmong(
  acls: readonly Acl[],
  principals: readonly (string | null)[],
): ReadonlySet<string> | null {
  const own = principals.map((principal) => ownPrincipals(acls, principal, 'off'));
  return own.some((some) => some === null) ? null : new Set(own.flatMap((some) => [...some!]));
}

/** Resolves when every broker knows them. */
export async function makeDenials(
  { cluster, name }: OpenRegion,
  denials: readonly Acl[],
  signal: AbortSignal,
): Promise<void> {
  if (denials.length === 0) return;
  for (const outcome of await createAcls(cluster, denials)) unwrap(outcome);
  const isKnownTo = async (broker: number): Promise<boolean> => {
    const filter = { resourceType: 'TOPIC', operation: 'WRITE', permission: 'DENY' } as const;
    const known = new Set((await describeAcls(cluster, filter, { to: broker })).map(ruleKey));
    return denials.every((acl) => known.has(ruleKey(acl)));
  };
  const areKnown = async (): Promise<boolean> =>
    (await Promise.all(cluster.brokers.map(({ id }) => isKnownTo(id)))).every((isKnown) => isKnown);
  if (await waitUntil(areKnown, { patienceMs: shownMsMax, everyMs: 30, signal })) return;
  throw new LockstepError(
    'KAFKA_ERROR',
    `region ${name}: not every broker knows ${describeAcl(denials[0]!)} yet`,
  );
}

/**
 * Denials like these that stand at a region and are its owner's: neither this move's nor those of a keeper, which
 * withholds WRITE there. Their keys.
 */
export async function ownersDenials(
  { cluster, state }: OpenRegion,
  denials: readonly Acl[],
  links: readonly string[],
): Promise<string[]> {
  const isKeepers = (key: string): boolean =>
    links.some((link) => state?.get(`acl/${link}/rule/${key}`) !== undefined);
  const wanted = new Set(denials.map(ruleKey));
  const standing = await describeAcls(cluster, {
    resourceType: 'TOPIC',
    operation: 'WRITE',
    permission: 'DENY',
  });
  return standing.map(ruleKey).filter((key) => wanted.has(key) && !isKeepers(key));
}

/**
 * A link that copies ACLs has brought the denials of the old primary over, and gives them with all others when its
 * mirrors are promoted: they are taken away where writes are wanted now. @returns how many there were
 */
export async function liftCopiedDenials({ cluster }: OpenRegion, move: MoveRecord): Promise<number> {
  const owners = new Set((move.facts.ownersDenials ?? []) as readonly string[]);
  const wanted = new Set(
    denialsOf(move)
      .map(ruleKey)
      .filter((key) => !owners.has(key)),
  );
  if (wanted.size === 0) return 0;
  const standing = await describeAcls(cluster, {
    resourceType: 'TOPIC',
    operation: 'WRITE',
    permission: 'DENY',
  });
  const copied = standing.filter((acl) => wanted.has(ruleKey(acl)));
  if (copied.length > 0) for (const outcome of await deleteAcls(cluster, copied)) unwrap(outcome);
  return copied.length;
}

/** What a move has denied, as it was written down. */
export function denialsOf({ facts }: MoveRecord): readonly Acl[] {
  return Array.isArray(facts.denials) ? (facts.denials as Acl[]) : [];
}

/**
 * Takes the denials of a move away, but for those that the keeper of a link has made its own: it withholds WRITE on what
 * the region mirrors now.
 * @returns how many were taken away, and how many the keeper has
 */
export async function removeDenials(
  region: OpenRegion,
  denials: readonly Acl[],
  links: readonly string[],
): Promise<{ readonly removedCount: number; readonly keptCount: number }> {
  const isKept = (acl: Acl): boolean =>
    links.some((link) => region.state?.get(`acl/${link}/rule/${ruleKey(acl)}`) !== undefined);
  const ours = denials.filter((acl) => !isKept(acl));
  if (ours.length > 0) for (const outcome of await deleteAcls(region.cluster, ours)) unwrap(outcome);
  return { removedCount: ours.length, keptCount: denials.length - ours.length };
}

/**
 * Denials that a switchover away from this region has left, which was given up for a failover: the region takes writes
 * again. @returns how many there were
 */
export async function liftLeftDenials({ group, home, by, nowMs }: MoveContext): Promise<number> {
  let count = 0;
  for (const region of group.regions.values()) {
    if (region.cluster === null) continue;
    for (const move of region.state?.moves.values() ?? []) {
      const isLeft = move.group === group.config.name && move.from === home.name && move.state !== 'running';
      if (!isLeft || denialsOf(move).length === 0) continue;
      count += (await removeDenials(home, denialsOf(move), [])).removedCount;
      const log = new MoveLog(region, move, { driver: thisProcess(by), nowMs });
      // Where no agent could write it down they are taken away once more by the next move: no harm.
      await within(log.release({ facts: { denials: [] } }), noteMsMax, `writing at ${region.name}`).catch(
        (error: unknown) => {
          if (!(error instanceof LockstepError)) throw error;
        },
      );
    }
  }
  return count;
}
