// A consumer group of each kind of client stops in one region and starts in the other, while its topic is written to.
import { expect } from 'vitest';
import { type Cluster, fetchGroupOffsets, unwrap } from '../../src/client/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { type ConsumedRecord, type ConsumerMake, consumerMakes } from '../groups/consumers.ts';
import { waitFor } from '../support/wait-for.ts';
import { javaLogin, librdkafkaLogin, type RegionName } from './secured-regions.ts';

const reader = 'app-reader';
const makes: readonly ConsumerMake[] = consumerMakes.filter(({ name, missing }) => {
  if (missing !== null) console.log(`groups of ${name} are left out: ${missing}`);
  return missing === null;
});

export interface Traveller {
  readonly make: ConsumerMake;
  readonly group: string;
  readonly topic: string;
  readonly reads: ConsumedRecord[][];
}

export const travellers = (topic: string, prefix: string): Traveller[] =>
  makes.map((make, index) => ({ make, group: `${prefix}-${index}`, topic, reads: [] }));

/** Joins the group there, reads so many records, commits them and leaves. */
export async function reads(
  { make, group, topic, reads }: Traveller,
  region: Region,
  count: number,
): Promise<void> {
  const login = {
    bootstrap: region.bootstrapOf('SASL_SSL'),
    java: javaLogin(region, reader),
    librdkafka: librdkafkaLogin(region, reader, make.name === 'kcat' ? 'PLAIN' : 'SCRAM-SHA-512'),
  };
  reads.push(await make.read({ region, topic, group, count, login }));
}

/** Waits until the positions of the groups at the destination are those at the source. */
export async function untilSynced(
  groups: readonly string[],
  admins: Readonly<Record<RegionName, Cluster>>,
): Promise<void> {
  let seen: unknown;
  for (const group of groups) {
    await waitFor(
      async () => {
        const [there, here] = await Promise.all([
          positions(admins['us-east'], group),
          positions(admins['eu-west'], group),
        ]);
        seen = { there, here };
        return there.length > 0 && JSON.stringify(there) === JSON.stringify(here);
      },
      {
        deadlineMs: 60_000,
        pollMs: 200,
        describe: () => `positions of ${group} to be synced: ${JSON.stringify(seen)}`,
      },
    );
  }
}

async function positions(cluster: Cluster, group: string): Promise<string[]> {
  const committed = await fetchGroupOffsets(cluster, group);
  return committed
    .map(({ topic, partition, outcome }) => `${topic}-${partition}: ${unwrap(outcome).offset}`)
    .sort();
}

/** What was read last goes on where the reads before it ended: nothing is left out, and at most so much comes again. */
export function expectNoGap({ make, reads }: Traveller, againMax: number): number {
  const last = reads.at(-1)!;
  const before = new Set(reads.slice(0, -1).flat().map(placeOf));
  const again = last.filter((record) => before.has(placeOf(record))).length;
  expect({ client: make.name, again }, 'what comes again').toSatisfy(() => again <= againMax);
  for (const [partition, records] of Map.groupBy(last, (record) => record.partition)) {
    const offsets = records.map(({ offset }) => offset);
    expect(offsets, `${make.name}, partition ${partition}, in order`).toEqual(
      offsets.map((_, i) => offsets[0]! + i),
    );
  }
  for (const [partition, records] of Map.groupBy(reads.flat(), (record) => record.partition)) {
    const offsets = [...new Set(records.map(({ offset }) => offset))].sort((a, b) => a - b);
    expect(offsets, `${make.name}, partition ${partition}, without a gap`).toEqual(offsets.map((_, i) => i));
  }
  return again;
}

const placeOf = ({ partition, offset }: ConsumedRecord): string => `${partition}/${offset}`;
