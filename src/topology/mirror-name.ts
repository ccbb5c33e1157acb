// What a topic is called on the other side of a link. Everybody asks here: `prefix` alone does not say it.
import { replicationPolicyOf } from './replication-policy.ts';
import type { LinkConfig } from './types.ts';

type NamedLink = Pick<LinkConfig, 'prefix' | 'mirrorMaker'>;

/** The mirror's name for a topic of the source. */
export function mirrorNameOf({ prefix, mirrorMaker }: NamedLink, topic: string): string {
  if (mirrorMaker?.policy === 'identity')
    return replicationPolicyOf(mirrorMaker).formatRemoteTopic(mirrorMaker.sourceAlias, topic);
  return `${prefix}${topic}`;
}

/** The topic of the source whose mirror has this name; null where no topic's would. */
export function sourceNameOf(link: NamedLink, mirrorTopic: string): string | null {
  const { prefix, mirrorMaker } = link;
  // Under Identity most names stay, and those of heartbeats get the alias.
  const candidates =
    mirrorMaker?.policy === 'identity'
      ? [withoutPrefix(mirrorTopic, `${mirrorMaker.sourceAlias}${mirrorMaker.separator}`), mirrorTopic]
      : [withoutPrefix(mirrorTopic, prefix)];
  return candidates.find((topic) => topic !== null && mirrorNameOf(link, topic) === mirrorTopic) ?? null;
}

function withoutPrefix(topic: string, prefix: string): string | null {
  return topic.startsWith(prefix) && topic.length > prefix.length ? topic.slice(prefix.length) : null;
}
