// How a restore's tests begin: eu-west has what was written before, us-east is given up, and what is written to each behind
// that only it has.
import { describe, expect, test } from 'vitest';
import { Cluster, deleteTopics, listTopics, unwrap } from '../../src/client/index.ts';
import { restoreSteps } from '../../src/failover/restore/index.ts';
import type { Step } from '../../src/failover/types.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { type Oracle, useOracle } from '../support/read-committed-oracle.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { SplitRegions } from './split-regions.ts';

/** When the restores begin, so that the names of what they save are known. */
export const startedAtMs = Date.UTC(2026, 10, 21, 18, 40);
/** Records of one writing, in each partition. */
const writtenCount = 20;

/** Roles stand in the regions, so each test has its own. */
export function withRegions(name: string, run: (us: Region, eu: Region) => Promise<void>): void {
  describe('two regions', () => {
    const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
    test(name, () => run(regions['us-east'], regions['eu-west']));
  });
}

export interface Parting {
  readonly us: Region;
  readonly eu: Region;
  readonly topics: readonly string[];
  /** Of each topic. Default 1. */
  readonly partitionCount?: number;
  readonly configsOf?: (topic: string) => Readonly<Record<string, string>>;
  /** What else happens while us-east is primary, and where each partition ends then. Default: 20 records in each. */
  readonly also?: () => Promise<unknown>;
  readonly endsAt?: number;
}

export interface PartedRegions {
  readonly oracle: Oracle;
  /** Twenty records in each partition, the same keys each time. */
  write(
    region: Region,
    topics: string | readonly string[],
    text: string,
    partitions?: readonly number[],
  ): Promise<void>;
  values(region: Region, topic: string, partition?: number): Promise<(string | null)[]>;
  /** Writes `before`, and gives us-east up. */
  part(parting: Parting): Promise<SplitRegions>;
}

export function usePartedRegions(): PartedRegions {
  const oracle = useOracle();
  const write: PartedRegions['write'] = async (region, topics, text, partitions = [0]) => {
    await oracle.workload(region).produce({
      producer: `writer ${region.name}`,
      records: [topics]
        .flat()
        .flatMap((topic) =>
          partitions.flatMap((partition) =>
            numbered(text).map((value, i) => ({ topic, partition, key: `${i}`, value })),
          ),
        ),
    });
  };
  return {
    oracle,
    write,
    async values(region, topic, partition = 0) {
      const { records } = await oracle.read({ region, topic, partition, isolation: 'read_committed' });
      return records.map(({ value }) => value?.toString() ?? null);
    },
    async part({ us, eu, topics, partitionCount = 1, configsOf, also, endsAt = writtenCount }) {
      const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);
      await oracle.createTopics(
        us,
        topics.map((name) => ({
          ...{ name, partitions: partitionCount },
          ...(configsOf && { configs: configsOf(name) }),
        })),
      );
      const split = await SplitRegions.start({ us, eu, topics });
      try {
        await write(us, topics, 'before', partitions);
        await also?.();
        for (const topic of topics)
          await split.mirrored(
            topic,
            partitions.map(() => endsAt),
          );
        await split.failOver(topics);
        return split;
      } catch (error) {
        await split[Symbol.asyncDispose]();
        throw error;
      }
    },
  };
}

/** The values of one writing. */
export function numbered(text: string, count = writtenCount): string[] {
  return Array.from({ length: count }, (_, i) => `${text} ${i}`);
}

/** The steps of a restore, with something that happens right before one of them, each time that it is tried. */
export function stepsWith(name: string, before: () => Promise<void>): Step[] {
  return restoreSteps.map(
    (step): Step => ({
      ...step,
      run: async (context, move) => {
        if (step.name === name) await before();
        return step.run(context, move);
      },
    }),
  );
}

/** Deletes topics that it has, and waits until they are gone. */
export async function deleteAt(region: Region, topics: readonly string[]): Promise<void> {
  const cluster = await Cluster.connect(configOf(region));
  try {
    for (const outcome of (await deleteTopics(cluster, topics)).values()) unwrap(outcome);
    const left = async () => {
      const listed = await listTopics(cluster);
      return topics.filter((topic) => listed.has(topic));
    };
    await expect.poll(left).toEqual([]);
  } finally {
    cluster.close();
  }
}
