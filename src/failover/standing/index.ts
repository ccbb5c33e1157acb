// How a replication group stands, and what a failover now would lose.
import type { OpenGroup } from '../types.ts';
import { findNeverMirrored } from './alone.ts';
import { findSplitBrains } from './growth.ts';
import { lookAtRegions } from './look.ts';
import { standingOf } from './standing.ts';
import type { GroupStanding } from './types.ts';

export { some } from './problems.ts';
export type { GroupStanding, KnownLoss, LinkStanding, PrimarySince } from './types.ts';

/** Looks at all regions that answer. Changes nothing. */
export async function lookAtGroup(group: OpenGroup, nowMs: () => number = Date.now): Promise<GroupStanding> {
  const { config, topology } = group;
  const roles = group.roles();
  const [regions, { splitBrains, unseen }, alone] = await Promise.all([
    lookAtRegions(group, nowMs),
    findSplitBrains(group, roles),
    findNeverMirrored(group, roles),
  ]);
  const links = config.links.map((name) => topology.links[name]!);
  const input = { group: config, links, roles, regions, splitBrains, atMs: nowMs(), file: topology.file };
  const standing = standingOf(input);
  return { ...standing, problems: [...standing.problems, ...alone, ...unseen] };
}
