// Closes mirrors for their link, partition by partition (mirror/shell/fence.ts), and says where each was cut.
//
// Agents have been told to stop by then. What the closing marker is for are those that did not hear it: a frozen one
// would go on writing into a topic that lives.
import {
  type Cluster,
  type DescribedProducers,
  describeProducers,
  kafkaFailure,
  listOffsets,
  logEndOffset,
  systemClock,
  unwrap,
} from '../../client/index.ts';
import type { MirrorRecord, PromotedPartition } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { type Ask, fencePartition, MarkerWriters, type MirrorLife, writersOf } from '../../mirror/index.ts';
import { later } from '../../offsets.ts';
import { Slots } from '../../slots.ts';
import { gatheredAsk } from './gathered-asks.ts';

/** What was seen of a partition of the source, in the mirror's offsets; null: it was never seen. */
export type SeenSource = (sourceTopic: string, partition: number) => SeenEnd | null;

export interface SeenEnd {
  readonly sourceEnd: bigint;
  readonly atMs: number;
  /** Told by the source just now; else what an agent told last, while the mirror may have gone on. */
  readonly isLive?: boolean;
}

export interface CloseOptions {
  readonly destination: Cluster;
  /** The link's producer id in a life of a mirror, at rotation 0. */
  producerIdOf(incarnation: number): bigint;
  /** How long replicas may take, in ms; what they lack then is named, and the promotion goes on. */
  readonly replicationTimeoutMs: number;
}

/** Where the mirror of a partition was cut. */
export interface ClosedPartition {
  readonly partition: number;
  readonly offset: bigint;
  readonly isReplicated: boolean;
}

export interface Closed {
  readonly partitions: readonly ClosedPartition[];
  /** Why frozen agents were not shut out; null when they were. */
  readonly unfenced: string | null;
}

/** Their questions are gathered, so that many at once are few requests. */
const partitionsAtOnceMax = 2_000;
const answerTimeoutMs = 15_000;
/** What a partition without a leader may hold up the others, ms. */
const questionTimeoutMs = 5_000;

/** The topic is another one than the mirror, or there is none: UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID. */
const unknownTopic = 3;
const unknownTopicId = 100;

/**
 * Closes mirrors of one link; answers by mirror topic. One that can't be closed now does not hold up the others: the
 * same call again mends it.
 */
export async function closeMirrors(
  mirrors: readonly MirrorRecord[],
  options: CloseOptions,
): Promise<ReadonlyMap<string, Closed | LockstepError>> {
  const { destination } = options;
  await destination.metadata({ topics: mirrors.map(({ mirrorTopic }) => mirrorTopic) });
  const partitions = mirrors.flatMap((mirror) =>
    Array.from({ length: mirror.partitionCount }, (_, partition) => ({
      ...{ mirror, topic: mirror.mirrorTopic, partition },
      life: lifeOf(mirror, options),
    })),
  );
  const described = await describeProducers(destination, partitions, { timeoutMs: questionTimeoutMs });
  const slots = new Slots(partitionsAtOnceMax);
  const brokers = new Brokers(destination);
  try {
    const cuts = await Promise.all(
      partitions.map((at, index) =>
        slots.use(async () => {
          const producers = described[index]!.outcome;
          return { ...at, cut: await orError(() => closePartition(at, unwrap(producers), brokers, options)) };
        }),
      ),
    );
    const byTopic = Map.groupBy(cuts, ({ topic }) => topic);
    return new Map(
      mirrors.map(({ mirrorTopic }): [string, Closed | LockstepError] => {
        const own = byTopic.get(mirrorTopic) ?? [];
        const closed: ClosedPartition[] = [];
        let unfenced: string | null = null;
        for (const { partition, cut } of own) {
          if (cut instanceof LockstepError) return [mirrorTopic, cut];
          const { offset, isReplicated } = cut;
          closed.push({ partition, offset, isReplicated });
          unfenced ??= cut.unfenced;
        }
        return [mirrorTopic, { partitions: closed, unfenced }];
      }),
    );
  } finally {
    brokers.writers.close();
  }
}

/** Whether it was said that the mirror's topic is gone, which no trying mends. */
export function isGone({ detail }: LockstepError): boolean {
  return detail.number === unknownTopic || detail.number === unknownTopicId;
}

