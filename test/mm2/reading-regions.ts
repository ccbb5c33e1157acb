// A file run in the test's own process as `lockstep run FILE` does, and group positions as its consumers leave them.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type AgentStatus, runFile } from '../../src/agent/index.ts';
import { Cluster, commitGroupOffsets, fetchOffsetsOfGroups, unwrap } from '../../src/client/index.ts';
import type { PartitionStatus } from '../../src/mirror/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { loadTopology } from '../../src/topology/index.ts';
import { configOf } from '../client/support.ts';

export interface RunningFile extends AsyncDisposable {
  readonly notices: readonly string[];
  /** Of all links, as told last. */
  partitions(): readonly PartitionStatus[];
  /** What was told last, and why it ended, for messages. */
  told(): string;
}

export async function runText(folder: string, name: string, text: string): Promise<RunningFile> {
  const file = path.join(folder, name);
  await writeFile(file, text);
  const topology = await loadTopology(file);
  const stopping = new AbortController();
  const notices: string[] = [];
  let status: AgentStatus | null = null;
  let failure: unknown = null;
  const done = runFile({
    ...{ topology, signal: stopping.signal, statusEveryMs: 200, version: 'test', sessionTimeoutMs: 6_000 },
    onStatus: (newest) => {
      status = newest;
    },
    onNotice: (link, { level, text: said }) => notices.push(`${link ?? '-'}: ${level}: ${said}`),
  }).catch((error: unknown) => {
    failure = error;
  });
  return {
    notices,
    partitions: () => (status?.links ?? []).flatMap(({ partitions }) => partitions),
    told: () =>
      [
        ...(failure === null ? [] : [`ended: ${failure}`]),
        ...notices,
        ...(status?.links ?? []).flatMap(({ name: link, topics, discoveryError }) => [
          `${link}: ${discoveryError ?? 'looked'}`,
          ...topics.map(({ topic, state, reason }) => `  ${topic} ${state} ${reason ?? ''}`),
        ]),
      ].join('\n'),
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await done;
    },
  };
}

/** As a consumer that has read so far and is gone again. */
export async function commitPositions(
  region: Region,
  group: string,
  positions: Readonly<Record<string, readonly [offset: number, metadata: string]>>,
): Promise<void> {
  const cluster = await Cluster.connect(configOf(region));
  try {
    const wanted = Object.entries(positions).map(([place, [offset, metadata]]) => {
      const dash = place.lastIndexOf('-');
      return {
        ...{ topic: place.slice(0, dash), partition: Number(place.slice(dash + 1)) },
        ...{ offset: BigInt(offset), metadata },
      };
    });
    for (const { outcome } of await commitGroupOffsets(cluster, group, wanted)) unwrap(outcome);
  } finally {
    cluster.close();
  }
}

/** `topic-partition=offset` of what a group has committed. */
export async function positionsOf(region: Region, group: string): Promise<string[]> {
  const cluster = await Cluster.connect(configOf(region));
  try {
    const fetched = (await fetchOffsetsOfGroups(cluster, [group])).get(group)!;
    return unwrap(fetched).map(
      ({ topic, partition, outcome }) => `${topic}-${partition}=${unwrap(outcome).offset}`,
    );
  } finally {
    cluster.close();
  }
}
