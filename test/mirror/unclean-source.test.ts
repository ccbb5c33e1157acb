// An unclean election at the source: the leader dies with records that no follower has, a follower leads without
// them, and grows again past the mirror with other records. Whether the agent was running, frozen or away while that
// happened, the mirror must stop and say so, and nothing may be appended to it that does not belong there.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster, createTopics, logEndOffsets, unwrap } from '../../src/client/index.ts';
import { createRegion, guardChild, type Region, withParentDeathSignal } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { fillHoles } from '../verify/kafka-copy.ts';
import { type RunningAgent, startAgent, writeTopology } from './running-agent.ts';

const folder = useTemporaryFolder();
const oracle = useOracle();
const deadlineMs = 60_000;
const [leader, follower] = [1, 2] as const;

let source: Region;
let destination: Region;
let sourceCluster: Cluster;

beforeAll(async () => {
  const heapMb = 256;
  source = await createRegion({
    name: 'us-east',
    directory: path.join(folder.path, 'us-east'),
    brokers: 2,
    heapMb,
    brokerConfig: { 'unclean.leader.election.enable': 'true', 'min.insync.replicas': '1' },
  });
  destination = await createRegion({ name: 'eu-west', directory: path.join(folder.path, 'eu-west'), heapMb });
  await Promise.all([source.start(), destination.start()]);
  sourceCluster = await Cluster.connect(configOf(source));
});
afterAll(async () => {
  sourceCluster?.close();
  await Promise.all([source?.destroy(), destination?.destroy()]);
});

/** What the follower has of each topic, what only the leader got, and what the follower gets when it leads. */
const kinds = {
  /** The source ends below the mirror. */
  shorter: {
    lost: { records: 30, markers: 0 },
    later: { records: 0, markers: 0 },
    mirrorEnd: 50n,
    sourceEnd: 20n,
  },
  /** Its end says nothing any more: it is above the mirror's. */
  longer: {
    lost: { records: 30, markers: 0 },
    later: { records: 60, markers: 0 },
    mirrorEnd: 50n,
    sourceEnd: 80n,
  },
  /** The mirror ends in a hole, where records and another hole stand afterwards, up to the same offset. */
  hole: {
    lost: { records: 0, markers: 11 },
    later: { records: 10, markers: 1 },
    mirrorEnd: 31n,
    sourceEnd: 31n,
  },
} as const;
type KindName = keyof typeof kinds;
const kindNames = Object.keys(kinds) as KindName[];

function topicsOf(agent: string): Record<KindName, string> {
  return Object.fromEntries(kindNames.map((kind) => [kind, uniqueTopic(`${agent}-${kind}`)])) as Record<
    KindName,
    string
  >;
}

async function write(topics: Record<KindName, string>, part: 'shared' | 'lost' | 'later'): Promise<void> {
  const workload = oracle.workload(source);
  for (const kind of kindNames) {
    const topic = topics[kind];
    const { records: count, markers } = part === 'shared' ? { records: 20, markers: 0 } : kinds[kind][part];
    const records = Array.from({ length: count }, (_, index) => ({
      topic,
      partition: 0,
      key: `key ${index % 5}`,
      value: `${part} ${index}`,
    }));
    if (count > 0) await workload.produce({ producer: 'writer', records, flushEvery: 10 });
    if (markers > 0) await fillHoles(sourceCluster, topic, markers);
  }
}

/** An agent as a process, so that it can be frozen; alone, so that nobody takes over meanwhile. */
function runFrozenLater(file: string) {
  const main = path.resolve(import.meta.dirname, '../../src/cli/main.ts');
  const child = spawn(...withParentDeathSignal(process.execPath, [main, 'run', file, '--alone']), {
    stdio: 'pipe',
  });
  guardChild(child);
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  return {
    printed: () => printed,
    freeze: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    },
  };
}

