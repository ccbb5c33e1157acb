// How a link's limit in bytes a second is shared by the agents of a fleet: by the partitions of the link that each of them
// copies. Every agent knows what there is to do and what of it is its own, so nothing has to be told, and the parts of all
// agents never add up to more than the whole.
import { keyOf, type WorkItem } from '../fleet/index.ts';

/** Partitions of one link. */
export interface LimitShare {
  readonly owned: number;
  readonly all: number;
}

/** By link; one without partitions is not in it. `owned`: `keyOf` what is ours. */
export function limitShares(
  work: readonly WorkItem[],
  owned: ReadonlySet<string>,
): ReadonlyMap<string, LimitShare> {
  const shares = new Map<string, { owned: number; all: number }>();
  for (const item of work) {
    const share = shares.get(item.link) ?? { owned: 0, all: 0 };
    share.all += 1;
    if (owned.has(keyOf(item))) share.owned += 1;
    shares.set(item.link, share);
  }
  return shares;
}
