// Warms the brokers of a stage's first destination up for replicated appends and markers: what stages write before they are
// measured (bench/stage.ts) is neither. A JVM that meets new work compiles beside it for a minute and more: of 1.7 cores
// that three brokers took at first their compilers took 1.0, and a minute later 0.5. Who was measured first paid for them.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { straight } from './contestants/straight.ts';
import { benchCluster, waitForDeletions } from './regions.ts';
import type { Stage } from './stage.ts';
import { endRunning } from './throughput.ts';

const topic = 'warm-up-markers';
const seconds = 60;

export async function warmForMarkers(
  { directory, installation, source, destinations, destinationOffsets }: Stage,
  { partitions, replicationFactor }: { partitions: number; replicationFactor: number },
): Promise<void> {
  const [destination] = destinations;
  const [offsets] = destinationOffsets;
  const folder = path.join(directory, topic);
  await mkdir(folder);
  await offsets!.createTopic(topic, partitions, replicationFactor);
  const { child } = await straight.start({
    ...{ directory: folder, label: topic, installation, topics: [topic], partitions, replicationFactor },
    ...{ source: benchCluster(source), destinations: [benchCluster(destination!)] },
    ...{ compression: 'none', isLive: false, profileFile: null },
  });
  await sleep(seconds * 1000);
  await endRunning(child);
  await offsets!.deleteTopics([topic]);
  await waitForDeletions(destinations);
}
