// Links inside the test's own process, several of them on the same two clusters: what the agents of a fleet run. What is
// ours, who keeps the link and what it selects is the test's to say, and to change while it runs.
import { expect } from 'vitest';
import { buildLink } from '../../src/agent/link-parts.ts';
import { Cluster } from '../../src/client/index.ts';
import { LazyControlTopic } from '../../src/control/index.ts';
import type { LinkRunner, LinkRunnerOptions, StateStore, TopicStatus } from '../../src/link/index.ts';
import type { PartitionStatus } from '../../src/mirror/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { type LinkConfig, loadTopology } from '../../src/topology/index.ts';
import type { LinkSide } from '../mirror/running-agent.ts';
import { writeTopology } from '../mirror/running-agent.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { waitFor } from '../support/wait-for.ts';

export interface RunningLinkOptions {
  readonly folder: string;
  readonly source: LinkSide;
  readonly destination: Region;
  readonly topics: readonly string[];
  /** Further lines of the link, indented by four spaces. */
  readonly extra?: string;
  readonly share?: Pick<LinkRunnerOptions, 'owns' | 'isKeeper' | 'mayMirror' | 'incarnationOf'>;
  /** Who the link is at the destination, over its SASL_PLAINTEXT listener. Default nobody, in plaintext. */
  readonly user?: { readonly username: string; readonly password: string };
  /** Who the link is at the source, by SASL. */
  readonly sourceUser?: { readonly username: string; readonly password: string };
  /** When the clusters are connected, and nothing was asked yet. */
  readonly beforeStart?: () => Promise<unknown>;
  /** Stands between the link and what is written down at the destination. */
  readonly storeOf?: (store: StateStore) => StateStore;
}

export interface RunningLink extends AsyncDisposable {
  readonly runner: LinkRunner;
  readonly config: LinkConfig;
  readonly notices: string[];
  topic(topic: string): TopicStatus | undefined;
  partition(topic: string, partition?: number): PartitionStatus | undefined;
  /** Waits until the topic is in that state. */
  reaches(topic: string, state: TopicStatus['state']): Promise<TopicStatus>;
  /** Waits until the mirror ends at `end`. */
  mirrorsUpTo(topic: string, end: bigint, partition?: number): Promise<void>;
}

/** Use with `await using`, so that it stops whatever the test does. */
export async function startLink(options: RunningLinkOptions): Promise<RunningLink> {
  const topology = await loadTopology(await writeTopology(options));
  const config = topology.links['us-to-eu']!;
  const { sourceUser } = options;
  const sourceConfig = {
    ...topology.clusters.source!,
    ...(sourceUser && { sasl: { mechanism: 'PLAIN', ...sourceUser } as const }),
  };
  const source = await Cluster.connect(sourceConfig);
  const destination = await Cluster.connect(topology.clusters.destination!);
  const store = new LazyControlTopic(destination, { onWarning: () => {} });
  const notices: string[] = [];
  const runner = buildLink({
    ...{ config, source, sourceConfig, destination },
    shiftStore: options.storeOf?.(store) ?? store,
    onNotice: ({ text }) => notices.push(text),
    share: options.share ?? {},
  });
  await options.beforeStart?.();
  await runner.start();
  const topicOf = (topic: string) => runner.status().topics.find((entry) => entry.topic === topic);
  const partitionOf = (topic: string, partition = 0) =>
    runner.status().partitions.find((entry) => entry.topic === topic && entry.partition === partition);
  return {
    ...{ runner, config, notices },
    topic: topicOf,
    partition: partitionOf,
    reaches: (topic, state) =>
      waitFor(() => (topicOf(topic)?.state === state ? topicOf(topic) : undefined), {
        deadlineMs: 40_000,
        describe: () => `topic ${topic} to be ${state}; it is ${JSON.stringify(topicOf(topic))}`,
      }),
    mirrorsUpTo: async (topic, end, partition = 0) => {
      await waitFor(() => partitionOf(topic, partition)?.mirrorEnd === end, {
        deadlineMs: 40_000,
        describe: () => {
          const status = partitionOf(topic, partition);
          const { state, reason, mirrorEnd, lastError } = status ?? {};
          return `${topic}-${partition} to end at ${end}; it is ${state} at ${mirrorEnd} (${reason ?? lastError}); topic: ${JSON.stringify(topicOf(topic))}`;
        },
      });
    },
    [Symbol.asyncDispose]: async () => {
      await runner.stop();
      await store.close();
      source.close();
      destination.close();
    },
  };
}

/** `lockstep verify` finds the mirrors identical; resolves with its report. */
export async function expectVerified(options: RunningLinkOptions): Promise<string> {
  const verified = await lockstepCommand('verify', await writeTopology(options));
  expect(verified, verified.stdout + verified.stderr).toMatchObject({ exitCode: 0 });
  return verified.stdout;
}
