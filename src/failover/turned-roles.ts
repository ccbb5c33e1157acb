// The roles after a move; pure.
import {
  historyAfter,
  type PrimaryOf,
  primariesUntil,
  primaryOf,
  type RolesRecord,
  recordVersion,
} from '../control/index.ts';

export interface Turn {
  readonly kind: 'switchover' | 'failover';
  readonly to: string;
  /** By exact name; null: every topic whose primary is `from`. */
  readonly topics: readonly string[] | null;
  readonly from: string;
  /** Topics that may differ in the other regions from now on; a switchover has none. */
  readonly awaitsRestore: readonly string[];
  readonly moveId: string;
  readonly by: string;
  readonly atMs: number;
}

/** Whether a move has changed the roles since they had this generation; a file that adds a link only makes it grow. */
export function isTurnedSince({ history = [] }: RolesRecord, generation: number): boolean {
  return history.some((ancestor) => ancestor.generation >= generation);
}

/** `to` becomes primary of what is moved, since the next generation; everything else stays as it is. */
export function turnedRoles(roles: RolesRecord, turn: Turn): RolesRecord {
  const generation = roles.generation + 1;
  const turned: PrimaryOf = { region: turn.to, sinceGeneration: generation };
  return {
    ...roles,
    v: recordVersion,
    generation,
    ...(turn.topics === null
      ? allTurned(roles, turn, turned)
      : { topics: { ...roles.topics, ...Object.fromEntries(turn.topics.map((topic) => [topic, turned])) } }),
    awaitsRestore: awaiting(roles, turn),
    changedBy: turn.kind,
    moveId: turn.moveId,
    by: turn.by,
    atMs: turn.atMs,
    history: historyAfter(roles, { ...roles, generation }),
    formerPrimaries: primariesUntil(roles),
  };
}

function allTurned(
  { primary, topics }: RolesRecord,
  { from }: Turn,
  turned: PrimaryOf,
): Pick<RolesRecord, 'primary' | 'topics'> {
  const entries = Object.entries(topics);
  if (primary.region === from) {
    // Topics that had `from` by name go along with the others.
    return {
      primary: turned,
      topics: Object.fromEntries(entries.filter(([, { region }]) => region !== from)),
    };
  }
  return {
    primary,
    topics: Object.fromEntries(entries.map(([topic, each]) => [topic, each.region === from ? turned : each])),
  };
}

/**
 * Every region but the new primary may have records of the topics that it lacks, the old primary first of all. A topic
 * that waited at the new primary itself is one of those: what is there instead is what counts from now on.
 */
function awaiting(roles: RolesRecord, turn: Turn): RolesRecord['awaitsRestore'] {
  const { to, from, topics: moved } = turn;
  const waitedThere = Object.hasOwn(roles.awaitsRestore, to) ? roles.awaitsRestore[to]! : [];
  const overtaken = waitedThere.filter((topic) =>
    moved === null ? primaryOf(roles, topic).region === from : moved.includes(topic),
  );
  const lost = [...turn.awaitsRestore, ...overtaken];
  const entries = roles.regions.flatMap((region): [string, readonly string[]][] => {
    const before = Object.hasOwn(roles.awaitsRestore, region) ? roles.awaitsRestore[region]! : [];
    // What is primary waits for nothing.
    const topics =
      region === to
        ? before.filter((topic) => !lost.includes(topic))
        : [...new Set([...before, ...lost])].sort();
    return topics.length === 0 ? [] : [[region, topics]];
  });
  return Object.fromEntries(entries);
}

/** The region that a group is moved away from: the primary of what `to` is not primary of yet; null: there is nothing. */
export function movesFrom(
  roles: RolesRecord,
  to: string,
  topics: readonly string[] | null,
): readonly string[] {
  if (topics !== null)
    return [...new Set(topics.map((topic) => primaryOf(roles, topic).region))].filter((name) => name !== to);
  if (roles.primary.region !== to) return [roles.primary.region];
  return [...new Set(Object.values(roles.topics).map(({ region }) => region))].filter((name) => name !== to);
}
