// Links and mirrors by the names that people type; one that is not there is answered with what was probably meant.
import type { LinkRecord, MirrorRecord } from '../../control/index.ts';
import { linkKey } from '../../control/keys.ts';
import { LockstepError } from '../../errors.ts';
import { nearestName } from '../../topology/index.ts';
import type { Fleet } from './fleet.ts';

type Known = Pick<Fleet, 'state' | 'destination'>;

/** @throws LockstepError USAGE where there is none, UNSUPPORTED_VERSION where a newer Lockstep wrote it. */
export function linkNamed({ state, destination }: Known, name: string): LinkRecord {
  const link = state.links.get(name);
  if (link !== undefined) return link;
  const version = state.foreign.get(linkKey(name));
  if (version !== undefined) {
    throw new LockstepError(
      'UNSUPPORTED_VERSION',
      `link ${name} was written by a newer Lockstep (version ${version} of its record): use that one’s command`,
    );
  }
  throw new LockstepError(
    'USAGE',
    `there is no link ${name} at ${destination}; ${hint(name, [...state.links.keys()])}`,
  );
}

/** The mirrors of a link, by topic. */
export function mirrorsOf({ state }: Pick<Known, 'state'>, link: string): MirrorRecord[] {
  return [...state.mirrors.values()]
    .filter((mirror) => mirror.link === link)
    .sort((a, b) => compare(a.sourceTopic, b.sourceTopic));
}

/**
 * The mirrors of a link that are meant: those of the named topics, or all of them.
 * @throws LockstepError USAGE for a topic without a mirror.
 */
export function mirrorsNamed(fleet: Known, link: LinkRecord, topics: readonly string[]): MirrorRecord[] {
  const mirrors = mirrorsOf(fleet, link.name);
  if (topics.length === 0) return mirrors;
  const bySource = new Map(mirrors.map((mirror) => [mirror.sourceTopic, mirror]));
  return [...new Set(topics)].map((topic) => {
    const mirror = bySource.get(topic);
    if (mirror !== undefined) return mirror;
    const prefixed = mirrors.find(({ mirrorTopic }) => mirrorTopic === topic);
    const words =
      prefixed === undefined
        ? hint(topic, [...bySource.keys()])
        : `mirrors are named as their topic at the source: ${prefixed.sourceTopic}`;
    throw new LockstepError('USAGE', `link ${link.name} has no mirror of ${topic}; ${words}`);
  });
}

/** What a command is about, as its record names it, and the mirrors that this is. @throws LockstepError USAGE */
export function chosenMirrors(
  fleet: Known,
  topics: readonly string[],
  { link, all }: { readonly link: string; readonly all?: true },
): { readonly topics: readonly string[] | null; readonly mirrors: readonly MirrorRecord[] } {
  const chosen = chosenTopics(topics, all === true);
  return { topics: chosen, mirrors: mirrorsNamed(fleet, linkNamed(fleet, link), chosen ?? []) };
}

/** `null` stands for all mirrors. @throws LockstepError USAGE unless exactly one was said. */
function chosenTopics(topics: readonly string[], isAll: boolean): readonly string[] | null {
  if (isAll && topics.length > 0) throw new LockstepError('USAGE', 'name topics, or say --all; not both');
  if (isAll) return null;
  if (topics.length === 0) throw new LockstepError('USAGE', 'which mirrors? Name their topics, or say --all');
  return [...new Set(topics)];
}

const namesShownMax = 10;

function hint(name: string, known: readonly string[]): string {
  const meant = nearestName(name, known);
  if (meant !== undefined) return `did you mean ${meant}?`;
  if (known.length === 0) return 'there is none yet';
  const shown = known.slice(0, namesShownMax).join(', ');
  return `there ${known.length === 1 ? 'is' : 'are'} ${shown}${known.length > namesShownMax ? ', ...' : ''}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
