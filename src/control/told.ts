// What a fleet tells MirrorMaker 2's readers about one link, as its leading agent says in its own record.
import type { AgentRecord, LinkRecord, ToldRecord } from './records/index.ts';

/** Agents tell that they live every few seconds; after this long, ms, one counts as gone. */
const agentAliveMs = 15_000;

/**
 * The checkpoints of the link, and heartbeats between its two ends; empty where the link keeps to nothing of MirrorMaker 2.
 * Null: nobody knows, since no agent leads.
 */
export function toldAbout(
  agents: Iterable<AgentRecord>,
  { name, source, destination, config }: Pick<LinkRecord, 'name' | 'source' | 'destination' | 'config'>,
  nowMs: number,
): readonly ToldRecord[] | null {
  const mirrorMaker = config.mirrorMaker;
  if (typeof mirrorMaker !== 'object' || mirrorMaker === null) return [];
  const aliases = mirrorMaker as { readonly sourceAlias?: unknown; readonly destinationAlias?: unknown };
  const sourceAlias = aliases.sourceAlias ?? source.name;
  const destinationAlias = aliases.destinationAlias ?? destination;
  // One that was killed has said last that it leads, and another one has followed since.
  const [leader] = [...agents]
    .filter(({ isLeader, atMs }) => isLeader && nowMs - atMs <= agentAliveMs)
    .sort((a, b) => b.atMs - a.atMs);
  if (leader === undefined) return null;
  return (leader.told ?? []).filter((told) =>
    told.kind === 'checkpoints'
      ? told.link === name
      : told.sourceAlias === sourceAlias && told.destinationAlias === destinationAlias,
  );
}
