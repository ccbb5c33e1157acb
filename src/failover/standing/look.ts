// What a region tells of itself, and which of its agents live.
//
// Times in a control topic are those of its agents' clocks. Where they agree with ours, a look is enough; where they
// don't, or no agent lives, the topic is watched for a beat: what arrives is news whatever its clock says.
import { setTimeout as pause } from 'node:timers/promises';
import { agentBeatMs, type FleetState } from '../../control/index.ts';
import type { OpenGroup } from '../types.ts';

/** Agents tell that they live every few seconds; after this long one counts as gone, ms. */
const agentAliveMs = 3 * agentBeatMs;
const beatWatchMs = agentBeatMs + 2_000;
const watchEveryMs = 200;

/** A region as the pure part needs it. */
export interface RegionLook {
  readonly name: string;
  readonly gone: string | null;
  readonly state: Pick<
    FleetState,
    'links' | 'mirrors' | 'statuses' | 'conditions' | 'agents' | 'roles' | 'moves'
  > | null;
  /** Ids of agents that live. */
  readonly living: ReadonlySet<string>;
  /** Now, by the clock of its agents, ms. */
  readonly nowMs: number;
}

export function lookAtRegions(group: OpenGroup, nowMs: () => number): Promise<RegionLook[]> {
  return Promise.all(
    Array.from(group.regions.values(), async (region): Promise<RegionLook> => {
      const { name, state } = region;
      if (region.cluster === null)
        return { name, gone: region.reason, state: null, living: new Set(), nowMs: nowMs() };
      if (state === null) return { name, gone: null, state, living: new Set(), nowMs: nowMs() };
      return { name, gone: null, state, ...(await living(state.agents, nowMs)) };
    }),
  );
}

async function living(
  agents: FleetState['agents'],
  nowMs: () => number,
): Promise<Pick<RegionLook, 'living' | 'nowMs'>> {
  const before = new Map(Array.from(agents, ([id, { atMs }]) => [id, atMs]));
  if (before.size === 0) return { living: new Set(), nowMs: nowMs() };
  const isFresh = (atMs: number): boolean => Math.abs(nowMs() - atMs) <= agentAliveMs;
  if ([...before.values()].every(isFresh)) return { living: new Set(before.keys()), nowMs: nowMs() };
  const beating = (): string[] =>
    Array.from(agents.values()).flatMap(({ id, atMs }) => (atMs !== before.get(id) ? [id] : []));
  const deadlineMs = performance.now() + beatWatchMs;
  while (performance.now() < deadlineMs && beating().length < before.size) await pause(watchEveryMs);
  const alive = new Set(beating());
  const newestAtMs = Math.max(...Array.from(agents.values(), ({ atMs }) => atMs));
  // An agent that has just spoken tells what time it is there.
  return { living: alive, nowMs: alive.size > 0 && !isFresh(newestAtMs) ? newestAtMs : nowMs() };
}
