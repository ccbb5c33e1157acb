// A keeper between two regions of a test, for topics that are named.
import { type Cluster, systemClock } from '../../src/client/index.ts';
import { GroupKeeper, type GroupKeeperOptions, type GroupMirror } from '../../src/link/groups/index.ts';
import type { Notice } from '../../src/link/index.ts';

export interface TestKeeper extends AsyncDisposable {
  readonly keeper: GroupKeeper;
  readonly notices: Notice[];
  stateOf(group: string): string | undefined;
}

export type KeeperChanges = Partial<Omit<GroupKeeperOptions, 'source' | 'destination' | 'mirrors'>> & {
  readonly mirrors?: readonly (Partial<GroupMirror> & { sourceTopic: string })[];
};

/** Not started: tests look when they mean to, with `keeper.lookNow()`. */
export function keeperOf(source: Cluster, destination: Cluster, changes: KeeperChanges = {}): TestKeeper {
  const notices: Notice[] = [];
  const { mirrors = [], ...rest } = changes;
  const full = mirrors.map(
    (mirror): GroupMirror => ({
      mirrorTopic: mirror.sourceTopic,
      partitionCount: 1,
      shiftOf: () => 0n,
      ...mirror,
    }),
  );
  const keeper = new GroupKeeper({
    source,
    destination,
    selects: () => true,
    config: { everyMs: 500, deletions: false, backwards: false },
    mirrors: () => full,
    onNotice: (notice) => notices.push(notice),
    clock: systemClock,
    ...rest,
  });
  return {
    keeper,
    notices,
    stateOf: (group) => keeper.status().groups.find((entry) => entry.group === group)?.state,
    [Symbol.asyncDispose]: () => keeper.stop(),
  };
}
