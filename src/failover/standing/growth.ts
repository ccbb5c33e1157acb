// Writes that reach a former primary: its log grows although another region is primary. Two looks, a moment apart.
import { setTimeout as pause } from 'node:timers/promises';
import { listOffsets } from '../../client/index.ts';
import { primaryOf, type RolesRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import type { OpenGroup, OpenRegion } from '../types.ts';
import { within } from '../within.ts';
import type { SplitBrain } from './types.ts';

/** Between the looks, ms: a client that writes at all mostly does within it. */
const betweenLooksMs = 1_000;
/** A region that does not tell by then is not waited for, ms. */
const lookMsMax = 5_000;

/** Topics of each region that another one is primary for and nothing is mirrored into, so that only clients can write there. */
export function suspects(group: OpenGroup, roles: RolesRecord): { region: OpenRegion; topics: string[] }[] {
  return [...group.regions.values()].flatMap((region) => {
    if (region.cluster === null) return [];
    const waiting = Object.hasOwn(roles.awaitsRestore, region.name) ? roles.awaitsRestore[region.name]! : [];
    const own = region.state?.roles.get(roles.group);
    // A region that takes itself for primary copies nothing either.
    const mistaken =
      own === undefined || own.generation >= roles.generation
        ? []
        : topicsOf(group, roles).filter((topic) => primaryOf(own, topic).region === region.name);
    const topics = [...new Set([...waiting, ...mistaken])];
    const foreign = topics.filter((topic) => primaryOf(roles, topic).region !== region.name);
    return foreign.length === 0 ? [] : [{ region, topics: foreign }];
  });
}

/** Topics that any link of the group mirrors, or did. */
function topicsOf(group: OpenGroup, roles: RolesRecord): string[] {
  const mirrors = [...group.regions.values()].flatMap(({ state }) => [...(state?.mirrors.values() ?? [])]);
  return [
    ...new Set(mirrors.filter(({ link }) => roles.links.includes(link)).map((mirror) => mirror.sourceTopic)),
  ];
}

export async function findSplitBrains(group: OpenGroup, roles: RolesRecord | null): Promise<SplitBrain[]> {
  if (roles === null) return [];
  const found = await Promise.all(
    suspects(group, roles).map(async ({ region, topics }): Promise<SplitBrain[]> => {
      try {
        const beganAtMs = performance.now();
        const before = await within(endsOf(region, topics), lookMsMax, 'reading where topics end');
        await pause(betweenLooksMs);
        const after = await within(endsOf(region, topics), lookMsMax, 'reading where topics end');
        const overMs = performance.now() - beganAtMs;
        return topics.flatMap((topic) => {
          const grewBy = (after.get(topic) ?? 0n) - (before.get(topic) ?? after.get(topic) ?? 0n);
          const primary = primaryOf(roles, topic).region;
          return grewBy > 0n ? [{ region: region.name, primary, topic, grewBy, overMs }] : [];
        });
      } catch (error) {
        // A region that does not tell is told as such elsewhere.
        if (error instanceof LockstepError) return [];
        throw error;
      }
    }),
  );
  return found.flat();
}

/** The sum of all ends of a topic; topics that are not there are left out. */
async function endsOf({ cluster }: OpenRegion, topics: readonly string[]): Promise<Map<string, bigint>> {
  const metadata = await cluster.metadata({ topics });
  const queries = topics.flatMap((topic) =>
    Array.from(metadata.topics.get(topic)?.partitions ?? [], (_, partition) => ({
      ...{ topic, partition, at: 'latest' as const },
    })),
  );
  const sums = new Map<string, bigint>();
  for (const { item, outcome } of await listOffsets(cluster, queries, { timeoutMs: lookMsMax }))
    if (outcome.ok) sums.set(item.topic, (sums.get(item.topic) ?? 0n) + outcome.value.offset);
  return sums;
}
