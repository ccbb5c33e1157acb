// How long a new broker takes to make topics when nobody asks anything else of it: no mirror can have them sooner.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster, createTopics, logEndOffsets, unwrap } from '../src/client/index.ts';
import type { Region } from '../src/regions/index.ts';
import { configOf } from '../test/client/support.ts';

export interface NewTopics {
  readonly names: readonly string[];
  readonly partitionsPerTopic: number;
  /** Made with one request. */
  readonly topicsAtOnce: number;
}

const lookEveryMs = 200;
const deadlineMs = 180_000;

/** Made when this resolves, though their logs may not be there yet. */
export async function makeTopics(
  region: Region,
  { names, partitionsPerTopic: partitionCount, topicsAtOnce }: NewTopics,
): Promise<void> {
  const cluster = await Cluster.connect(configOf(region));
  for (let index = 0; index < names.length; index += topicsAtOnce) {
    const topics = names.slice(index, index + topicsAtOnce).map((name) => ({ name, partitionCount }));
    for (const outcome of (await createTopics(cluster, topics)).values()) unwrap(outcome);
  }
  cluster.close();
}

/**
 * Seconds until all logs of these topics can be used, in a region of one broker.
 * @throws Error when they are not all there after three minutes.
 */
export async function bareCreationSeconds(region: Region, topics: NewTopics): Promise<number> {
  const fromMs = performance.now();
  await makeTopics(region, topics);
  const wanted = new Set(topics.names);
  const count = topics.names.length * topics.partitionsPerTopic;
  // On the disk, since questions would take the broker's time.
  while ((await logsOf(region, wanted)) < count) {
    if (performance.now() - fromMs > deadlineMs) throw new Error(`${region.name} did not make ${count} logs`);
    await sleep(lookEveryMs);
  }
  const cluster = await Cluster.connect(configOf(region));
  const logs = topics.names.flatMap((topic) =>
    Array.from({ length: topics.partitionsPerTopic }, (_, partition) => ({ topic, partition })),
  );
  for (const { outcome } of await logEndOffsets(cluster, logs, { timeoutMs: deadlineMs })) unwrap(outcome);
  cluster.close();
  return (performance.now() - fromMs) / 1_000;
}

async function logsOf(region: Region, topics: ReadonlySet<string>): Promise<number> {
  const folders = await readdir(path.join(region.directory, 'broker-1', 'data'));
  return folders.filter((name) => topics.has(name.replace(/-\d+$/, ''))).length;
}
