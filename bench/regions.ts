// Regions as the benchmark needs them: brokers set up as production brokers are, and what they have cost.
import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { createRegion, type Region, type RegionOptions } from '../src/regions/index.ts';
import type { BenchCluster } from './contestants/contestant.ts';
import { readProcessCost } from './process-cost.ts';

/** As much as a broker for this load needs; the page cache does the rest. */
const brokerHeapMb = 1024;
/** Of each of several brokers of a region. */
const smallBrokerHeapMb = 640;
const brokerConfig = {
  // Kafka's own values, where our test regions set smaller or shorter ones.
  'num.network.threads': '3',
  'num.io.threads': '8',
  'broker.session.timeout.ms': '9000',
  'broker.heartbeat.interval.ms': '2000',
  // Deleted topics free the disk at once.
  'log.segment.delete.delay.ms': '1000',
  // Which begins half a minute after the start otherwise.
  'log.initial.task.delay.ms': '1000',
};

/** A region that is not started yet. `tls` opens a listener for it beside the plain one. */
export function benchRegion({
  tls = false,
  brokerConfig: own,
  ...options
}: RegionOptions & { tls?: boolean }): Promise<Region> {
  return createRegion({
    heapMb: (options.brokers ?? 1) > 1 ? smallBrokerHeapMb : brokerHeapMb,
    jvm: 'throughput',
    ...(tls && { security: { tls } }),
    ...options,
    brokerConfig: { ...brokerConfig, ...own },
  });
}

/** How a contestant reaches a region. */
export function benchCluster(region: Region, { tls = false }: { tls?: boolean } = {}): BenchCluster {
  return {
    name: region.name,
    bootstrap: tls ? region.bootstrapOf('SSL') : region.bootstrap,
    tls: tls ? region.tls : null,
  };
}

/** CPU seconds of all processes of these regions so far. */
export function brokersCpuSeconds(regions: readonly Region[]): number {
  let sum = 0;
  for (const { brokers, controllers } of regions)
    for (const { pid } of [...brokers, ...controllers])
      sum += pid === null ? Number.NaN : readProcessCost(pid).cpuSeconds;
  return sum;
}

/** Bytes of a topic's log segments on the disk of a region's first broker: all of the topic where it is the only one. */
export async function logBytes(region: Region, topic: string): Promise<number> {
  let total = 0;
  for (const file of await segmentsOf(region, topic)) total += (await stat(file)).size;
  return total;
}

/** Resolves when these segments are on the disk: whoever is measured next is not to wait while they are written. */
export async function flushLog(region: Region, topic: string): Promise<void> {
  for (const file of await segmentsOf(region, topic)) {
    await using handle = await open(file);
    await handle.datasync();
  }
}

async function segmentsOf(region: Region, topic: string): Promise<string[]> {
  const data = path.join(region.directory, 'broker-1', 'data');
  const files: string[] = [];
  for (const folder of await readdir(data)) {
    if (folder.replace(/-\d+$/, '') !== topic || !/-\d+$/.test(folder)) continue;
    for (const file of await readdir(path.join(data, folder)))
      if (file.endsWith('.log')) files.push(path.join(data, folder, file));
  }
  return files;
}

/** Resolves when what was deleted is gone from the disks: the next run is not to meet the work of it. */
export async function waitForDeletions(regions: readonly Region[]): Promise<boolean> {
  const isClean = async () => {
    for (const { brokers } of regions)
      for (const { directory } of brokers)
        if ((await readdir(path.join(directory, 'data'))).some((name) => name.endsWith('-delete')))
          return false;
    return true;
  };
  const untilMs = performance.now() + deletionMsMax;
  while (!(await isClean())) {
    if (performance.now() > untilMs) return false;
    await new Promise((resolve) => setTimeout(resolve, deletionPollMs));
  }
  return true;
}

const deletionMsMax = 30_000;
const deletionPollMs = 200;
