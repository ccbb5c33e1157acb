// Groups that are not where they were at the source when a mirror is promoted, kept where a loss report finds them: the
// source may be gone by then, and with it all that could be asked. One value per topic; what the source said last is
// kept at once, since a source that hangs is waited for longer than a promotion takes.
import type { KeeperStore } from '../keeper-store.ts';
import type { GroupStatus, PositionStatus } from './types.ts';

/** The value of `behind/<link>/<source topic>` in the control topic. */
export interface GroupsBehind {
  readonly v: 1;
  readonly atMs: number;
  /** When the source last told its positions, ms; null: never. */
  readonly sourceHeardAtMs: number | null;
  readonly positions: readonly (Pick<PositionStatus, 'partition' | 'source' | 'wanted' | 'destination'> & {
    readonly group: string;
  })[];
}

/** Keeps what is behind of these topics, and forgets what was noted of those that are not. */
export async function noteBehind(
  store: KeeperStore,
  groups: readonly Pick<GroupStatus, 'group' | 'positions'>[],
  about: {
    readonly sourceTopics: readonly string[];
    readonly atMs: number;
    readonly sourceHeardAtMs: number | null;
  },
): Promise<void> {
  const { sourceTopics, atMs, sourceHeardAtMs } = about;
  const behind = groups.flatMap(({ group, positions }) =>
    positions.filter(({ state }) => state !== 'synced').map((position) => ({ group, ...position })),
  );
  const byTopic = Map.groupBy(behind, ({ topic }) => topic);
  const known = store.entries();
  const entries = sourceTopics.flatMap((topic): [string, GroupsBehind | null][] => {
    const positions = (byTopic.get(topic) ?? []).map(({ group, partition, source, wanted, destination }) => ({
      ...{ group, partition, source, wanted, destination },
    }));
    if (positions.length === 0) return known.has(topic) ? [[topic, null]] : [];
    return [[topic, { v: 1, atMs, sourceHeardAtMs, positions }]];
  });
  if (entries.length > 0) await store.put(new Map(entries));
}
