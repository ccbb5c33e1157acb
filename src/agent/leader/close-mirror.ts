// Closes a mirror for its link, partition by partition (mirror/shell/fence.ts), and says where each was cut.
//
// Agents have been told to stop by then. What the closing marker is for are those that did not hear it: a frozen one
// would go on writing into a topic that lives.
import { type Cluster, describeProducers, logEndOffset, systemClock } from '../../client/index.ts';
import type { MirrorRecord, PromotedPartition } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { type Ask, fencePartition, linkRotation, MarkerWriter } from '../../mirror/index.ts';
import { Slots } from '../../slots.ts';

export interface CloseOptions {
  readonly destination: Cluster;
  /** The link's producer id at rotation 0. */
  readonly producerId: bigint;
  /** How long replicas may take, in ms; what they lack then is named, and the promotion goes on. */
  readonly replicationTimeoutMs: number;
  /** What was last seen of the source's partitions; null: never. Offsets are the mirror's. */
  seen(partition: number): { readonly sourceEnd: bigint; readonly atMs: number } | null;
}

export interface Closed {
  readonly partitions: readonly PromotedPartition[];
  /** Why frozen agents were not shut out; null when they were. */
  readonly unfenced: string | null;
}

const partitionsAtOnceMax = 64;
const answerTimeoutMs = 15_000;

/** @throws LockstepError when a partition can't be closed now; the same call again mends it. */
export async function closeMirror(mirror: MirrorRecord, options: CloseOptions): Promise<Closed> {
  const { destination } = options;
  const topic = mirror.mirrorTopic;
  await destination.metadata({ topics: [topic] });
  const items = Array.from({ length: mirror.partitionCount }, (_, partition) => ({ topic, partition }));
  const described = await describeProducers(destination, items);
  const slots = new Slots(partitionsAtOnceMax);
  const writers = new Map<number, MarkerWriter>();
  const writerTo = (broker: number): MarkerWriter => {
    const known = writers.get(broker);
    if (known !== undefined) return known;
    const writer = new MarkerWriter({
      open: () => destination.openConnection(broker, { purpose: 'promotion' }),
      answerTimeoutMs,
      nowMs: () => performance.now(),
    });
    writers.set(broker, writer);
    return writer;
  };
  let unfenced: string | null = null;
  try {
    const partitions = await Promise.all(
      items.map(({ partition }) =>
        slots.use(async () => {
          const { outcome } = described[partition]!;
          if (!outcome.ok) throw outcome.error;
          const producerId = linkRotation(
            options.producerId,
            outcome.value.producers.map((producer) => producer.producerId),
          );
          const { leaderId, leaderEpoch, topicId } = await destination.leaderOf(topic, partition);
          const ask: Ask = (api, input) => destination.request(api, input, { to: leaderId });
          const log = { topic, topicId, partition, leaderEpoch, leader: leaderId };
          const cut = await fence({ log, ask, producerId, writer: writerTo(leaderId) }, options);
          unfenced ??= cut.unfenced;
          return promoted(partition, cut, options.seen(partition));
        }),
      ),
    );
    return { partitions, unfenced };
  } finally {
    for (const writer of writers.values()) writer.close();
  }
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
    return { offset: before, isReplicated: true, unfenced: error.message };
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
