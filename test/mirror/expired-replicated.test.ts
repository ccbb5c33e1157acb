// A backlog of month-old records at replication factor 3, where the brokers forget producer ids within a second and so
// guard nothing. One agent at a time, as the product is meant to run: killed and replaced, answers lost on the way, the
// destination's leaders killed. No request of a dead agent may get in behind its successor, and no answer that was lost
// may lead to a batch that stands twice: the mirror ends identical, and no partition ever says that it is not.
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SoakAgents } from '../../scripts/soak/agents.ts';
import { type ProxiedRegion, startProxiedRegion } from '../../scripts/soak/regions.ts';
import { Cluster, listOffsets, unwrap } from '../../src/client/index.ts';
import { SeededRandom } from '../../src/mirror/simulation/random.ts';
import { configOf } from '../client/support.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { forgetful, GuardWatch } from './guard-watch.ts';
import { JavaLoad } from './java-load.ts';
import { writeTopology } from './running-agent.ts';

const monthMs = 30 * 24 * 3_600_000;
const deadlineMs = 60_000;
const partitions = 3;
const faultsForMs = Number(process.env.LOCKSTEP_EXPIRED_MS ?? 25_000);
const seed = Number(process.env.LOCKSTEP_EXPIRED_SEED ?? 1);
const random = new SeededRandom(seed);
const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {} });
const oracle = useOracle();

let proxied: ProxiedRegion;
let cluster: Cluster;
beforeAll(async () => {
  proxied = await startProxiedRegion({
    ...{ name: 'eu-west', folder: folder.path, brokers: 3, random: () => random.next() },
    brokerConfig: { ...forgetful, 'min.insync.replicas': '2' },
  });
  cluster = await Cluster.connect(configOf(proxied.region));
});
afterAll(async () => {
  cluster?.close();
  await proxied?.[Symbol.asyncDispose]();
});

test('one agent at a time ends identical, whatever is killed, lost or forgotten', async () => {
  const source = regions['us-east'];
  const destination = proxied.region;
  const topics = [uniqueTopic('month-old'), uniqueTopic('month-old-transactions')] as const;
  const [plain, transactional] = topics;
  const configs = { 'retention.ms': '-1' };
  await oracle.createTopics(
    source,
    topics.map((name) => ({ name, partitions, configs })),
  );
  const through = { name: destination.name, bootstrap: proxied.bootstrap } as unknown as typeof destination;
  const extra = '    replicationFactor: 3\n';
  const link = { folder: folder.path, source, destination: through, topics, extra };
  const agents = new SoakAgents(await writeTopology(link), folder.path, ['--alone']);
  const copiesOn = async (count: number): Promise<void> => {
    await moreArrives(topics, { count, orElse: () => agents.complaints.length > 0 });
    expect(agents.complaints).toEqual([]);
  };
  await using watch = new GuardWatch(await Cluster.connect(configOf(destination)), topics, partitions);
  const workload = oracle.workload(source);
  const load = new JavaLoad({ workload, plain, transactional, partitions, ageMs: monthMs });
  const did = { agentKills: 0, leaderKills: 0, answersLost: 0 };
  try {
    agents.startNext();
    await copiesOn(100);
    const deadline = Date.now() + faultsForMs;
    for (let round = 0; Date.now() < deadline; round++) {
      await pause(random.integer(0, 500));
      if (round % 3 === 0) {
        await agents.current.kill();
        agents.startNext();
        did.agentKills++;
      } else if (round % 3 === 1) {
        did.answersLost += await loseAnswers(random.integer(200, 1_500));
      } else {
        await killLeader(topics[did.leaderKills % 2]!, random.integer(0, partitions - 1), topics);
        did.leaderKills++;
      }
      await copiesOn(60);
    }
    await load.stop();
    let records = 0;
    for (const topic of topics) {
      const compared = await oracle.expectSame({ source, destination, topic, waitMs: deadlineMs });
      records += compared.records;
    }
    const { looks, forgottenWhileCopying } = watch;
    console.info(
      `one agent at a time without a guard, seed ${seed}: ${JSON.stringify({ ...did, records, looks })}`,
    );
    expect(records).toBe(load.records);
    expect(agents.complaints).toEqual([]);
    expect(Math.min(...Object.values(did))).toBeGreaterThan(0);
    for (const topic of topics)
      expect(forgottenWhileCopying.filter((place) => place.startsWith(topic))).not.toEqual([]);
  } finally {
    await agents.killAll();
    await load.stop();
  }
});

/** Requests arrive, and their connections are reset at the first byte of an answer; how many were. */
async function loseAnswers(forMs: number): Promise<number> {
  const before = cuts();
  for (const proxy of proxied.proxies) proxy.setFault({ kind: 'cut', afterBytes: 0, direction: 'down' });
  await pause(forMs);
  for (const proxy of proxied.proxies) proxy.setFault({ kind: 'none' });
  return cuts() - before;
}

function cuts(): number {
  return proxied.proxies.reduce((sum, { counts }) => sum + counts.cut, 0);
}

/** Kills the leader of a partition, waits until another leads, and starts it again. */
async function killLeader(topic: string, partition: number, topics: readonly string[]): Promise<void> {
  await inSync(topics); // or the next one to die leaves fewer than min.insync.replicas
  const leader = async () =>
    (await cluster.metadata({ topics: [topic] })).topics.get(topic)!.partitions[partition]!.leaderId;
  const killed = await leader();
  const broker = proxied.region.brokers.find(({ id }) => id === killed)!;
  await broker.kill();
  await waitFor(async () => ![-1, killed].includes(await leader()), {
    deadlineMs,
    describe: `another leader of ${topic}-${partition} than broker ${killed}`,
  });
  await broker.start();
}

async function inSync(topics: readonly string[]): Promise<void> {
  await waitFor(
    async () => {
      const { topics: found } = await cluster.metadata({ topics });
      return topics.every((topic) => found.get(topic)!.partitions.every(({ isr }) => isr.length === 3));
    },
    { deadlineMs, describe: `3 replicas of ${topics.join()} to be in sync` },
  );
}

/** Waits until every partition of the mirror has grown by so many offsets, or something has gone wrong. */
async function moreArrives(
  topics: readonly string[],
  { count, orElse }: { count: number; orElse: () => boolean },
): Promise<void> {
  const asked = topics.flatMap((topic) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition, at: 'latest' as const })),
  );
  const ends = async () =>
    (await listOffsets(cluster, asked, { timeoutMs: 5_000 })).map(({ outcome }) => unwrap(outcome).offset);
  const before: bigint[] = await waitFor(ends, { deadlineMs, describe: 'the mirrors to be there' });
  let now = before;
  await waitFor(
    async () => {
      if (orElse()) return true;
      now = await ends();
      return now.every((end, index) => end >= before[index]! + BigInt(count));
    },
    { deadlineMs, describe: () => `${count} offsets more than ${before.join()}; they end at ${now.join()}` },
  );
}
