// One mirror, where it stands, and how its promotion went.
import type { MirrorState } from '../../link/lifecycle.ts';

export interface MirrorRecord {
  readonly v: number;
  readonly link: string;
  readonly sourceTopic: string;
  readonly mirrorTopic: string;
  readonly partitionCount: number;
  readonly sourceTopicId: string;
  readonly mirrorTopicId: string;
  readonly state: MirrorState;
  readonly sinceMs: number;
  /** Why, where the state needs a reason: the last promotion timed out, say. */
  readonly reason: string | null;
  readonly promotion?: Promotion;
  /**
   * Which life of the mirror this is: grows each time that roles turn its direction back, and gives it producer ids of
   * its own (`linkProducerId`), since those of a former life were shut out for good. Default 0.
   */
  readonly incarnation?: number;
}

export interface Promotion {
  readonly commandId: string;
  /** The mirror is forgotten when it is closed (`mirrors delete`); its topic stays. */
  readonly isForgotten?: boolean;
  readonly kind: 'planned' | 'now';
  readonly requestedAtMs: number;
  /** A planned one gives up after this moment. */
  readonly deadlineMs: number;
  /** Where each partition of the source stood still while whoever asked for it watched; offsets of the source. */
  readonly stoodStill?: readonly string[];
  /** What people should know of it: positions of groups that did not come over, say. */
  readonly remark?: string;
  /** Where the mirror's partitions were closed, once they are; offsets as decimal strings. */
  readonly partitions?: readonly PromotedPartition[];
}

export interface PromotedPartition {
  readonly partition: number;
  /** First offset that is not the source's any more. */
  readonly cutOffset: string;
  /** The source's end when it was last seen; null: never seen by the fleet that promoted. */
  readonly sourceEnd: string | null;
  readonly sourceSeenAtMs: number | null;
  /** Known to be missing: at least so many records; null where the source was never seen. */
  readonly missingRecords: string | null;
  /** The tail that in-sync replicas do not have yet. */
  readonly isReplicated: boolean;
}
