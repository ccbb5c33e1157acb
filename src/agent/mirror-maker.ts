// What an agent that leads writes for those who read MirrorMaker 2: asked for by files and links, told in its own record.
import type { BeatDeclaration, FleetState, ToldRecord } from '../control/index.ts';
import { mirrorStates } from '../link/index.ts';
import type { CheckpointStatus, HeartbeatStatus } from '../link/mirror-maker/index.ts';

/** Agents tell that they live every few seconds; after this long, ms, one counts as gone, and what it asked for with it. */
const agentAliveMs = 15_000;

/** Heartbeats that the files of living agents ask for. */
export function beatsAsked(state: Pick<FleetState, 'agents'>, nowMs: number): BeatDeclaration[] {
  return [...state.agents.values()]
    .filter(({ atMs }) => nowMs - atMs <= agentAliveMs)
    .flatMap(({ heartbeats = [] }) => heartbeats);
}

/** The link that copies into a topic of this name at the destination; null: none. */
export function mirroredFrom(state: Pick<FleetState, 'mirrors'>, mirrorTopic: string): string | null {
  for (const mirror of state.mirrors.values())
    if (mirror.mirrorTopic === mirrorTopic && mirrorStates[mirror.state].isCopied) return mirror.link;
  return null;
}

/** What the leading agent tells of itself. */
export function toldOf(
  heartbeats: readonly HeartbeatStatus[],
  checkpoints: readonly { readonly link: string; readonly status: CheckpointStatus }[],
): ToldRecord[] {
  return [
    ...heartbeats.map((status) => ({ kind: 'heartbeats' as const, ...status })),
    ...checkpoints.map(({ link, status }) => ({ kind: 'checkpoints' as const, link, ...status })),
  ];
}
