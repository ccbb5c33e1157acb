// The replication group that a command is about, with its regions as they can be reached now.
import { groupNamed, type OpenGroup, type OpenGroupOptions, openGroup } from '../../failover/index.ts';
import type { ReplicationGroupConfig } from '../../topology/index.ts';
import { person } from '../fleet/fleet.ts';
import { loadFile } from '../load-file.ts';
import type { CommandContext } from '../program.ts';

export interface OpenedGroupOptions extends Pick<OpenGroupOptions, 'patienceMs'> {
  /** Of the file; may be left out where it has one. */
  readonly name: string | undefined;
  /** Asked before anything is reached; throws where the command makes no sense for this group. */
  check?(config: ReplicationGroupConfig): void;
}

/** @throws LockstepError for a file that can't be used, or has no such group. */
export async function openedGroup(
  file: string,
  { name, check, patienceMs }: OpenedGroupOptions,
  context: CommandContext,
): Promise<OpenGroup> {
  const topology = await loadFile(file, context);
  const config = groupNamed(topology, name);
  check?.(config);
  return openGroup(topology, config, {
    by: person(),
    onWarning: (text) => context.output.message(`lockstep: warning: ${text}`),
    ...(patienceMs !== undefined && { patienceMs }),
  });
}
