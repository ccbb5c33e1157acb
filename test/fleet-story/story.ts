// What every chapter of the story works with.
import type { Cluster } from '../../src/client/index.ts';
import type { ControlTopic } from '../../src/control/index.ts';
import type { Region } from '../../src/regions/index.ts';
import type { Oracle } from '../support/read-committed-oracle.ts';
import { waitFor } from '../support/wait-for.ts';
import { type ClusterFiles, javaSide, type RegionName } from './secured-regions.ts';
import type { StoryFleet } from './story-fleet.ts';
import type { LoadedTopic, StoryLoad } from './story-load.ts';

export interface Story {
  readonly regions: Readonly<Record<RegionName, Region>>;
  /** As super users. */
  readonly admins: Readonly<Record<RegionName, Cluster>>;
  readonly files: ClusterFiles;
  readonly oracle: Oracle;
  readonly control: ControlTopic;
  readonly fleet: StoryFleet;
  readonly load: StoryLoad;
  /** Those that the link's filter takes, as they are now. */
  readonly topics: LoadedTopic[];
}

/** Both sides as `app-reader` sees them. */
export const bothSides = ({ regions }: Story) => ({
  source: javaSide(regions['us-east'], 'app-reader'),
  destination: javaSide(regions['eu-west'], 'app-reader'),
});

export async function createAtSource(
  { oracle, regions }: Story,
  created: readonly LoadedTopic[],
): Promise<void> {
  await oracle.createTopics(
    regions['us-east'],
    created.map(({ name, partitions }) => ({ name, partitions, replicationFactor: 3 })),
  );
}

/** Runs a chapter of the story; a failure says in which one. */
export async function step(name: string, run: () => Promise<void>): Promise<void> {
  const startedAtMs = Date.now();
  try {
    await run();
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
  }
  show(`${((Date.now() - startedAtMs) / 1000).toFixed(1)} s: ${name}`);
}

/** With `LOCKSTEP_STORY=1` the story tells how long each chapter took, and what was seen. */
export function show(what: unknown): void {
  if (process.env.LOCKSTEP_STORY) console.log(typeof what === 'string' ? what : JSON.stringify(what));
}

export function eventually(
  what: string | (() => string),
  condition: () => Promise<boolean>,
): Promise<boolean> {
  return waitFor(condition, { deadlineMs: 90_000, pollMs: 300, describe: what });
}
