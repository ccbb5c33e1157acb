// What a person has to know beside a listing.
import type { Output } from '../output/output.ts';
import type { AgentDescription } from './describe.ts';
import { formatAge } from './format.ts';

/** Values of the control topic that can't be used, and whether anybody works here at all. */
export function tellNotices(
  warnings: readonly string[],
  agents: readonly AgentDescription[],
  { output }: { readonly output: Output },
  nowMs: number,
): void {
  for (const warning of warnings) output.message(`lockstep: warning: ${warning}`);
  if (agents.some((agent) => agent.isAlive)) return;
  const lastMs = agents.reduce((latest, agent) => Math.max(latest, agent.atMs), Number.NEGATIVE_INFINITY);
  // An agent that ends cleanly leaves nothing behind.
  const heard = agents.length === 0 ? '' : ` (the last was heard ${formatAge(lastMs, nowMs)})`;
  output.message(
    `lockstep: no agent is running${heard}; shown is what was told last. Start one with: lockstep agent`,
  );
}
