// Loading a lockstep.yaml for a command: its warnings go to stderr, once.
import { loadTopology, type Topology } from '../topology/index.ts';
import type { CommandContext } from './program.ts';

/** @throws LockstepError FILE_UNREADABLE or CONFIG_INVALID */
export async function loadFile(file: string, { output, environment }: CommandContext): Promise<Topology> {
  const topology = await loadTopology(file, { environment });
  for (const warning of topology.warnings) output.message(`${warning} (warning)`);
  return topology;
}
