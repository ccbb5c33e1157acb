// An agent inside the test's own process, for one link between two regions of the test.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type AgentStatus, runAlone } from '../../src/agent/index.ts';
import type { Notice } from '../../src/link/index.ts';
import type { PartitionStatus } from '../../src/mirror/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { loadTopology } from '../../src/topology/index.ts';
import { waitFor } from '../support/wait-for.ts';

export interface RunningAgent extends AsyncDisposable {
  readonly notices: Notice[];
  partition(topic: string, partition?: number): PartitionStatus | undefined;
  status(): AgentStatus | null;
  /** Waits until a partition is in that state. */
  reaches(topic: string, state: string, partition?: number): Promise<PartitionStatus>;
  /** Waits until the mirror ends at `end`. */
  mirrorsUpTo(topic: string, end: bigint, partition?: number): Promise<void>;
  stop(): Promise<void>;
}

/** A region, or any cluster by its addresses. */
export interface LinkSide {
  readonly name: string;
  readonly bootstrap: readonly string[];
}

export interface AgentFixtureOptions {
  readonly folder: string;
  readonly source: LinkSide;
  readonly destination: Region;
  readonly topics: readonly string[];
  /** Further lines of the link, indented by six spaces. */
  readonly extra?: string;
  /** Who the agent is at the destination, over its SASL_PLAINTEXT listener. Default nobody, in plaintext. */
  readonly user?: { readonly username: string; readonly password: string };
}

/** Writes a lockstep.yaml for the two regions; the link is called us-to-eu. */
export async function writeTopology(options: AgentFixtureOptions): Promise<string> {
  const { folder, source, destination, topics, extra = '', user } = options;
  const file = path.join(folder, `${source.name}-${destination.name}-${topics[0]}.yaml`);
  const list = (items: readonly string[]): string =>
    `[${items.map((item) => JSON.stringify(item)).join(', ')}]`;
  await writeFile(
    file,
    `version: 1
clusters:
  source: { bootstrap: ${list(source.bootstrap)} }
  destination:
    bootstrap: ${list(user === undefined ? destination.bootstrap : destination.bootstrapOf('SASL_PLAINTEXT'))}
${user === undefined ? '' : `    sasl: { mechanism: PLAIN, username: ${user.username}, password: ${user.password} }`}
links:
  us-to-eu:
    source: source
    destination: destination
    topics: ${list(topics)}
${extra}`,
  );
  return file;
}

/** Starts an agent; use with `await using`, so that it stops whatever the test does. */
export async function startAgent(options: AgentFixtureOptions): Promise<RunningAgent> {
  const topology = await loadTopology(await writeTopology(options));
  const stopping = new AbortController();
  const notices: Notice[] = [];
  let status: AgentStatus | null = null;
  let failure: unknown = null;
  const done = runAlone({
    topology,
    signal: stopping.signal,
    statusEveryMs: 50,
    onStatus: (newest) => {
      status = newest;
    },
    onNotice: (_link, notice) => notices.push(notice),
  }).catch((error: unknown) => {
    failure = error;
  });
  const partitionOf = (topic: string, partition = 0): PartitionStatus | undefined =>
    (status as AgentStatus | null)?.links[0]?.partitions.find(
      (entry) => entry.topic === topic && entry.partition === partition,
    );
  const stop = async (): Promise<void> => {
    stopping.abort();
    await done;
    if (failure !== null) throw failure;
  };
  return {
    notices,
    status: () => status,
    partition: partitionOf,
    reaches: async (topic, state, partition = 0) => {
      await waitFor(() => failure !== null || partitionOf(topic, partition)?.state === state, {
        deadlineMs: 60_000,
        describe: () =>
          `${topic}-${partition} to be ${state}; it is ${describe(partitionOf(topic, partition))}`,
      });
      if (failure !== null) throw failure;
      return partitionOf(topic, partition)!;
    },
    mirrorsUpTo: async (topic, end, partition = 0) => {
      await waitFor(() => failure !== null || partitionOf(topic, partition)?.mirrorEnd === end, {
        deadlineMs: 60_000,
        describe: () =>
          `${topic}-${partition} to end at ${end}; it is ${describe(partitionOf(topic, partition))}`,
      });
      if (failure !== null) throw failure;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function describe(status: PartitionStatus | undefined): string {
  if (status === undefined) return 'not there';
  return `${status.state} at ${status.mirrorEnd} of ${status.sourceEnd} (${status.reason ?? status.lastError})`;
}
