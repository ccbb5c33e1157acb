// One process for each destination: how a program that writes to one destination serves several, and what an agent that
// keeps them all is compared with. Their costs are added.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Job, Running } from './contestant.ts';

/** Starts `startOne` for each destination of the job, each with a folder of its own. */
export async function startOneEach(job: Job, startOne: (job: Job) => Promise<Running>): Promise<Running> {
  if (job.destinations.length === 1) return startOne(job);
  const started: Running[] = [];
  for (const destination of job.destinations) {
    const directory = path.join(job.directory, destination.name);
    await mkdir(directory);
    started.push(await startOne({ ...job, directory, destinations: [destination] }));
  }
  const [first, ...others] = started;
  return { ...first!, beside: others.map(({ child }) => child) };
}
