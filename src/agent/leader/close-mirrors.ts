// Closes mirrors for their link, partition by partition (mirror/shell/fence.ts), and says where each was cut.
//
// Agents have been told to stop by then. What the closing marker is for are those that did not hear it: a frozen one
// would go on writing into a topic that lives.
import { type Cluster, describeProducers, logEndOffset, systemClock, unwrap } from '../../client/index.ts';
import type { MirrorRecord, PromotedPartition } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { type Ask, fencePartition, linkRotation, MarkerWriter } from '../../mirror/index.ts';
import { Slots } from '../../slots.ts';

/** What was seen of a partition of the source, in the mirror's offsets; null: it was never seen. */
export type SeenSource = (
  sourceTopic: string,
  partition: number,
) => { readonly sourceEnd: bigint; readonly atMs: number } | null;

export interface CloseOptions {
  readonly destination: Cluster;
  /** The link's producer id at rotation 0. */
  readonly producerId: bigint;
  /** How long replicas may take, in ms; what they lack then is named, and the promotion goes on. */
  readonly replicationTimeoutMs: number;
  /** Asked when all are closed: where the source ends, as far as anybody knows. */
  lookAtSource(): Promise<SeenSource>;
}

export interface Closed {
  readonly partitions: readonly PromotedPartition[];
  /** Why frozen agents were not shut out; null when they were. */
  readonly unfenced: string | null;
}

const partitionsAtOnceMax = 64;
const answerTimeoutMs = 15_000;

/**
 * Closes mirrors of one link; answers by mirror topic.
 * @throws LockstepError when a partition can't be closed now; the same call again mends it.
 */
export async function closeMirrors(
  mirrors: readonly MirrorRecord[],
  options: CloseOptions,
): Promise<ReadonlyMap<string, Closed>> {
  const { destination, producerId, lookAtSource } = options;
  const items = mirrors.flatMap(({ sourceTopic, mirrorTopic, partitionCount }) =>
    Array.from({ length: partitionCount }, (_, partition) => ({
      sourceTopic,
      topic: mirrorTopic,
      partition,
    })),
  );
  await destination.metadata({ topics: mirrors.map(({ mirrorTopic }) => mirrorTopic) });
  const described = await describeProducers(destination, items);
  const slots = new Slots(partitionsAtOnceMax);
  const writers = new Writers(destination);
  try {
    const cuts = await Promise.all(
      items.map(({ sourceTopic, topic, partition }, index) =>
        slots.use(async () => {
          const { producers } = unwrap(described[index]!.outcome);
          const { leaderId, leaderEpoch, topicId } = await destination.leaderOf(topic, partition);
          const at = {
            log: { topic, topicId, partition, leaderEpoch, leader: leaderId },
            ask: askBroker(destination, leaderId),
            producerId: linkRotation(
              producerId,
              producers.map((producer) => producer.producerId),
            ),
            writer: writers.to(leaderId),
          };
          return { sourceTopic, topic, partition, cut: await fence(at, options) };
        }),
      ),
    );
    const seen = await lookAtSource();
    const byTopic = Map.groupBy(cuts, ({ topic }) => topic);
    return new Map(
      mirrors.map(({ mirrorTopic }) => {
        const own = byTopic.get(mirrorTopic) ?? [];
        const unfenced = own.find(({ cut }) => cut.unfenced !== null)?.cut.unfenced ?? null;
        const partitions = own.map(({ sourceTopic, partition, cut }) =>
          promoted(partition, cut, seen(sourceTopic, partition)),
        );
        return [mirrorTopic, { partitions, unfenced }];
      }),
    );
  } finally {
    writers.close();
  }
}

/** One writer of markers for each broker. */
class Writers {
  readonly #destination: Cluster;
  readonly #writers = new Map<number, MarkerWriter>();

  constructor(destination: Cluster) {
    this.#destination = destination;
  }

  to(broker: number): MarkerWriter {
    let writer = this.#writers.get(broker);
    if (writer === undefined) {
      writer = new MarkerWriter({
        open: () => this.#destination.openConnection(broker, { purpose: 'promotion' }),
        answerTimeoutMs,
        nowMs: () => performance.now(),
      });
      this.#writers.set(broker, writer);
    }
    return writer;
  }

  close(): void {
    for (const writer of this.#writers.values()) writer.close();
  }
}

function askBroker(cluster: Cluster, broker: number): Ask {
  return (api, input) => cluster.request(api, input, { to: broker });
}

interface Cut {
  readonly offset: bigint;
  readonly isReplicated: boolean;
  readonly unfenced: string | null;
}

async function fence(
  at: Pick<Parameters<typeof fencePartition>[0], 'log' | 'ask' | 'producerId' | 'writer'>,
  options: CloseOptions,
): Promise<Cut> {
  const { destination } = options;
  const { topic, partition } = at.log;

  const before = (await logEndOffset(destination, { topic, partition })).logEndOffset;
  try {
    const report = await fencePartition({
      ...at,
      clock: systemClock,
      timeoutMs: options.replicationTimeoutMs,
    });
    return { offset: report.logEndBefore + BigInt(report.othersCount), isReplicated: true, unfenced: null };
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    if (error.code === 'REQUEST_TIMED_OUT') return { offset: before, isReplicated: false, unfenced: null };
    if (error.code !== 'NOT_AUTHORIZED') throw error;
    return {
      offset: before,
      isReplicated: true,
      unfenced: `agents that are frozen now were not shut out: ${error.message}`,
    };
  }
}

function promoted(
  partition: number,
  { offset, isReplicated }: Cut,
  seen: { readonly sourceEnd: bigint; readonly atMs: number } | null,
): PromotedPartition {
  const missing = seen === null ? null : seen.sourceEnd > offset ? seen.sourceEnd - offset : 0n;
  return {
    partition,
    cutOffset: String(offset),
    sourceEnd: seen === null ? null : String(seen.sourceEnd),
    sourceSeenAtMs: seen?.atMs ?? null,
    missingRecords: missing === null ? null : String(missing),
    isReplicated,
  };
}
