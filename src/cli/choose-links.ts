// `--link L`, `--clusters C` and `--topic T`: a name that the file does not have is answered with what it has.
import { LockstepError } from '../errors.ts';
import { type LinkConfig, matchesTopic, nearestName, type Topology } from '../topology/index.ts';

/**
 * The links that a command is about: the named one, or all.
 * @throws LockstepError USAGE for an unknown name, or when the file has no link.
 */
export function chooseLinks(topology: Topology, name: string | undefined): LinkConfig[] {
  const names = Object.keys(topology.links);
  if (names.length === 0) throw new LockstepError('USAGE', withoutLinks(topology));
  if (name === undefined) return Object.values(topology.links);
  const link = Object.hasOwn(topology.links, name) ? topology.links[name] : undefined;
  if (link !== undefined) return [link];
  const meant = nearestName(name, names);
  const hint = meant === undefined ? `it has ${names.join(', ')}` : `did you mean ${meant}?`;
  throw new LockstepError('USAGE', `${topology.file} has no link ${name}; ${hint}`);
}

/** A file of MirrorMaker 2 has links when a flow is enabled. */
function withoutLinks({ file, notes, clusters }: Topology): string {
  if (notes === undefined) return `${file} has no links; add one under links:`;
  if (!notes.some((note) => note.includes('->'))) return `${file} enables no flow`;
  const [source = 'A', target = 'B'] = Object.keys(clusters);
  return `${file} enables no flow; add the line \`${source}->${target}.enabled = true\`, for example`;
}

/**
 * What of the file ends in these clusters: what one node of several does. All of it without names.
 * @throws LockstepError USAGE for an unknown name, or where nothing ends there.
 */
export function inClusters(topology: Topology, names: readonly string[] | undefined): Topology {
  if (names === undefined) return topology;
  const known = Object.keys(topology.clusters);
  for (const name of names) {
    if (known.includes(name)) continue;
    const meant = nearestName(name, known);
    const hint = meant === undefined ? `it has ${known.join(', ')}` : `did you mean ${meant}?`;
    throw new LockstepError('USAGE', `${topology.file} has no cluster ${name}; ${hint}`);
  }
  const endsThere = ({ destination }: { destination: string }): boolean => names.includes(destination);
  const links = Object.fromEntries(Object.entries(topology.links).filter(([, link]) => endsThere(link)));
  const heartbeats = topology.heartbeats.filter(endsThere);
  if (Object.keys(links).length === 0 && heartbeats.length === 0)
    throw new LockstepError('USAGE', `nothing of ${topology.file} ends in ${names.join(', ')}`);
  return { ...topology, links, heartbeats };
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
