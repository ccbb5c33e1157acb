// Agents that are frozen in the middle of their work (SIGSTOP), as by a paused virtual machine: for less than their session
// nothing happens; for longer others take over, and the one that wakes learns of it and stops. What it had under way
// then does no harm.
import { expect, test } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import type { ChildAgent } from './child-agents.ts';
import { say, useLoadedFleet } from './loaded-fleet.ts';

const loaded = useLoadedFleet();
/** The default of agents, ms. */
const sessionTimeoutMs = 10_000;
const heartbeatIntervalMs = 300;

const hasLost = ({ notice = '' }: { notice?: string }): boolean => notice.includes('lost its place in group');

/** Freezes an agent until others copy what it had; wakes it, and waits until it knows. */
async function outsleep(frozen: ChildAgent): Promise<{ learnedMs: number; endedMs: number }> {
  const held = new Set(frozen.copies);
  const frozenAtMs = Date.now();
  frozen.signal('SIGSTOP');
  const others = loaded.agents.running.filter((agent) => agent !== frozen);
  const began = (key: string): boolean =>
    others.some(
      (agent) => agent.when(frozenAtMs, (line) => line.began?.includes(key) === true) !== undefined,
    );
  await waitFor(() => [...held].every(began), { deadlineMs: 60_000, describe: 'others to take over' });
  const tookMs = Date.now() - frozenAtMs;
  say(`${frozen.id}, frozen with ${held.size} partitions: others copied all of them ${tookMs} ms later`);
  expect(tookMs).toBeLessThan(sessionTimeoutMs + 8_000);
  // Others have written behind what it holds in memory and in its sockets.
  await loaded.untilCaughtUp();
  const wokenAtMs = Date.now();
  frozen.signal('SIGCONT');
  const learnedAtMs = await waitFor(() => frozen.when(wokenAtMs, hasLost), {
    deadlineMs: 20_000,
    describe: () => `${frozen.id} to learn that it lost its work: ${frozen.notices.join('\n')}`,
  });
  const endedOf = (key: string) => frozen.when(wokenAtMs, (line) => line.ended?.includes(key) === true);
  await waitFor(() => [...held].every((key) => endedOf(key) !== undefined), {
    deadlineMs: 40_000,
    describe: () => `${frozen.id} to stop ${[...held].join(', ')}`,
  });
  const endedMs = Math.max(...Array.from(held, (key) => endedOf(key)!)) - wokenAtMs;
  return { learnedMs: learnedAtMs - wokenAtMs, endedMs };
}

test('frozen for less than a session: nothing moves, and it goes on', async () => {
  const { agents } = loaded;
  const before = new Map(agents.owners);
  const [frozen] = agents.running;
  const sinceMs = Date.now();
  frozen!.signal('SIGSTOP');
  await waitFor(() => loaded.lag.behindMs > sessionTimeoutMs / 2, {
    deadlineMs: 20_000,
    describe: 'what it copies to be behind',
  });
  frozen!.signal('SIGCONT');
  const frozenMs = Date.now() - sinceMs;
  expect(frozenMs).toBeLessThan(sessionTimeoutMs);
  await loaded.untilCaughtUp();
  say(`frozen for ${frozenMs} ms; caught up ${Date.now() - sinceMs - frozenMs} ms after it woke`);
  expect(agents.owners).toEqual(before);
  expect(frozen!.notices.filter((notice) => hasLost({ notice }))).toEqual([]);
  await loaded.expectIdentical();
});

test('frozen past its session: it learns that within a heartbeat, stops, and does no harm', async () => {
  const { agents } = loaded;
  const frozen = agents.running.find(({ isLeader }) => !isLeader)!;
  const { learnedMs, endedMs } = await outsleep(frozen);
  say(`it knew ${learnedMs} ms after it woke, and had stopped after ${endedMs} ms`);
  // One heartbeat, and what a loaded machine adds to it.
  expect(learnedMs).toBeLessThan(heartbeatIntervalMs + 1_000);
  await agents.sharedOut(loaded.partitionCount);
  await loaded.expectIdentical();
});

test('the same with the agent that leads: another leads, and what it writes stands', async () => {
  const { agents, fleet } = loaded;
  const leading = await waitFor(() => agents.running.find(({ isLeader }) => isLeader), {
    deadlineMs: 30_000,
    describe: 'one to lead',
  });
  const { learnedMs, endedMs } = await outsleep(leading);
  say(`it knew ${learnedMs} ms after it woke, and had stopped after ${endedMs} ms`);
  expect(learnedMs).toBeLessThan(heartbeatIntervalMs + 1_000);
  await waitFor(() => agents.running.filter(({ isLeader }) => isLeader).length === 1, {
    deadlineMs: 30_000,
    describe: 'exactly one to lead',
  });
  const answer = await fleet.done({ do: 'pauseMirrors', link: 'us-to-eu', topics: [loaded.topics[0]!] });
  expect(answer.changes).toMatchObject([{ action: 'pause' }]);
  await fleet.done({ do: 'resumeMirrors', link: 'us-to-eu', topics: null });
  await agents.sharedOut(loaded.partitionCount);
  await loaded.expectIdentical();
});