interface MirrorPartition {
  readonly mirror: MirrorRecord;
  readonly topic: string;
  readonly partition: number;
  readonly life: MirrorLife;
}

function lifeOf({ incarnation = 0 }: MirrorRecord, { producerIdOf }: CloseOptions): MirrorLife {
  return { producerId: producerIdOf(incarnation), incarnation };
}

async function closePartition(
  { mirror, topic, partition, life }: MirrorPartition,
  { producers }: DescribedProducers,
  brokers: Brokers,
  options: CloseOptions,
): Promise<Cut> {
  const { destination } = options;
  const { leaderId, leaderEpoch, topicId } = await destination.leaderOf(topic, partition);
  if (topicId !== mirror.mirrorTopicId)
    throw kafkaFailure(unknownTopicId, { cluster: destination.name, what: `closing ${topic}-${partition}` });
  return fence(
    {
      log: { topic, topicId, partition, leaderEpoch, leader: leaderId },
      ask: brokers.asking(leaderId),
      writerIds: writersOf(
        life,
        producers.map(({ producerId, producerEpoch: epoch }) => ({ producerId, epoch })),
      ),
      writer: brokers.writers.to(leaderId),
    },
    options,
  );
}

async function orError<T>(work: () => Promise<T>): Promise<T | LockstepError> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LockstepError) return error;
    throw error;
  }
}

/** One who asks each broker, its questions gathered, and one who writes markers to it. */
class Brokers {
  readonly #destination: Cluster;
  readonly #asks = new Map<number, Ask>();
  readonly writers: MarkerWriters;

  constructor(destination: Cluster) {
    this.#destination = destination;
    this.writers = new MarkerWriters({
      open: (broker) => destination.openConnection(broker, { purpose: 'promotion' }),
      answerTimeoutMs,
      nowMs: () => performance.now(),
    });
  }

  asking(broker: number): Ask {
    let ask = this.#asks.get(broker);
    if (ask === undefined) {
      ask = gatheredAsk((api, input) => this.#destination.request(api, input, { to: broker }));
      this.#asks.set(broker, ask);
    }
    return ask;
  }
}

interface Cut {
  readonly offset: bigint;
  readonly isReplicated: boolean;
  readonly unfenced: string | null;
}

async function fence(
  at: Pick<Parameters<typeof fencePartition>[0], 'log' | 'ask' | 'writerIds' | 'writer'>,
  options: CloseOptions,
): Promise<Cut> {
  try {
    const { cutOffset: offset, isReplicated } = await fencePartition({
      ...{ ...at, clock: systemClock, timeoutMs: options.replicationTimeoutMs },
    });
    return { offset, isReplicated, unfenced: null };
  } catch (error) {
    if (!(error instanceof LockstepError) || error.code !== 'NOT_AUTHORIZED') throw error;
    const unfenced = `agents that are frozen now were not shut out: ${error.message}`;
    return { ...(await endOf(options.destination, at.log)), unfenced };
  }
}

/** Where a mirror that can't be closed ends. */
async function endOf(
  destination: Cluster,
  { topic, partition }: { readonly topic: string; readonly partition: number },
): Promise<Omit<Cut, 'unfenced'>> {
  const offset = (await logEndOffset(destination, { topic, partition })).logEndOffset;
  const [latest] = await listOffsets(destination, [{ topic, partition, at: 'latest' }]);
  return { offset, isReplicated: unwrap(latest!.outcome).offset >= offset };
}

/** What is written down of a cut, beside where the source ended. */
export function promotedPartition(
  { partition, offset, isReplicated }: ClosedPartition,
  seen: SeenEnd | null,
): PromotedPartition {
  // What the mirror has was at the source, whatever was told before.
  const sourceEnd = seen === null ? null : seen.isLive ? seen.sourceEnd : later(seen.sourceEnd, offset);
  const missing = sourceEnd === null ? null : later(sourceEnd - offset, 0n);
  return {
    partition,
    cutOffset: String(offset),
    sourceEnd: sourceEnd === null ? null : String(sourceEnd),
    sourceSeenAtMs: seen?.atMs ?? null,
    missingRecords: missing === null ? null : String(missing),
    isReplicated,
  };
}
