// Two agents on the same partitions where the broker guards nothing: it forgets producer ids after a second, and the
// records are three days old, so that ours are forgotten as soon as they have written (an id is as old as its newest
// batch says it is). A backlog of old records is like that at any broker, only slower.
//
// The product is not meant to run like this. What it promises even so: identical, or told, also by an agent that starts
// afterwards. Never wrong in silence.
import { expect, test } from 'vitest';
import { Cluster } from '../../src/client/index.ts';
import { configOf } from '../client/support.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { forgetful, GuardWatch } from './guard-watch.ts';
import { mirrorWithTwoAgents } from './two-agents.ts';

const dayMs = 24 * 3_600_000;
const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': { brokerConfig: forgetful } });
const oracle = useOracle();
const partitions = 4;
const faultsForMs = Number(process.env.LOCKSTEP_EXPIRED_MS ?? 12_000);
const firstSeed = Number(process.env.LOCKSTEP_EXPIRED_SEED ?? 1);
const rounds = Number(process.env.LOCKSTEP_EXPIRED_ROUNDS ?? 1);
const seeds = Array.from({ length: rounds }, (_, round) => firstSeed + round);

test.each(seeds)(
  'a mirror of two agents that nobody guards is identical, or says that it is not (seed %i)',
  async (seed) => {
    const { 'us-east': source, 'eu-west': destination } = regions;
    const [plain, transactional] = [uniqueTopic('plain'), uniqueTopic('transactional')];
    const cluster = await Cluster.connect(configOf(destination));
    await using watch = new GuardWatch(cluster, [plain, transactional], partitions);
    const { wrong, toldAfterwards, stops, ...did } = await mirrorWithTwoAgents({
      ...{ oracle, source, destination, folder: folder.path, plain, transactional, partitions },
      ...{ seed, faultsForMs, ageMs: 3 * dayMs },
    });
    const { looks, forgottenWhileCopying } = watch;
    console.info(
      `two agents without a guard, seed ${seed}: ${wrong.length} of ${2 * partitions} partitions stopped as no longer identical; ${JSON.stringify({ stops, ...did, looks })}`,
    );
    expect(toldAfterwards).toEqual(wrong);
    const told = Object.values(stops).reduce((sum, count) => sum + count, 0);
    expect(told).toBeGreaterThanOrEqual(wrong.length);
    expect(did.kills).toBeGreaterThan(0);
    expect(did.freezes).toBeGreaterThan(0);
    expect(did.written).toBeGreaterThan(500);
    // Which of them are identical is chance: all of them may have stopped.
    expect(did.unread).toEqual([]);
    for (const topic of [plain, transactional])
      expect(forgottenWhileCopying.filter((place) => place.startsWith(topic))).not.toEqual([]);
  },
);
