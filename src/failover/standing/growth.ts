// Writes that reach a former primary: its log grows although another region is primary. Two looks, a moment apart.
import { setTimeout as pause } from 'node:timers/promises';
import { describeTopics, listOffsets } from '../../client/index.ts';
import { primaryOf, type RolesRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { within } from '../../patience.ts';
import { groupTopics } from '../moved.ts';
import type { OpenGroup, OpenRegion } from '../types.ts';
import type { Problem, SplitBrain } from './types.ts';

/** Between the looks, ms: a client that writes at all mostly does within it. */
const betweenLooksMs = 1_000;
/** A region that does not tell by then is not waited for, ms. */
const lookMsMax = 5_000;

/** Topics of each region that another one is primary for and nothing is mirrored into, so that only clients can write there. */
function suspects(group: OpenGroup, roles: RolesRecord): { region: OpenRegion; topics: string[] }[] {
  return [...group.regions.values()].flatMap((region) => {
    if (region.cluster === null) return [];
    const waiting = Object.hasOwn(roles.awaitsRestore, region.name) ? roles.awaitsRestore[region.name]! : [];
    const own = region.state?.roles.get(roles.group);
    // A region that takes itself for primary copies nothing either.
    const mistaken =
      own === undefined
        ? []
        : groupTopics(group, roles).filter((topic) => primaryOf(own, topic).region === region.name);
    const topics = [...new Set([...waiting, ...mistaken])];
    const foreign = topics.filter((topic) => primaryOf(roles, topic).region !== region.name);
    return foreign.length === 0 ? [] : [{ region, topics: foreign }];
  });
}

export interface Watched {
  readonly splitBrains: readonly SplitBrain[];
  /** Regions whose topics may not be seen. */
  readonly unseen: readonly Problem[];
}

export async function findSplitBrains(group: OpenGroup, roles: RolesRecord | null): Promise<Watched> {
  if (roles === null) return { splitBrains: [], unseen: [] };
  const unseen: Problem[] = [];
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
        if (!(error instanceof LockstepError)) throw error;
        // A region that does not answer is told as such elsewhere.
        if (error.code === 'NOT_AUTHORIZED') unseen.push(unseenProblem(region, error));
        return [];
      }
    }),
  );
  return { splitBrains: found.flat(), unseen };
}

function unseenProblem({ name }: OpenRegion, { message }: LockstepError): Problem {
  return {
    what: `nobody watches whether clients write to ${name}, too: ${message}`,
    remedy: 'grant that right to whoever looks at the group: docs/security.md',
  };
}

/**
 * The sum of all ends of a topic; topics that are not there are left out.
 * @throws LockstepError NOT_AUTHORIZED for the first one that we may not see
 */
async function endsOf({ cluster }: OpenRegion, topics: readonly string[]): Promise<Map<string, bigint>> {
  const described = await describeTopics(cluster, topics);
  const queries = topics.flatMap((topic) => {
    const found = described.get(topic)!;
    if (!found.ok && found.error.code === 'NOT_AUTHORIZED') throw found.error;
    const partitions = found.ok ? found.value.partitions : [];
    return Array.from(partitions, (_, partition) => ({ topic, partition, at: 'latest' as const }));
  });
  const sums = new Map<string, bigint>();
  for (const { item, outcome } of await listOffsets(cluster, queries, { timeoutMs: lookMsMax }))
    if (outcome.ok) sums.set(item.topic, (sums.get(item.topic) ?? 0n) + outcome.value.offset);
  return sums;
}
