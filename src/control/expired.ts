// What the leader may remove from the control topic, so that it stays as small as what is alive.
import type { FleetState } from './fleet-state.ts';
import { agentKey, answerKey, commandKey, mirrorKey } from './keys.ts';

/** How long an answer can still be read by whoever asked, ms. */
export const answerKeptMs = 10 * 60_000;
/** An agent that has not written for so long is gone; longer than clocks are apart, ms. */
export const agentKeptMs = 5 * 60_000;

/** Keys to be removed: answers and their commands, agents that are gone, statuses of what is no mirror any more. */
export function expired(state: FleetState, nowMs: number): string[] {
  const keys: string[] = [];
  for (const { id, state: progress, atMs } of state.answers.values()) {
    if (progress === 'working' && state.commands.has(id)) continue;
    if (nowMs - atMs <= answerKeptMs) continue;
    keys.push(answerKey(id));
    if (state.commands.has(id)) keys.push(commandKey(id));
  }
  for (const { id, deadlineMs } of state.commands.values()) {
    if (!state.answers.has(id) && nowMs - deadlineMs > answerKeptMs) keys.push(commandKey(id));
  }
  for (const { id, atMs } of state.agents.values()) {
    if (nowMs - atMs > agentKeptMs) keys.push(agentKey(id));
  }
  for (const name of state.statuses.keys()) {
    const [link, sourceTopic, partition] = name.split('/') as [string, string, string];
    const mirror = state.mirrors.get(`${link}/${sourceTopic}`);
    const isMirrored =
      mirror === undefined
        ? state.foreign.has(mirrorKey({ link, sourceTopic }))
        : Number(partition) < mirror.partitionCount;
    if (!isMirrored) keys.push(`status/${name}`);
  }
  return keys;
}
