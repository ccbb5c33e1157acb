// Planned positions as MirrorMaker 2's checkpoints. Pure. Offsets are exact: those of the source, less the mirror's shift. A
// position beyond what is mirrored is told up to there, as it is committed, and told again as the mirror comes along; one
// whose place is not known (nobody copies the partition yet, or it is no copy any more) is not told.
import type { Checkpoint } from '../mirror-maker/index.ts';
import { type GroupPlan, keyOf, type SeenGroup } from './plan.ts';

/** What Checkpoint's format holds. */
const metadataBytesMax = 32_767;

export function checkpointsOf(
  plans: readonly GroupPlan[],
  source: { readonly groups: ReadonlyMap<string, SeenGroup> },
): Checkpoint[] {
  return plans.flatMap(({ groupId, positions }) => {
    const committed = new Map(
      source.groups.get(groupId)?.positions.map((position) => [keyOf(position), position.metadata]),
    );
    return positions.flatMap(({ topic, mirrorTopic, partition, source: upstreamOffset, reachable }) => {
      if (reachable === undefined) return [];
      const metadata = committed.get(keyOf({ topic, partition })) ?? '';
      return [
        {
          ...{ group: groupId, topic: mirrorTopic, partition, upstreamOffset, offset: reachable },
          metadata: Buffer.byteLength(metadata) > metadataBytesMax ? '' : metadata,
        },
      ];
    });
  });
}
