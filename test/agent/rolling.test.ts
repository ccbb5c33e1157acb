// A fleet under a load that never rests: its agents are replaced one by one, killed, and given more to do. What people
// would notice is measured from outside: how far partitions fall behind, and how long until another agent copies them.
import { expect, test } from 'vitest';
import { Cluster, createPartitions } from '../../src/client/index.ts';
import { configOf } from '../client/support.ts';
import { waitFor } from '../support/wait-for.ts';
import { say, useLoadedFleet } from './loaded-fleet.ts';

const loaded = useLoadedFleet();
/** The default of agents, ms. */
const sessionTimeoutMs = 10_000;
/** The bound for a fleet that is rolled, ms. */
const behindMsMax = 15_000;
/** Half a second, and a second more for what has to settle; these two cores are shared with brokers, producers and other people's tests. */
const handoverMsMax = 4_000;

test('a rolling restart: each hands over, and no partition is behind for long', async () => {
  const { agents, lag, partitionCount } = loaded;
  for (const leaving of [...agents.running]) {
    const held = new Set(leaving.copies);
    expect(held.size).toBeGreaterThan(0);
    const stoppedAtMs = Date.now();
    const ended = leaving.stop();
    const took = await loaded.takenOver(held, stoppedAtMs);
    expect(await ended).toBe(0);
    const exitMs = Date.now() - stoppedAtMs;
    say(`${leaving.id} handed ${held.size} partitions over: ${took.join(', ')} ms; ended in ${exitMs} ms`);
    expect(took.at(-1)).toBeLessThan(handoverMsMax);
    await loaded.startNext();
    await agents.sharedOut(partitionCount);
  }
  await loaded.untilCaughtUp();
  const { behindMs, partition } = lag.takeLargest();
  say(`the largest lag was ${behindMs} ms (${partition}, ${lag.looks} looks)`);
  expect(behindMs).toBeLessThan(behindMsMax);
  await loaded.expectIdentical();
});

test('an agent that is killed is replaced when its session has ended', async () => {
  const { agents } = loaded;
  const [killed] = agents.running;
  const held = new Set(killed!.copies);
  const killedAtMs = Date.now();
  await killed!.kill();
  const took = await loaded.takenOver(held, killedAtMs);
  say(`${held.size} partitions were copied again ${took[0]} to ${took.at(-1)} ms after kill -9`);
  // The coordinator counts from the last heartbeat that it got.
  expect(took[0]).toBeGreaterThan(sessionTimeoutMs - 1_500);
  expect(took.at(-1)).toBeLessThan(sessionTimeoutMs + 8_000);
  await loaded.startNext();
  await agents.sharedOut(loaded.partitionCount);
  await loaded.expectIdentical();
});

test('an agent that waits for the group ends at once when it is told to', async () => {
  const { agents } = loaded;
  // A successor has to wait until the group knows that the former one is gone.
  await agents.running[0]!.kill();
  const starting = loaded.startNext().catch(() => {});
  const waiting = agents.all.at(-1)!;
  // Its first line says that it runs, the second that it goes to join.
  await waitFor(() => waiting.told.length >= 2, { deadlineMs: 20_000, describe: 'it to be on its way' });
  const stoppedAtMs = Date.now();
  expect(waiting.isReady).toBe(false);
  expect(await waiting.stop()).toBe(0);
  const tookMs = Date.now() - stoppedAtMs;
  say(`it ended within ${tookMs} ms`);
  expect(tookMs).toBeLessThan(5_000);
  await starting;
  await loaded.startNext();
  await agents.sharedOut(loaded.partitionCount);
});

test('another topic and another partition move nothing that is there', async () => {
  const { agents, regions, oracle, partitionCount, topics } = loaded;
  const before = new Map(agents.owners);
  const sinceMs = Date.now();
  const expectUndisturbed = (): void => {
    const ended = agents.running.flatMap(({ told }) =>
      told.flatMap(({ atMs, ended: keys = [] }) => (atMs >= sinceMs ? keys : [])),
    );
    expect(ended.filter((key) => before.has(key))).toEqual([]);
    for (const [key, owners] of before) expect(agents.owners.get(key), key).toEqual(owners);
  };
  const added = `added-${topics[0]}`;
  await oracle.createTopics(regions['us-east'], [{ name: added, partitions: 3 }]);
  await agents.sharedOut(partitionCount + 3);
  expectUndisturbed();
  const source = await Cluster.connect(configOf(regions['us-east']));
  const grown = await createPartitions(source, [{ topic: added, partitionCount: 5 }]);
  source.close();
  expect(grown.get(added)).toMatchObject({ ok: true });
  await agents.sharedOut(partitionCount + 5);
  expectUndisturbed();
  const counts = agents.running.map(({ copies }) => copies.size);
  say(`every partition has the owner it had; the agents have ${counts.join(', ')} partitions`);
});
