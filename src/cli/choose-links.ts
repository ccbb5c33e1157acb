// `--link L` and `--topic T`: a name that the file does not have is answered with what it has.
import { LockstepError } from '../errors.ts';
import { type LinkConfig, matchesTopic, nearestName, type Topology } from '../topology/index.ts';

/**
 * The links that a command is about: the named one, or all.
 * @throws LockstepError USAGE for an unknown name, or when the file has no link.
 */
export function chooseLinks(topology: Topology, name: string | undefined): LinkConfig[] {
  const names = Object.keys(topology.links);
  if (names.length === 0)
    throw new LockstepError('USAGE', `${topology.file} has no links; add one under links:`);
  if (name === undefined) return Object.values(topology.links);
  const link = Object.hasOwn(topology.links, name) ? topology.links[name] : undefined;
  if (link !== undefined) return [link];
  const meant = nearestName(name, names);
  const hint = meant === undefined ? `it has ${names.join(', ')}` : `did you mean ${meant}?`;
  throw new LockstepError('USAGE', `${topology.file} has no link ${name}; ${hint}`);
}

/**
 * The links that take this topic; all of them when none is named.
 * @throws LockstepError USAGE when none takes it.
 */
export function linksOfTopic(links: readonly LinkConfig[], topic: string | undefined): LinkConfig[] {
  if (topic === undefined) return [...links];
  const taking = links.filter((link) => matchesTopic(link, topic));
  if (taking.length > 0) return taking;
  const names = links.map((link) => link.name).join(', ');
  throw new LockstepError(
    'USAGE',
    `no topic of ${names} is called ${topic}: it is not in topics, or is excluded`,
  );
}