it('stops mirrors whose source came back as another log, and appends nothing to them', async () => {
  const topics = { running: topicsOf('running'), frozen: topicsOf('frozen'), away: topicsOf('away') };
  const allTopics = Object.values(topics).flatMap((each) => Object.values(each));
  const assignments = [[leader, follower]];
  const created = await createTopics(
    sourceCluster,
    allTopics.map((name) => ({ name, assignments })),
  );
  for (const outcome of created.values()) unwrap(outcome);
  for (const each of Object.values(topics)) await write(each, 'shared');

  const link = (each: Record<KindName, string>) => ({
    folder: folder.path,
    source,
    destination,
    topics: Object.values(each),
  });
  await using running = await startAgent(link(topics.running));
  await using frozen = runFrozenLater(await writeTopology(link(topics.frozen)));
  await using before = await startAgent(link(topics.away));

  await source.brokers[follower - 1]!.kill();
  for (const each of Object.values(topics)) await write(each, 'lost');
  const mirrorEnds = ends(topics, 'mirrorEnd');
  const destinationCluster = await Cluster.connect(configOf(destination));
  await waitFor(async () => isDeepStrictEqual(await endsOf(destinationCluster, allTopics), mirrorEnds), {
    deadlineMs,
    describe: `every mirror to hold what will be lost; ${frozen.printed().slice(-500)}`,
  });
  await before.stop();
  frozen.freeze();

  await source.brokers[leader - 1]!.kill();
  await source.brokers[follower - 1]!.start();
  await waitFor(
    async () => {
      const metadata = await sourceCluster.metadata({ topics: allTopics });
      return allTopics.every((topic) => metadata.topics.get(topic)?.partitions[0]?.leaderId === follower);
    },
    { deadlineMs, describe: 'the follower to lead, uncleanly' },
  );
  for (const each of Object.values(topics)) await write(each, 'later');
  expect(await endsOf(sourceCluster, allTopics)).toEqual(ends(topics, 'sourceEnd'));

  frozen.resume();
  await using after = await startAgent(link(topics.away));
  for (const kind of kindNames) {
    // Whoever was there knows the source's epochs, whoever was away only what the mirror holds.
    const expected = kind === 'shorter' ? /^SourceTruncated.* at 20/ : /^(SourceTruncated|Diverged)/;
    expect(await stateOf(running, topics.running[kind])).toMatch(expected);
    expect(await stateOf(after, topics.away[kind])).toMatch(expected);
  }
  expect(await toldStops(frozen, kindNames.length)).toMatch(/: (SourceTruncated|Diverged) at offset/);
  const verified = await lockstepCommand('verify', await writeTopology(link(topics.away)));
  expect(verified).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('different') });

  // The former leader gives way to the log that was chosen; nobody appends anything.
  await source.brokers[leader - 1]!.start();
  expect(await endsOf(destinationCluster, allTopics)).toEqual(mirrorEnds);
  destinationCluster.close();
});

/** What is expected of each topic. */
function ends(
  topics: Readonly<Record<string, Record<KindName, string>>>,
  which: 'mirrorEnd' | 'sourceEnd',
): Map<string, bigint> {
  return new Map(
    Object.values(topics).flatMap((each) => kindNames.map((kind) => [each[kind], kinds[kind][which]])),
  );
}

/** Where a partition stopped, and why. */
async function stateOf(agent: RunningAgent, topic: string): Promise<string> {
  const status = () => agent.partition(topic);
  await waitFor(() => status()?.isStopped, {
    deadlineMs,
    describe: () => `${topic} to stop; it is ${status()?.state} at ${status()?.mirrorEnd}`,
  });
  return `${status()?.state}: ${status()?.reason}`;
}

/** What a process printed, once that many of its partitions have stopped. */
async function toldStops({ printed }: { printed(): string }, count: number): Promise<string> {
  await waitFor(() => printed().includes(` ${count} STOPPED `), {
    deadlineMs,
    describe: () => `the frozen agent to stop ${count} partitions; printed: ${printed().slice(-1000)}`,
  });
  return printed();
}

/** Of each topic's only partition. */
async function endsOf(cluster: Cluster, topics: readonly string[]): Promise<Map<string, bigint>> {
  const read = await logEndOffsets(
    cluster,
    topics.map((topic) => ({ topic, partition: 0 })),
  );
  return new Map(read.map(({ item, outcome }) => [item.topic, unwrap(outcome).logEndOffset]));
}
