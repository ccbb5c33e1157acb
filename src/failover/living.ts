// Whether the agents of a region live, and when they heard the source of a link last: by the agents' own clocks, since
// ours may be an hour away.
import { type AgentRecord, agentBeatMs, type FleetState } from '../control/index.ts';
import type { Region } from './types.ts';

/** An agent that has not been heard for so long counts as gone, ms. */
const silentMsMax = agentBeatMs * 3;
/** Clocks that differ by more than this are worth a word, ms. */
const clockDifferenceMsMax = 60_000;

/** The clock of the fleet: the newest moment that any of its agents has told. */
function fleetNowMs({ agents }: Pick<FleetState, 'agents'>): number | null {
  const times = [...agents.values()].map(({ atMs }) => atMs);
  return times.length === 0 ? null : Math.max(...times);
}

/** Agents that were heard within the last beats, compared with the one that was heard last. */
export function livingAgents({ state }: Pick<Region, 'state'>): AgentRecord[] {
  const nowMs = state === null ? null : fleetNowMs(state);
  if (state === null || nowMs === null) return [];
  return [...state.agents.values()].filter(({ atMs }) => nowMs - atMs <= silentMsMax);
}

/** Now, by the clock of the region's agents where it is another one than ours; an agent that has just spoken tells it. */
export function clockOf({ state }: Pick<Region, 'state'>, nowMs: number): number {
  const theirs = state === null ? null : fleetNowMs(state);
  if (theirs === null) return nowMs;
  return Math.abs(nowMs - theirs) <= clockDifferenceMsMax ? Math.max(nowMs, theirs) : theirs;
}

/**
 * How long ago, ms, any living agent of the region heard the source of a link; null: none ever did. `nowMs` is ours, and
 * counts only where our clock and theirs agree.
 */
export function heardAgoMs(region: Pick<Region, 'state'>, link: string, nowMs: number): number | null {
  const heard = livingAgents(region).flatMap(({ heardAtMs, atMs }) => {
    const at = heardAtMs?.[link];
    if (at === undefined) return [];
    const theirs = Math.abs(nowMs - atMs) <= clockDifferenceMsMax ? Math.max(nowMs, atMs) : atMs;
    return [Math.max(0, theirs - at)];
  });
  return heard.length === 0 ? null : Math.min(...heard);
}

/** How far the clock of the region's agents is from ours, ms; null where it is not worth a word. */
export function clockDifferenceMs({ state }: Pick<Region, 'state'>, nowMs: number): number | null {
  const theirs = state === null ? null : fleetNowMs(state);
  if (theirs === null) return null;
  const difference = theirs - nowMs;
  // One that lags may as well be silent.
  return difference > clockDifferenceMsMax ? difference : null;
}
