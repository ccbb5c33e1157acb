// What a link takes: topics, consumer groups and the principals of ACLs.
//
// Internal topics are taken only when named literally: those that start with `__` (Kafka's own, and ours), and
// MirrorMaker's bookkeeping (`mm2-configs.a.internal`, `a.checkpoints.internal`). A link that keeps to MirrorMaker 2
// (`mirrorMaker:`) has its rule instead: see `matchesAsMirrorMaker`.
import { checkFilterItem, compileFilter, type Filter, literalName, type NameKind } from './filter.ts';
import type { Problem } from './problems.ts';
import { isCycle, replicationPolicyOf } from './replication-policy.ts';
import { isInternalTopic, isNeverMirrored } from './topic-name.ts';
import type { AclSyncConfig, LinkConfig, MirrorMakerConfig } from './types.ts';

type TopicFilter = Pick<LinkConfig, 'topics' | 'excludeTopics'> & Partial<Pick<LinkConfig, 'mirrorMaker'>>;

/**
 * Whether the link takes a topic of this name. `excludeTopics` wins; then a literal name; then prefixes and regular
 * expressions, unless the topic is internal.
 */
export function matchesTopic(link: TopicFilter, name: string): boolean {
  const taken = compiled(link, 'topic', link.topics, link.excludeTopics)(name);
  if (link.mirrorMaker) return matchesAsMirrorMaker(link.mirrorMaker, name, taken !== null);
  return taken === 'literal' || (taken === 'pattern' && !isInternalTopic(name));
}

/**
 * As MirrorSourceConnector.shouldReplicateTopic: heartbeats whatever the lists say, internal topics never, and never a
 * topic back to the cluster that it came from.
 */
function matchesAsMirrorMaker(mirrorMaker: MirrorMakerConfig, name: string, isListed: boolean): boolean {
  const { isHeartbeatsTopic, isInternalTopic: isInternal } = replicationPolicyOf(mirrorMaker);
  const isWanted = isListed || (mirrorMaker.mirrorsHeartbeats && isHeartbeatsTopic(name));
  return isWanted && !isInternal(name) && !isCycle(mirrorMaker, name);
}

/** Whether the positions of a consumer group of this name travel along. */
export function matchesGroup(link: Pick<LinkConfig, 'groups' | 'excludeGroups'>, name: string): boolean {
  return compiled(link, 'group', link.groups, link.excludeGroups)(name) !== null;
}

/** Whether the ACLs of a principal (`User:app`) are copied. */
export function matchesPrincipal(
  acls: Pick<AclSyncConfig, 'principals' | 'excludePrincipals'>,
  principal: string,
): boolean {
  return compiled(acls, 'principal', acls.principals, acls.excludePrincipals)(principal) !== null;
}

/** Names that the link's `topics` gives literally: those a person expects to exist. */
export function literalTopics(link: Pick<LinkConfig, 'topics'>): string[] {
  return link.topics.flatMap((item) => literalName(item, 'topic') ?? []);
}

/** What is wrong with an item of one of a link's lists, if anything. */
export function checkLinkItem(item: string, kind: NameKind): Problem | undefined {
  const name = literalName(item, kind);
  if (kind === 'topic' && name !== undefined && isNeverMirrored(name)) {
    return {
      found: JSON.stringify(item),
      expected: "a topic that does not belong to one cluster's brokers: this one can't be mirrored",
    };
  }
  return checkFilterItem(item, kind);
}

/** Compiled once per configuration and kind: a metadata refresh asks for thousands of topics. */
const filters: Readonly<Record<NameKind, WeakMap<object, Filter>>> = {
  topic: new WeakMap(),
  group: new WeakMap(),
  principal: new WeakMap(),
};

function compiled(
  owner: object,
  kind: NameKind,
  include: readonly string[],
  exclude: readonly string[],
): Filter {
  let filter = filters[kind].get(owner);
  if (filter === undefined) {
    filter = compileFilter({ include, exclude }, kind);
    filters[kind].set(owner, filter);
  }
  return filter;
}
