// What is known of a loss while the region is gone: from the mirrors' records, which have the cuts, and from what agents
// noted of the source before. Pure.
import type { MirrorRecord, StatusRecord } from '../../control/index.ts';
import { earlier, later } from '../../offsets.ts';
import {
  type GroupBack,
  type LostTransaction,
  lossVersion,
  type PartitionLoss,
  type TopicLoss,
  type UndecidedSeen,
} from './types.ts';

/** How the agents last told of a partition of the mirror. */
export type StatusOf = (partition: number) => StatusRecord | undefined;

/** A promoted mirror's loss, without its groups. */
export function knownLoss(mirror: MirrorRecord, statusOf: StatusOf): TopicLoss {
  const { sourceTopic, mirrorTopic, link, sourceTopicId, promotion } = mirror;
  const partitions = (promotion?.partitions ?? []).map((promoted): PartitionLoss => {
    const { partition, cutOffset, sourceEnd, sourceSeenAtMs, isReplicated } = promoted;
    const status = statusOf(partition);
    const shift = BigInt(status?.shift ?? 0);
    return {
      ...{ partition, cutOffset, sourceEnd, sourceSeenAtMs, isReplicated },
      perSecond: status?.sourceSeen?.perSecond ?? null,
      missing: sourceEnd === null ? null : String(later(BigInt(sourceEnd) - BigInt(cutOffset), 0n)),
      shift: String(shift),
      undecided: undecidedIn(status, shift, BigInt(cutOffset)),
      exact: null,
      unread: null,
    };
  });
  return { v: lossVersion, topic: sourceTopic, mirrorTopic, link, sourceTopicId, partitions, positions: {} };
}

/** A mirror that went on beyond where the transaction began has seen its end. */
function undecidedIn(
  status: StatusRecord | undefined,
  shift: bigint,
  cutOffset: bigint,
): UndecidedSeen | null {
  const seen = status?.sourceSeen;
  if (seen?.undecided === undefined) return null;
  const { highWatermark, transactionalId, producerId } = seen.undecided;
  const from = BigInt(seen.end) - shift;
  if (from < cutOffset) return null;
  return {
    from: String(from),
    to: String(BigInt(highWatermark) - shift),
    ...{ transactionalId, producerId },
  };
}

/** What the lost region's log says of a transaction that was open, once it can be asked. */
export type Decided = Pick<LostTransaction, 'outcome'> &
  Partial<Pick<LostTransaction, 'producerId' | 'transactionalId'>>;

/** Transactions that were open when the source was seen last: one per producer, where producers are known. */
export function undecidedTransactions(
  topics: readonly TopicLoss[],
  decidedAt: (topic: string, partition: PartitionLoss, from: bigint) => Decided | null = () => null,
): LostTransaction[] {
  const places = topics.flatMap(({ topic, partitions }) =>
    partitions.flatMap((each) => {
      const { partition, undecided } = each;
      if (undecided === null) return [];
      const known = decidedAt(topic, each, BigInt(undecided.from));
      const place = `${topic}-${partition} from ${undecided.from}`;
      return [{ outcome: null, ...undecided, ...known, place }];
    }),
  );
  const byProducer = Map.groupBy(places, ({ producerId, place }) => producerId ?? place);
  return Array.from(byProducer.values(), (own) => ({
    kind: 'undecided',
    transactionalId: own.find(({ transactionalId }) => transactionalId !== null)?.transactionalId ?? null,
    producerId: own[0]!.producerId,
    outcome: own[0]!.outcome,
    here: null,
    missing: own.map(({ place }) => place),
    matchedBy: null,
  }));
}

/** Where a group stood at the lost region; the offset is one of the new primary. */
export interface FormerPosition {
  readonly group: string;
  readonly partition: number;
  readonly was: bigint;
}

/** Those positions of a topic that went back, and by how much. */
export function groupsBack(
  { topic, partitions, positions }: TopicLoss,
  former: readonly FormerPosition[],
  told: Pick<GroupBack, 'isExact' | 'heardAtMs'>,
): GroupBack[] {
  const cuts = new Map(partitions.map(({ partition, cutOffset }) => [partition, BigInt(cutOffset)]));
  return former.flatMap(({ group, partition, was }): GroupBack[] => {
    const cut = cuts.get(partition);
    const here = Object.hasOwn(positions, group) ? positions[group]![partition] : null;
    const is = here == null ? null : BigInt(here);
    if (cut === undefined || (is !== null && is >= was)) return [];
    return [
      {
        ...{ group, topic, partition, ...told },
        was: String(was),
        is: is === null ? null : String(is),
        again: is === null ? null : String(later(earlier(was, cut) - is, 0n)),
        gone: String(later(was - cut, 0n)),
      },
    ];
  });
}
