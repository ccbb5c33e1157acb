// What a topic is called on the other side of a link. Everybody asks here: `prefix` alone does not say it.
import type { LinkConfig } from './types.ts';

type NamedLink = Pick<LinkConfig, 'prefix' | 'mirrorMaker'>;

/** The mirror's name for a topic of the source. */
export function mirrorNameOf(link: NamedLink, topic: string): string {
  return `${link.prefix}${topic}`;
}

/** The topic of the source whose mirror has this name; null where no topic's would. */
export function sourceNameOf(link: NamedLink, mirrorTopic: string): string | null {
  const { prefix } = link;
  const isMirror = mirrorTopic.startsWith(prefix) && mirrorTopic.length > prefix.length;
  return isMirror ? mirrorTopic.slice(prefix.length) : null;
}
