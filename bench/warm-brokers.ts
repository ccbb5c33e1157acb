// Warms the brokers of a stage's first destination up for replicated appends and markers: what stages write before they are
// measured (bench/stage.ts) is neither. A JVM that meets new work compiles beside it for a minute and more: of 1.7 cores
// that three brokers took at first their compilers took 1.0, and a minute later 0.5. Who was measured first paid for them.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LockstepError } from '../src/errors.ts';
import { startStraight } from './contestants/straight.ts';
import { benchCluster, waitForDeletions } from './regions.ts';
import type { Stage } from './stage.ts';
import { endRunning } from './throughput.ts';

const topic = 'warm-up-markers';
/** Little, so that what was written does not push logs that are to be read out of the page cache. */
const work = { records: 100, recordBytes: 64 };

export async function warmForMarkers(
  { directory, installation, source, destinations, destinationOffsets }: Stage,
  how: { partitions: number; replicationFactor: number; seconds?: number },
): Promise<void> {
  const { partitions, replicationFactor, seconds = 60 } = how;
  const [destination] = destinations;
  const [offsets] = destinationOffsets;
  const folder = path.join(directory, topic);
  await mkdir(folder);
  await offsets!.createTopic(topic, partitions, replicationFactor);
  const job = {
    ...{ directory: folder, label: topic, installation, topics: [topic], partitions, replicationFactor },
    ...{ source: benchCluster(source), destinations: [benchCluster(destination!)] },
    ...{ compression: 'none' as const, isLive: false, profileFile: null },
  };
  const { child, logFile } = startStraight(job, work);
  await sleep(seconds * 1000);
  if (child.exitCode !== null)
    throw new LockstepError('INTERNAL', `Warming up ended with ${child.exitCode}; see ${logFile}.`);
  await endRunning(child);
  await offsets!.deleteTopics([topic]);
  await waitForDeletions(destinations);
}
