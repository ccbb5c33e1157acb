// Which batches of a source may be records that come back to the cluster they were written in.
//
// Every batch that a mirror holds has a producer id of Lockstep's, which names the cluster that it was read from
// (identity.ts). So a batch at the source may be in a circle for one of two reasons:
//
//   direct    A.orders -> B.a.orders -> here, to A    its tag is the destination's own
//   longer    A.orders -> B -> C -> here, to A        its tag is another cluster's: the batch was mirrored more than once
//
// Neither is a loop by itself: a mirror that was promoted belongs to its region, and mirrors of mirrors are what hubs are
// made of. So the first batch of each such producer id is asked about before anything is made of it: whether its writer
// is alive (direct), or whether the destination has that very record already (longer). What an answer proves for good is
// asked once.
import { sourceTagOf } from './identity.ts';
import type { SourceBatch } from './plan.ts';

/** Stands for all producers that are no Lockstep's. */
export const untagged = -1n;

/** A batch that nothing is made of before somebody has answered. */
export interface ReturnQuestion {
  /** `untagged` for a client's. */
  readonly producerId: bigint;
  /** Its first offset, at the mirror. */
  readonly offset: bigint;
  /** Its tag is that of the cluster it would be written to. */
  readonly isDirect: boolean;
}

export type ReturnVerdict =
  /** Batches of this id may be copied, up to `until` (an offset of the mirror); null: all of them. */
  | { readonly kind: 'passes'; readonly until: bigint | null }
  | { readonly kind: 'returns'; readonly reason: string };

/** Ids that are remembered; one more and the oldest is asked about again. */
const idsMax = 64;
/** A longer way that can't be judged, because one of its ends was deleted, is asked about so often. */
const uncertainMax = 3;

/** Remembers of one partition what was answered. */
export class Returning {
  readonly #ownTag: bigint;
  readonly #isGrown: boolean;
  readonly #passing = new Map<bigint, { until: bigint | null; count: number }>();

  /**
   * @param ownTag of the cluster that is written to (`clusterTag`)
   * @param isGrown whether the topic's name may have grown by a lap; default false
   */
  constructor(ownTag: bigint, isGrown = false) {
    this.#ownTag = ownTag;
    this.#isGrown = isGrown;
  }

  /** What has to be asked before this batch is copied; null: nothing. */
  questionOf(
    batch: Pick<SourceBatch, 'producerId' | 'baseOffset' | 'lastOffset' | 'isControl' | 'isAborted'>,
  ): ReturnQuestion | null {
    const tag = sourceTagOf(batch.producerId);
    if (tag === null && !this.#isGrown) return null;
    const isDirect = tag === this.#ownTag;
    // Markers have no records to be found again.
    if (!isDirect && (batch.isControl || batch.isAborted)) return null;
    const producerId = tag === null ? untagged : batch.producerId;
    const known = this.#passing.get(producerId);
    if (known !== undefined && (known.until === null || batch.lastOffset < known.until)) return null;
    return { producerId, offset: batch.baseOffset, isDirect };
  }

  /** These may be copied. */
  pass({ producerId, isDirect }: ReturnQuestion, until: bigint | null): void {
    const count = (this.#passing.get(producerId)?.count ?? 0) + 1;
    const isDecided = !isDirect && count >= uncertainMax;
    this.#passing.delete(producerId);
    this.#passing.set(producerId, { until: isDecided ? null : until, count });
    const [oldest] = this.#passing.keys();
    if (this.#passing.size > idsMax) this.#passing.delete(oldest!);
  }
}
