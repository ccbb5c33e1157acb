// One soak, from two regions that start to a report.
//
// 1. start both regions, each broker behind a proxy, and the topics; `trimmed` gets a start above 0
// 2. start the writers and a fleet of agents, and wait until the mirrors exist
// 3. carry out the plan of faults
// 4. end the faults and the writers; wait until everything has healed
// 5. compare every partition, by both judges; see who copies what, and stop the agents
import { createHash } from 'node:crypto';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SeededRandom } from '../../src/mirror/simulation/random.ts';
import { JavaClients } from '../../test/support/java-clients.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { verifyProgram } from './agents.ts';
import { BrokerRoles } from './broker-roles.ts';
import { FaultRunner, proxyTotals } from './faults.ts';
import { SoakFleet } from './fleet.ts';
import { type Judged, judge, waitUntilHealed } from './judge.ts';
import { planFaults, type Side } from './plan.ts';
import { type ProxiedRegion, startProxiedRegion } from './regions.ts';
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

const brokers = { source: 1, destination: 3 };
const agents = 3;
const filledRecords = 2_000;
const filledAndDeleted = 700;
/** Connections that are half-open are given up after 30 s; brokers that died late need as long to be in sync. */
const healMsMax = 240_000;
const mirrorsWaitMs = 60_000;
/** Agents tell their share every 5 s. */
const sharesWaitMs = 60_000;
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
  let isFolderKept = false;
  stack.defer(async () => {
    if (!isFolderKept) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  });
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
  const fleet = new SoakFleet(file, folder, agents);
  stack.defer(() => fleet.killAll());
  fleet.startAll();
  await waitFor(
    async () => {
      if (options.signal.aborted) return true;
      const known = await Promise.all(soakTopics.map(({ name }) => clients.ends(destination.region, name)));
      return known.every((ends, index) => ends.length === soakTopics[index]!.partitions);
    },
    { deadlineMs: mirrorsWaitMs, pollMs: 300, describe: () => `the mirrors; ${standing(fleet)}` },
  );
  options.signal.throwIfAborted();

  const durationMs = options.minutes * 60_000;
  const plan = planFaults({ seed, durationMs, brokers, agents });
  const fingerprint = createHash('sha256').update(JSON.stringify(plan)).digest('hex').slice(0, 12);
  say(`${soakTopics.length} topics; the faults begin (plan ${fingerprint})`);
  const roles = stack.use(await BrokerRoles.connect(destination.region));
  const faults = new FaultRunner({
    ...{ fleet, sides, say, trim: (share) => trim(share) },
    brokerInRole: (role) => roles.brokerIn(role),
  });
  const deletedBelow: Record<number, number> = {};
  const trim = async (share: number): Promise<void> => {
    try {
      for (const { partition, start: first, highWatermark } of await clients.ends(
        source.region,
        trimmedTopic,
      )) {
        const below = first + Math.floor((highWatermark - first) * share);
        deletedBelow[partition] = Math.max(deletedBelow[partition] ?? 0, below);
      }
      await clients.deleteRecords(source.region, trimmedTopic, deletedBelow);
    } catch (error) {
      say(`DeleteRecords failed: ${String(error)}`);
    }
  };
  const faultsStartAtMs = Date.now();
  const progress = setInterval(() => {
    const { records, committed, aborted } = writers.counts;
    const { counts } = faults;
    const text = `${records} records, ${committed} committed, ${aborted} aborted; kills ${counts.agentKills + counts.brokerKills}, freezes ${counts.agentFreezes + counts.brokerFreezes}, cuts ${proxyTotals(sides).cut}; ${standing(fleet)}`;
    options.onProgress(Math.min(1, (Date.now() - faultsStartAtMs) / durationMs), text);
  }, progressEveryMs);
  stack.defer(() => clearInterval(progress));
  const abort = new Promise<never>((_, reject) =>
    options.signal.addEventListener('abort', () => reject(new Error('interrupted'))),
  );
  abort.catch(() => {}); // some steps end by the signal itself
  // Writers that wait for an answer get none any more, and end.
  options.signal.addEventListener('abort', () => void clients[Symbol.asyncDispose]());
  await faults.run(plan, { durationMs, signal: options.signal });
  clearInterval(progress);

  say('the faults have ended; the writers stop, and everything heals');
  const healingSinceMs = Date.now();
  await writers.stop();
  // A broker that is killed forgets log starts younger than a minute, and shows deleted records again.
  await clients.deleteRecords(source.region, trimmedTopic, deletedBelow);
  const pair = { source: source.region, destination: destination.region };
  const missing = await Promise.race([
    waitUntilHealed(clients, pair, soakTopics, {
      deadlineMs: healMsMax,
      onProgress: (text) => options.onProgress(1, text),
      isStopped: (place) => fleet.isStopped(place),
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
  const shares = await shareOut(fleet);
  const lastWords = fleet.agents.map(({ name, lastLines }) => `${name}: ${lastLines.join(' | ')}`);
  const complaints = [...fleet.complaints, ...(await fleet.stopAll())];
  const report: Omit<SoakReport, 'isIdentical'> = {
    ...{ seed, minutes: options.minutes, plan: fingerprint, faults: faults.counts },
    ...{ fleet: fleet.counts, shares, lastWords },
    ...{ network: proxyTotals(sides), writers: writers.counts, healedMs, missing, complaints, judged },
    seconds: Math.round((Date.now() - startedAtMs) / 1000),
  };
  const isIdentical = problemsOf({ ...report, isIdentical: true }).length === 0;
  if (!isIdentical) {
    isFolderKept = true;
    await Promise.all(Object.values(sides).map(({ region }) => region.stop()));
    await keepLogs(folder, sides, judged?.differing ?? []);
    say(`the agents’ logs, and the partitions that differ, are kept in ${folder}`);
  }
  return { ...report, isIdentical };
}

/** What each agent has, once the whole fleet has everything between them; or what it came to. */
async function shareOut(fleet: SoakFleet): Promise<readonly number[]> {
  const partitions = soakTopics.reduce((sum, topic) => sum + topic.partitions, 0);
  const isWhole = (): boolean =>
    fleet.shares.every((share) => share > 0) &&
    fleet.shares.reduce((sum, share) => sum + share, 0) === partitions;
  await waitFor(isWhole, { deadlineMs: sharesWaitMs, describe: 'the fleet to be whole' }).catch(() => {});
  return fleet.shares;
}

/** How the agents stand, by their newest lines. */
function standing(fleet: SoakFleet): string {
  return fleet.agents.map(({ name, summary }) => `${name}: ${summary}`).join('; ');
}

/** Copies the logs of these partitions out of the brokers' folders, for kafka-dump-log. */
async function keepLogs(
  folder: string,
  sides: Readonly<Record<Side, ProxiedRegion>>,
  partitions: readonly string[],
): Promise<void> {
  for (const { region } of Object.values(sides)) {
    for (const broker of region.brokers) {
      for (const partition of partitions) {
        const to = path.join(folder, 'kept', `${region.name}-${broker.id}`, partition);
        await cp(path.join(broker.directory, 'data', partition), to, { recursive: true }).catch(() => {});
      }
    }
  }
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
