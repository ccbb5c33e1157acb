// Two agents of one link on the same partitions on purpose, frozen (SIGSTOP), woken and killed at random while plain
// records and transactions flow; then one that knows nothing of it, and Kafka's own consumer as the judge.
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SoakAgent } from '../../scripts/soak/agents.ts';
import { SeededRandom } from '../../src/mirror/simulation/random.ts';
import type { Region } from '../../src/regions/index.ts';
import type { JavaEnds } from '../support/java-clients.ts';
import type { Oracle } from '../support/read-committed-oracle.ts';
import { waitFor } from '../support/wait-for.ts';
import { JavaLoad } from './java-load.ts';
import { writeTopology } from './running-agent.ts';

export interface TwoAgentsOptions {
  readonly oracle: Oracle;
  readonly source: Region;
  readonly destination: Region;
  readonly folder: string;
  readonly plain: string;
  readonly transactional: string;
  readonly partitions: number;
  readonly seed: number;
  readonly faultsForMs: number;
  /** How old the records say they are, ms. */
  readonly ageMs?: number;
}

export interface TwoAgentsReport {
  readonly kills: number;
  readonly freezes: number;
  /** Acknowledged or committed at the source. */
  readonly written: number;
  /** Of both sides, by the Java consumer; a partition whose ends differ is not read. */
  readonly compared: number;
  /** Partitions that it finds the same without having read a record: none, or the test shows nothing. */
  readonly unread: readonly string[];
  /** Partitions that the Java consumer finds different. */
  readonly wrong: readonly string[];
  /** Of them, those of which an agent that was started afterwards says so. */
  readonly toldAfterwards: readonly string[];
  /** Partitions of each topic by the state in which the last agent stopped them. */
  readonly stops: Readonly<Record<string, number>>;
}

/** Throws when a partition neither arrives nor says that it never will. */
export async function mirrorWithTwoAgents(options: TwoAgentsOptions): Promise<TwoAgentsReport> {
  const { oracle, source, destination, folder, plain, transactional, partitions, seed, ageMs } = options;
  const topics = [plain, transactional];
  await oracle.createTopics(
    source,
    topics.map((name) => ({ name, partitions })),
  );
  const file = await writeTopology({ folder, source, destination, topics });
  const agents = ['one', 'two', 'afterwards'].map(
    (name) => new SoakAgent(name, file, path.join(folder, `${plain}-${name}.log`), ['--alone']),
  );
  const [one, two, afterwards] = agents as [SoakAgent, SoakAgent, SoakAgent];
  const arrive = (witnesses: readonly SoakAgent[]): Promise<void> =>
    arriveOrTell({ oracle, source, destination, topics, witnesses });
  try {
    one.start();
    two.start();
    await waitFor(async () => (await oracle.ends(destination, transactional)).length === partitions, {
      deadlineMs: 60_000,
      describe: 'the mirrors to be made',
    });
    const workload = oracle.workload(source);
    const load = new JavaLoad({ workload, plain, transactional, partitions, ...(ageMs && { ageMs }) });
    const did = await torment([one, two], { random: new SeededRandom(seed), forMs: options.faultsForMs });
    const calmSinceMs = Date.now();
    await load.stop();
    // One that was started just now would end by the signal itself, before it listens for it.
    await waitFor(() => [one, two].every(({ summaryAtMs }) => summaryAtMs > calmSinceMs), {
      deadlineMs: 60_000,
      describe: 'both agents to be at work again',
    });
    await arrive([one, two]);
    for (const agent of [one, two]) {
      const exitCode = await agent.stop();
      if (exitCode !== 0) throw new Error(`agent ${agent.name} ended with ${exitCode}`);
    }

    // One that knows nothing of what happened: it may not go on where the log is wrong.
    afterwards.start();
    const startedAtMs = Date.now();
    await waitFor(() => afterwards.summaryAtMs > startedAtMs && !/unknown/.test(afterwards.summary), {
      deadlineMs: 60_000,
      describe: () => `the third agent to have compared the ends; ${afterwards.summary}`,
    });
    await arrive([afterwards]);
    const [wrong, unread]: [string[], string[]] = [[], []];
    let compared = 0;
    for (const topic of topics) {
      for (const row of await oracle.compare({ source, destination, topic, waitMs: 1_000 })) {
        if (row.difference !== undefined) wrong.push(`${topic}-${row.partition}`);
        else if (row.records === 0) unread.push(`${topic}-${row.partition}`);
        compared += row.records;
      }
    }
    const toldAfterwards = wrong.filter((place) => afterwards.isStopped(place));
    await afterwards.stop();
    const stops = countStops(afterwards, { plain, transactional });
    return { ...did, written: load.records, compared, unread, wrong, toldAfterwards, stops };
  } finally {
    await Promise.all(agents.map((agent) => agent.kill()));
  }
}

