// The simulator's model of a broker and a real broker get the same random requests; every answer has to agree.
//
// Invariants, after every request:
//   1. the error code is the same, and the base offset where there is one
//   2. the log ends at the same offset
//   3. after whatever makes a broker forget, DescribeProducers shows the same producers
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cluster } from '../../src/client/index.ts';
import { SeededRandom } from '../../src/mirror/simulation/random.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { BrokerPair, calmExpirationMs, expirationKey } from './broker-pair.ts';
import { randomStep, repeats } from './random-steps.ts';

const regions = useRegions({
  two: {
    brokers: 2,
    brokerConfig: {
      [expirationKey]: String(calmExpirationMs),
      'producer.id.expiration.check.interval.ms': '20',
    },
  },
});
let cluster: Cluster;
const pairs: BrokerPair[] = [];
beforeAll(async () => {
  const bootstrap = regions.two.brokers.map(({ host, port }) => ({ host, port }));
  cluster = await Cluster.connect({ name: 'two', bootstrap });
});
afterAll(() => {
  for (const pair of pairs) pair.close();
  cluster?.close();
});

async function newPair(options: { hasFollowers: boolean }): Promise<BrokerPair> {
  const pair = new BrokerPair(cluster, uniqueTopic('model'), options);
  pairs.push(pair);
  await pair.create();
  return pair;
}

/** One more than is remembered is refused, which a random sequence hardly hits. */
async function runRepeats(pair: BrokerPair): Promise<void> {
  for (const step of repeats(pair.model)) await pair.run(step);
}

async function runRandom(
  pair: BrokerPair,
  random: SeededRandom,
  { stepCount, canExpire }: { stepCount: number; canExpire: boolean },
): Promise<void> {
  for (let i = 0; i < stepCount; i++) await pair.run(randomStep(random, pair.model, { canExpire }));
  await runRepeats(pair);
}

test.each([2, 3, 4])('random appends, markers, cuts and sweeps are answered alike, seed %i', async (seed) => {
  const pair = await newPair({ hasFollowers: false });
  await runRandom(pair, new SeededRandom(seed), { stepCount: 250, canExpire: true });
  for (const what of ['data 0', 'data 45', 'data 47', 'duplicate', 'marker 0', 'marker 47', 'marker 52'])
    expect(pair.seen[what], what).toBeGreaterThan(2);
  expect(pair.seen['refusal hidden']).toBeGreaterThan(0);
  expect(pair.seen.expired).toBeGreaterThan(0);
});

test('what brokers remember across stops, kills and changes of the leader, there and back', async () => {
  const random = new SeededRandom(7);
  const replicated = await newPair({ hasFollowers: true });
  const broker = regions.two.brokers.find(({ id }) => id === replicated.leaderId)!;
  const other = regions.two.brokers.find(({ id }) => id !== replicated.leaderId)!;
  let single = await newPair({ hasFollowers: false });
  while (single.leaderId !== broker.id) single = await newPair({ hasFollowers: false });
  const few = { stepCount: 60, canExpire: false };
  const runBoth = async (): Promise<void> => {
    await runRandom(replicated, random, few);
    await runRandom(single, random, few);
  };
  await runBoth();
  await broker.stop();
  await replicated.changeLeader(() => broker.start());
  await single.restarted({ isClean: true });
  for (const pair of [replicated, single]) await runRepeats(pair);
  await runBoth();
  await other.stop();
  await replicated.changeLeader(() => other.start());
  await runRepeats(replicated);
  await runBoth();
  await broker.kill();
  await broker.start();
  await single.restarted({ isClean: false });
  await runRandom(single, random, few);
  expect(replicated.seen['refusal hidden']).toBeGreaterThan(0);
});
