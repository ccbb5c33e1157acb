// Judges a mirror in two ways that share no code: Kafka's own Java consumer, and `lockstep verify`.
import { expect } from 'vitest';
import type { Region } from '../../src/regions/index.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import type { Oracle } from '../support/read-committed-oracle.ts';
import { writeTopology } from './running-agent.ts';

export interface MirroredTopics {
  readonly oracle: Oracle;
  readonly folder: string;
  readonly source: Region;
  readonly destination: Region;
  readonly topics: readonly string[];
  /** Further lines of the link, as for `startAgent`. */
  readonly extra?: string;
  readonly waitMs?: number;
  /** The cleaner runs on both sides; see CompareOptions. */
  readonly isCompacted?: boolean;
}

/** Waits until the mirror is there, compares every record; answers how many records were compared. */
export async function expectIdentical(link: MirroredTopics): Promise<number> {
  const { oracle, source, destination, topics, waitMs = 60_000, isCompacted = false } = link;
  let records = 0;
  for (const topic of topics) {
    records += (await oracle.expectSame({ source, destination, topic, waitMs, isCompacted })).records;
  }
  const verified = await lockstepCommand('verify', await writeTopology(link));
  expect(verified, verified.stdout + verified.stderr).toMatchObject({ exitCode: 0 });
  return records;
}
