// Looks at what MirrorMaker 2 has left, and proposes what becomes of each topic. Changes nothing.
import { describeConfigs, unwrap } from '../client/index.ts';
import type { TopicMetadata } from '../client/metadata.ts';
import { LockstepError } from '../errors.ts';
import { type TakenPartition, type Takeover, takeoverOf } from '../link/index.ts';
import { matchesTopic, mirrorNameOf } from '../topology/index.ts';
import { membersOf } from './connect-members.ts';
import { type ConnectOffset, readConnectOffsets } from './connect-offsets.ts';
import { type Writer, writerIn } from './newest-writer.ts';
import { type RemotePosition, remotePosition } from './positions.ts';
import { type Logs, logsOf, type ReadingOptions } from './seen-records.ts';
import { findTakeover, type TakeoverPoint } from './takeover-point.ts';
import type { MigrationOptions, MigrationPlan, PartitionPlan, TopicPlan } from './types.ts';

/** Positions of groups at the source, by topic and partition. */
export type WantedPositions = ReadonlyMap<string, readonly bigint[]>;

/** @throws LockstepError for what a cluster does. */
export async function inspectLink(
  options: MigrationOptions,
  wanted: WantedPositions,
): Promise<MigrationPlan> {
  const { link, source, destination, connect, store, signal } = options;
  const [members, offsets, sourceTopics, remoteTopics] = [
    await membersOf(destination, connect.group),
    await readConnectOffsets(destination, connect.offsetsTopic, signal),
    (await source.metadata()).topics,
    (await destination.metadata()).topics,
  ];
  await store.refresh();
  const topics = chosenTopics(options, sourceTopics);
  const pairs = topics.map((topic) => ({
    topic,
    found: sourceTopics.get(topic)!,
    remote: remoteTopics.get(mirrorNameOf(link, topic)),
  }));
  const partitionsTotal = pairs.reduce((sum, { remote }) => sum + (remote?.partitions.length ?? 0), 0);
  const progress = { partitionsDone: 0, partitionsTotal, bytesRead: 0 };
  const reading: ReadingOptions = {
    signal,
    onBytes: (bytes) => {
      progress.bytesRead += bytes;
      options.onProgress?.({ ...progress });
    },
  };
  const logs = { source: logsOf(source), remote: logsOf(destination) };
  try {
    const plans: TopicPlan[] = [];
    for (const { topic, found, remote } of pairs) {
      const inspector = new TopicInspector(
        { ...options, reading, logs, wanted, offsets: offsets ?? [] },
        { topic, found, remote },
      );
      plans.push(await inspector.plan());
      progress.partitionsDone += remote?.partitions.length ?? 0;
      options.onProgress?.({ ...progress });
    }
    return {
      ...{ link: link.name, source: link.source, destination: link.destination, connect, members },
      hasConnectOffsets: offsets !== null,
      topics: plans,
    };
  } finally {
    logs.source.close();
    logs.remote.close();
  }
}

/** @throws LockstepError USAGE for a topic that the link does not take or the source does not have. */
export function chosenTopics(
  { link, topics: only }: Pick<MigrationOptions, 'link' | 'topics'>,
  sourceTopics: ReadonlyMap<string, TopicMetadata>,
): string[] {
  const taken = [...sourceTopics.keys()].filter((topic) => matchesTopic(link, topic)).sort();
  if (only === undefined) return taken;
  for (const topic of only)
    if (!taken.includes(topic))
      throw new LockstepError(
        'USAGE',
        `link ${link.name} takes no topic ${topic} of ${link.source}: it is not there, not in topics, or excluded`,
      );
  return taken.filter((topic) => only.includes(topic));
}

interface Inspection extends MigrationOptions {
  readonly reading: ReadingOptions;
  readonly logs: { readonly source: Logs; readonly remote: Logs };
  readonly wanted: WantedPositions;
  readonly offsets: readonly ConnectOffset[];
}

interface TopicPair {
  readonly topic: string;
  readonly found: TopicMetadata;
  readonly remote: TopicMetadata | undefined;
}

class TopicInspector {
  readonly #options: Inspection;
  readonly #pair: TopicPair;
  readonly #remoteTopic: string;

  constructor(options: Inspection, pair: TopicPair) {
    this.#options = options;
    this.#pair = pair;
    this.#remoteTopic = mirrorNameOf(options.link, pair.topic);
  }

