// One soak, from two regions that start to a report.
//
// 1. start both regions, each broker behind a proxy, and the topics; `trimmed` gets a start above 0
// 2. start the writers and the agents, and wait until the mirrors exist
// 3. carry out the plan of faults
// 4. end the faults and the writers; wait until everything has healed
// 5. compare every partition, by both judges; stop the agents
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SeededRandom } from '../../src/mirror/simulation/random.ts';
import { JavaClients } from '../../test/support/java-clients.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { SoakAgent, verifyProgram } from './agents.ts';
import { FaultRunner, proxyTotals } from './faults.ts';
import { type Judged, judge, waitUntilHealed } from './judge.ts';
import { planFaults } from './plan.ts';
import { startProxiedRegion } from './regions.ts';
import { problemsOf, type SoakReport } from './report.ts';
import { soakTopics, trimmedTopic } from './topics.ts';
import { SoakWriters } from './writers.ts';

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  /** What happens, as it happens. */
  readonly say: (text: string) => void;
  /** How it stands, to be drawn over. */
  readonly onProgress: (part: number, text: string) => void;
  /** Aborted to end early: everything is taken down. */
  readonly signal: AbortSignal;
}

const agentCount = 2;
const brokers = { source: 1, destination: 3 };
const filledRecords = 2_000;
const filledAndDeleted = 700;
/** Connections that are half-open are given up after 30 s; brokers that died late need as long to be in sync. */
const healMsMax = 150_000;
const mirrorsWaitMs = 60_000;
const progressEveryMs = 1_000;

const brokerConfig = {
  // Compaction all the time, and abandoned transactions that end soon.
  'log.cleaner.backoff.ms': '500',
  'log.cleaner.threads': '1',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',
};

export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const { seed, say } = options;
  const startedAtMs = Date.now();
  const folder = await mkdtemp(path.join(tmpdir(), 'lockstep-soak-'));
  await using stack = new AsyncDisposableStack();
  const random = new SeededRandom(seed);
  const start = (name: 'source' | 'destination') =>
    startProxiedRegion({
      ...{ name, folder, brokers: brokers[name], random: () => random.next() },
      brokerConfig: { ...brokerConfig, ...(name === 'destination' && { 'min.insync.replicas': '2' }) },
    });
  const clients = stack.use(await JavaClients.start());
  const [source, destination] = await Promise.all([start('source'), start('destination')]);
  const sides = { source: stack.use(source), destination: stack.use(destination) };
  say(
    `source on ${source.region.bootstrap.join(', ')}; destination on ${destination.region.bootstrap.join(', ')}`,
  );
  await clients.createTopics(source.region, soakTopics);
  const writers = new SoakWriters(clients, source.region, seed);
  await writers.open();
  await writers.fill(trimmedTopic, filledRecords);
  await clients.deleteRecords(source.region, trimmedTopic, { 0: filledAndDeleted, 1: filledAndDeleted });
  writers.start();
  stack.defer(() => writers.stop());

  const file = path.join(folder, 'lockstep.yaml');
  await writeFile(file, topology(source.bootstrap, destination.bootstrap));
  const agents = Array.from(
    { length: agentCount },
    (_, index) => new SoakAgent(`agent ${index + 1}`, file, path.join(folder, `agent-${index + 1}.log`)),
  );
  for (const agent of agents) {
    agent.start();
    stack.defer(() => agent.kill());
  }
  await waitFor(
    async () => {
      options.signal.throwIfAborted();
      const known = await Promise.all(soakTopics.map(({ name }) => clients.ends(destination.region, name)));
      return known.every((ends, index) => ends.length === soakTopics[index]!.partitions);
    },
    { deadlineMs: mirrorsWaitMs, pollMs: 300, describe: () => `the mirrors; ${agents[0]!.summary}` },
  );

  const durationMs = options.minutes * 60_000;
  const plan = planFaults({ seed, durationMs, agents: agentCount, brokers });
  const fingerprint = createHash('sha256').update(JSON.stringify(plan)).digest('hex').slice(0, 12);
  say(`${soakTopics.length} topics, ${agentCount} agents; the faults begin (plan ${fingerprint})`);
  const faults = new FaultRunner({ agents, sides, say, trim: (share) => trim(share) });
  const trim = async (share: number): Promise<void> => {
    try {
      const ends = await clients.ends(source.region, trimmedTopic);
      const before = ends.map(({ partition, start: first, highWatermark }) => [
        partition,
        first + Math.floor((highWatermark - first) * share),
      ]);
      await clients.deleteRecords(source.region, trimmedTopic, Object.fromEntries(before));
    } catch (error) {
      say(`DeleteRecords failed: ${String(error)}`);
    }
  };
  const faultsStartAtMs = Date.now();
  const progress = setInterval(() => {
    const { records, committed, aborted } = writers.counts;
    const { counts } = faults;
    const text = `${records} records, ${committed} committed, ${aborted} aborted; kills ${counts.agentKills + counts.brokerKills}, freezes ${counts.agentFreezes + counts.brokerFreezes}, cuts ${proxyTotals(sides).cut}; ${newest(agents)}`;
    options.onProgress(Math.min(1, (Date.now() - faultsStartAtMs) / durationMs), text);
  }, progressEveryMs);
  stack.defer(() => clearInterval(progress));
  const abort = new Promise<never>((_, reject) =>
    options.signal.addEventListener('abort', () => reject(new Error('interrupted'))),
  );
  await Promise.race([faults.run(plan, durationMs), abort]);
  clearInterval(progress);

  say('the faults have ended; the writers stop, and everything heals');
  const healingSinceMs = Date.now();
  await writers.stop();
  const pair = { source: source.region, destination: destination.region };
  const missing = await Promise.race([
    waitUntilHealed(clients, pair, soakTopics, {
      deadlineMs: healMsMax,
      onProgress: (text) => options.onProgress(1, text),
    }),
    abort,
  ]);
  const healedMs = Date.now() - healingSinceMs;
  let judged: Judged | null = null;
  try {
    judged = await Promise.race([judge(clients, pair, soakTopics, verifyProgram(file)), abort]);
  } catch (error) {
    say(`comparing failed: ${String(error)}`);
    options.signal.throwIfAborted();
  }
  const complaints = agents.flatMap((agent) => agent.complaints);
  for (const agent of agents) {
    const code = await agent.stop();
    if (code !== 0) complaints.push(`${agent.name}: exit code ${code} when it was told to stop`);
  }
  const report: Omit<SoakReport, 'isIdentical'> = {
    ...{ seed, minutes: options.minutes, plan: fingerprint, faults: faults.counts },
    ...{ network: proxyTotals(sides), writers: writers.counts, healedMs, missing, complaints, judged },
    seconds: Math.round((Date.now() - startedAtMs) / 1000),
  };
  const isIdentical = problemsOf({ ...report, isIdentical: true }).length === 0;
  if (isIdentical) stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  else say(`the agents’ logs are kept in ${folder}`);
  return { ...report, isIdentical };
}

function newest(agents: readonly SoakAgent[]): string {
  return [...agents].sort((a, b) => b.summaryAtMs - a.summaryAtMs)[0]?.summary ?? '';
}

function topology(source: readonly string[], destination: readonly string[]): string {
  const list = (items: readonly string[]): string => `[${items.map((item) => `"${item}"`).join(', ')}]`;
  return `version: 1
clusters:
  source: { bootstrap: ${list(source)} }
  destination: { bootstrap: ${list(destination)} }
links:
  soak:
    source: source
    destination: destination
    topics: ${list(soakTopics.map(({ name }) => name))}
    replicationFactor: 3
    retentionOvertook: jump
`;
}