/** Freezes and kills one of them at a time, with random pauses; answers with what it did. */
async function torment(
  agents: readonly SoakAgent[],
  { random, forMs }: { random: SeededRandom; forMs: number },
): Promise<{ kills: number; freezes: number }> {
  const done = { kills: 0, freezes: 0 };
  const deadline = Date.now() + forMs;
  while (Date.now() < deadline) {
    const agent = agents[random.integer(0, agents.length - 1)]!;
    if (random.chance(0.25)) {
      await agent.kill();
      done.kills++;
      await pause(random.integer(0, 1_000));
      agent.start();
      await pause(random.integer(0, 2_500));
    } else {
      agent.freeze();
      done.freezes++;
      // Longer than it takes the other to take over, at times.
      await pause(random.integer(50, random.chance(0.4) ? 5_000 : 600));
      agent.resume();
    }
    await pause(random.integer(50, 800));
  }
  return done;
}

interface Arriving {
  readonly oracle: Oracle;
  readonly source: Region;
  readonly destination: Region;
  readonly topics: readonly string[];
  readonly witnesses: readonly SoakAgent[];
}

/** Waits until each partition has arrived at its source's end, or one of the agents says that it never will. */
export async function arriveOrTell(arriving: Arriving): Promise<void> {
  let missing: string[] = [];
  await waitFor(
    async () => {
      missing = await underWay(arriving);
      return missing.length === 0;
    },
    {
      deadlineMs: 60_000,
      pollMs: 300,
      describe: () => `${missing.join(', ')} to arrive or to be told as stopped`,
    },
  );
}

async function underWay({ oracle, source, destination, topics, witnesses }: Arriving): Promise<string[]> {
  const both = (topic: string): Promise<[readonly JavaEnds[], readonly JavaEnds[]]> =>
    Promise.all([oracle.ends(source, topic), oracle.ends(destination, topic)]);
  const missing: string[] = [];
  for (const topic of topics) {
    const [from, to] = await both(topic);
    for (const { partition, lastStableOffset, highWatermark } of from) {
      const place = `${topic}-${partition}`;
      const mirrored = to.find((end) => end.partition === partition)?.highWatermark ?? -1;
      if (lastStableOffset === highWatermark && mirrored === lastStableOffset) continue;
      if (!witnesses.some((agent) => agent.isStopped(place))) missing.push(`${place} at ${mirrored}`);
    }
  }
  return missing;
}

/** `topic-3 and 2 more partitions: Diverged at offset 5: ...` counts for three. */
const complaint = /^[^ :]+: (\S+)-\d+(?: and (\d+) more partitions?)?: (\w+)/;

function countStops(
  agent: SoakAgent,
  topics: Readonly<Record<'plain' | 'transactional', string>>,
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of agent.complaints) {
    const [, topic, others = '0', state] = complaint.exec(line) ?? [];
    if (state === undefined) continue;
    const name = `${topic === topics.plain ? 'plain' : 'transactional'} ${state}`;
    counts[name] = (counts[name] ?? 0) + 1 + Number(others);
  }
  return counts;
}