  async plan(): Promise<TopicPlan> {
    const { found, remote, topic } = this.#pair;
    const { store, link } = this.#options;
    if (remote === undefined)
      return this.#is('new', 'there is no remote topic: Lockstep makes an identical mirror', 1);
    const takeover = takeoverOf(store, { link: link.name, topic, mirrorTopicId: remote.topicId });
    const newest = await this.#newestWriters(remote.partitions.length);
    if (newest.every((writer) => writer === 'nobody') && takeover === null)
      return this.#is('new', 'the remote topic is empty: Lockstep copies into it from the source’s start', 1);
    const isOurs = newest.every((writer) => writer === 'lockstep' || writer === 'nobody');
    if (takeover === null && isOurs) return this.#is('lockstep', 'a mirror that Lockstep began', 0);
    const isTaken = takeover !== null && (await this.#isIntact(takeover, newest));
    const life = isTaken ? takeover.life : (takeover?.life ?? 0) + 1;
    if (remote.partitions.length > found.partitions.length) {
      const reason = `the remote topic has ${remote.partitions.length} partitions, the source ${found.partitions.length}`;
      return this.#is('beside', reason, life);
    }
    const other = this.#otherMirror(remote.topicId);
    if (other !== null) return this.#is('beside', other, life);
    const settings = await this.#settings();
    if (settings.reason !== null) return this.#is('beside', settings.reason, life);
    const partitions: PartitionPlan[] = [];
    for (let partition = 0; partition < remote.partitions.length; partition++) {
      const at = await this.#partition(
        partition,
        settings.isCompacted,
        takeover && isTaken ? takeover : null,
      );
      if ('reason' in at) return this.#is('beside', `partition ${partition}: ${at.reason}`, life);
      partitions.push(at);
    }
    return { ...this.#is(isTaken ? 'taken' : 'continue', null, life), partitions };
  }

  #is(decision: TopicPlan['decision'], reason: string | null, life: number): TopicPlan {
    const { topic, found, remote } = this.#pair;
    return {
      ...{ topic, remoteTopic: this.#remoteTopic, decision, reason, life },
      sourceTopicId: found.topicId,
      remoteTopicId: remote?.topicId ?? null,
      partitions: [],
    };
  }

  /** Why it is nobody's to take: another mirror lives there, or one that was promoted. */
  #otherMirror(topicId: string): string | null {
    const { mirrors, link } = this.#options;
    const mirror = mirrors.find(({ mirrorTopicId }) => mirrorTopicId === topicId);
    if (mirror === undefined) return null;
    if (mirror.link !== link.name) return `it is the mirror of link ${mirror.link}`;
    const isPromoted = mirror.state === 'Promoted' || mirror.state === 'Closing';
    return isPromoted ? 'it was promoted, and is a topic of its own' : null;
  }

  /** Whether nobody but Lockstep has written since it was taken over. */
  async #isIntact(takeover: Takeover, newest: readonly Writer[]): Promise<boolean> {
    if (takeover.sourceTopicId !== this.#pair.found.topicId) return false;
    for (const [partition, { start, shift }] of takeover.partitions.entries()) {
      const { highWatermark } = await this.#logs(partition).remote.committed.offsets(this.#options.signal);
      const isUntouched = highWatermark === start - shift;
      if (!isUntouched && newest[partition] !== 'lockstep') return false;
    }
    return true;
  }

