// The links of a file that a process is to run.
import { LockstepError } from '../errors.ts';
import type { HeartbeatFlow, LinkConfig, Topology } from '../topology/index.ts';

/**
 * The named one, or all: none where the file asks for heartbeats alone.
 * @throws LockstepError CONFIG_INVALID where there is nothing to run, USAGE for an unknown name.
 */
export function chosenLinks(topology: Topology, name: string | undefined): LinkConfig[] {
  const links = Object.values(topology.links);
  if (name === undefined) {
    if (links.length > 0 || topology.heartbeats.length > 0) return links;
    throw new LockstepError('CONFIG_INVALID', `${topology.file}: no link is declared; add one under links:`);
  }
  const link = links.find((candidate) => candidate.name === name);
  if (link !== undefined) return [link];
  const known = links.map((candidate) => candidate.name).join(', ');
  throw new LockstepError('USAGE', `there is no link ${name} in ${topology.file}; there are: ${known}`);
}

/** Heartbeats of the file; with a link named, those into its destination. */
export function chosenHeartbeats(topology: Topology, name: string | undefined): readonly HeartbeatFlow[] {
  if (name === undefined) return topology.heartbeats;
  const [link] = chosenLinks(topology, name);
  return topology.heartbeats.filter(({ destination }) => destination === link?.destination);
}
