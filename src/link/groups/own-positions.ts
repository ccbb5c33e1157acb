// What we wrote at the destination: by position for as long as this keeper lives, by group over a change of leaders.
import type { KeeperStore } from '../keeper-store.ts';
import type { CommitResult } from './commit.ts';
import { type GroupPlan, keyOf, type Position } from './plan.ts';

/**
 * What of a group's commits is ours: the source's positions. Those that somebody else set here, and that were committed
 * again to keep them from expiring, stay his.
 */
export function ownCommits(plan: GroupPlan, { committed }: CommitResult): Position[] {
  const others = plan.positions.filter(({ commit, destination, wanted }) => {
    return commit !== null && commit.offset === destination && commit.offset !== wanted;
  });
  const keys = new Set(others.map(({ mirrorTopic, partition }) => keyOf({ topic: mirrorTopic, partition })));
  return committed.filter((position) => !keys.has(keyOf(position)));
}

export class OwnPositions {
  readonly #store: KeeperStore | undefined;
  readonly #written = new Map<string, Map<string, Position>>();

  constructor(store: KeeperStore | undefined) {
    this.#store = store;
  }

  /** Groups that we wrote to and did not delete since. */
  get groupIds(): ReadonlySet<string> {
    return new Set([...this.#written.keys(), ...(this.#store?.entries().keys() ?? [])]);
  }

  /** What we wrote for a group in this life; empty after a change of leaders. */
  of(groupId: string): ReadonlyMap<string, Position> {
    return this.#written.get(groupId) ?? new Map();
  }

  /** Takes down what was committed. The store is told of groups that are new to it. */
  async add(results: ReadonlyMap<string, readonly Position[]>): Promise<void> {
    const known = this.#store?.entries();
    const added = new Map<string, object>();
    for (const [groupId, committed] of results) {
      if (committed.length === 0) continue;
      const positions = this.#written.get(groupId) ?? new Map<string, Position>();
      for (const position of committed) positions.set(keyOf(position), position);
      this.#written.set(groupId, positions);
      if (known?.has(groupId) === false) added.set(groupId, { v: 1 });
    }
    if (added.size > 0) await this.#store?.put(added);
  }

  removePositions(groupId: string, positions: readonly Pick<Position, 'topic' | 'partition'>[]): void {
    for (const position of positions) this.#written.get(groupId)?.delete(keyOf(position));
  }

  async removeGroups(groupIds: readonly string[]): Promise<void> {
    const known = this.#store?.entries();
    for (const groupId of groupIds) this.#written.delete(groupId);
    const removed = groupIds.filter((groupId) => known?.has(groupId));
    if (removed.length > 0) await this.#store?.put(new Map(removed.map((groupId) => [groupId, null])));
  }
}