  async #newestWriters(partitionCount: number): Promise<Writer[]> {
    const writers: Writer[] = [];
    for (let partition = 0; partition < partitionCount; partition++) {
      writers.push(await writerIn(this.#logs(partition).remote, this.#options.signal));
    }
    return writers;
  }

  /** Why the settings forbid it, and whether records may have been compacted away. */
  async #settings(): Promise<{ reason: string | null; isCompacted: boolean }> {
    const { source, destination } = this.#options;
    const names = ['cleanup.policy', 'message.timestamp.type'];
    const [there, here] = await Promise.all(
      (
        [
          [source, this.#pair.topic],
          [destination, this.#remoteTopic],
        ] as const
      ).map(async ([cluster, name]) => {
        const [described] = await describeConfigs(cluster, [{ type: 'topic', name }], { names });
        return unwrap(described!.outcome);
      }),
    );
    const isCompacted = [there, here].some((settings) =>
      (settings!.get('cleanup.policy')?.value ?? '').includes('compact'),
    );
    const stamps = here!.get('message.timestamp.type')?.value === 'LogAppendTime';
    const reason = stamps
      ? 'the remote topic has message.timestamp.type=LogAppendTime: its records have other timestamps than the source’s, so the two can not be compared'
      : null;
    return { reason, isCompacted };
  }

  async #partition(
    partition: number,
    isCompacted: boolean,
    takeover: Takeover | null,
  ): Promise<PartitionPlan | { readonly reason: string }> {
    const { wanted, reading } = this.#options;
    const { topic } = this.#pair;
    const logs = this.#logs(partition);
    const positions = wanted.get(`${topic}/${partition}`) ?? [];
    const committed = this.#committed(partition);
    const lowest = positions.length === 0 ? null : positions.reduce((least, at) => (at < least ? at : least));
    const question = { ...logs, committed, isCompacted, reachBackTo: lowest };
    const point = await findTakeover(question, reading).catch(asReason);
    const taken = takeover?.partitions[partition];
    if (point.kind === 'refused') {
      if (taken === undefined) return point;
      // It was shown once, and holds; only positions in front of it can't be told now.
      const { reason } = point;
      const untold = positions
        .filter((at) => at < taken.start)
        .map((at) => [at, { kind: 'unknown', reason }] as const);
      return this.#plan(
        partition,
        { ...taken, remoteEnd: taken.start - taken.shift, toCopy: 0n },
        committed,
        new Map(untold),
      );
    }
    const found = new Map<bigint, RemotePosition>();
    for (const position of new Set(positions))
      found.set(position, await remotePosition(point, logs, position, reading));
    return {
      ...this.#plan(partition, { ...point, ...taken }, committed, found),
      ...countsOf(point, committed),
    };
  }

  #plan(
    partition: number,
    { start, shift, witness, remoteEnd, toCopy }: TakenPartition & { remoteEnd: bigint; toCopy: bigint },
    committed: bigint | null,
    positions: ReadonlyMap<bigint, RemotePosition>,
  ): PartitionPlan {
    return {
      ...{ partition, start, shift, witness, remoteEnd, toCopy, committed, positions },
      ...{ uncommittedCount: 0, doubledCount: 0, abortedCount: 0, comparedCount: 0 },
    };
  }

  #committed(partition: number): bigint | null {
    const { offsets, connect } = this.#options;
    const { topic } = this.#pair;
    const own = offsets.filter(
      (at) => at.cluster === connect.sourceAlias && at.topic === topic && at.partition === partition,
    );
    return own.reduce<bigint | null>(
      (most, { offset }) => (offset !== null && (most === null || offset > most) ? offset : most),
      null,
    );
  }

  #logs(partition: number) {
    const { logs } = this.#options;
    return {
      source: logs.source.of(this.#pair.topic, partition),
      remote: logs.remote.of(this.#remoteTopic, partition),
    };
  }
}

/** What can't be read or told apart of one topic must not hold up the others. */
function asReason(error: unknown): { readonly kind: 'refused'; readonly reason: string } {
  if (error instanceof LockstepError && ownFaults.has(error.code))
    return { kind: 'refused', reason: error.message };
  throw error;
}

const ownFaults: ReadonlySet<string> = new Set(['BATCH_UNSUPPORTED', 'BATCH_CORRUPT', 'CONFIG_INVALID']);

function countsOf(
  { stretch }: TakeoverPoint,
  committed: bigint | null,
): Pick<PartitionPlan, 'uncommittedCount' | 'doubledCount' | 'abortedCount' | 'comparedCount'> {
  if (stretch === null) return { uncommittedCount: 0, doubledCount: 0, abortedCount: 0, comparedCount: 0 };
  const { source, alignment } = stretch;
  const { doubledCount, abortedCount, places } = alignment;
  const copied = new Set(places.filter((place) => place !== null));
  const uncommittedCount = [...copied].filter((place) => source[place]!.offset > (committed ?? -1n)).length;
  return {
    ...{ doubledCount, abortedCount, comparedCount: copied.size },
    uncommittedCount: committed === null ? 0 : uncommittedCount,
  };
}
