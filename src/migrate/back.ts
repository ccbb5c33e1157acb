// Back to MirrorMaker 2: Connect is told how far Lockstep has copied, so that MirrorMaker 2 goes on behind it.
//
//   1. No agent runs, and no MirrorMaker 2.
//   2. Each mirror is closed, as at a promotion: an agent that is frozen now and wakes up, or one that somebody starts,
//      is refused by the brokers. It costs two offsets that no consumer sees.
//   3. The newest source offset of each partition is written where Connect keeps it: the mirror's end before the closing,
//      in the source's offsets. MirrorMaker 2 begins with the one behind it.
//
// Typed again it closes nothing twice, and writes the same; not once MirrorMaker 2 has gone on, since the mirror's end
// is that of others then.
import { type Closed, closeMirrors } from '../agent/index.ts';
import { type Cluster, describeAcls, logEndOffset } from '../client/index.ts';
import type { TopicMetadata } from '../client/metadata.ts';
import type { MirrorRecord } from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import { readPlacements, takeoverOf } from '../link/index.ts';
import { linkProducerId } from '../mirror/index.ts';
import { mirrorNameOf } from '../topology/index.ts';
import { requireNoAgent, requireStopped } from './connect-members.ts';
import {
  type ConnectOffset,
  type OffsetToWrite,
  offsetKey,
  partitionOfKey,
  readConnectOffsets,
  writeConnectOffsets,
} from './connect-offsets.ts';
import { type Lies, whyMisplaced } from './in-place.ts';
import { chosenTopics } from './inspect.ts';
import { newestWriter, type Writer } from './newest-writer.ts';
import { logsOf } from './seen-records.ts';
import type { MigrationOptions } from './types.ts';

export interface PartitionBack {
  readonly partition: number;
  /** What Connect says now; null: nothing. */
  readonly before: bigint | null;
  /** Where the mirror ends, its closing left out; null: not closed yet. */
  readonly mirrorEnd: bigint | null;
  /** What Connect is told: the newest source offset that was copied; null: nothing was. */
  readonly offset: bigint | null;
}

export interface TopicBack {
  readonly topic: string;
  readonly remoteTopic: string;
  /** Why MirrorMaker 2 can't be told; null where it is. */
  readonly reason: string | null;
  readonly partitions: readonly PartitionBack[];
}

export interface BackPlan {
  readonly link: string;
  readonly destination: string;
  readonly offsetsTopic: string;
  readonly topics: readonly TopicBack[];
  /** Agents that could not be shut out, for want of a right; null: they are. */
  readonly unfenced: string | null;
  /** Rules that keep a principal from writing, which MirrorMaker 2 may be. */
  readonly denials: readonly { readonly topic: string; readonly principal: string }[];
}

/** How long replicas may take to have the closing, ms. */
const replicationTimeoutMs = 30_000;
const connectorDefault = 'MirrorSourceConnector';

/**
 * Says what would be written (`isDryRun`), or writes it.
 * @throws LockstepError AGENT_RUNS, MIRROR_MAKER_RUNS, CONFIG_INVALID without an offsets topic.
 */
export async function goBack(options: MigrationOptions & { readonly isDryRun: boolean }): Promise<BackPlan> {
  const { link, source, destination, connect, store, isDryRun, signal } = options;
  if (!isDryRun) await requireNoAgent(destination, 'they would go on copying beside MirrorMaker 2');
  if (!isDryRun) await requireStopped(destination, connect);
  const { offsets, size } = await connectOffsets(destination, connect.offsetsTopic, signal);
  await store.refresh();
  const mirrorName = (topic: string): string => mirrorNameOf(link, topic);
  const placementOf = await readPlacements({ destination, store, link: link.name, mirrorName });
  const { topics: sourceTopics } = await source.metadata();
  const { topics: remoteTopics } = await destination.metadata();
  const plans: TopicBack[] = [];
  const writing: OffsetToWrite[] = [];
  let unfenced: string | null = null;
  for (const topic of chosenTopics(options, sourceTopics)) {
    const remote = remoteTopics.get(mirrorName(topic));
    const base = { topic, remoteTopic: mirrorName(topic), partitions: [] };
    if (remote === undefined) continue;
    const takeover = takeoverOf(store, { link: link.name, topic, mirrorTopicId: remote.topicId });
    const writers: Writer[] = [];
    for (const { partition } of remote.partitions) {
      const at = { topic: base.remoteTopic, partition };
      const taken = takeover?.partitions[partition];
      const isUntouched =
        taken !== undefined &&
        (await logEndOffset(destination, at)).logEndOffset === taken.start - taken.shift;
      // What stands there is MirrorMaker 2's, and was compared: Lockstep has had nothing to add yet.
      writers.push(isUntouched ? 'lockstep' : await newestWriter(destination, at, signal));
    }
    const known = options.mirrors.find(
      (mirror) => mirror.link === link.name && mirror.mirrorTopicId === remote.topicId,
    );
    const reason =
      whyNot(known, takeover !== null, writers) ??
      (await whyElsewhere(options, { topic, remote }, (partition) => placementOf(topic, partition)));
    if (reason !== null) {
      plans.push({ ...base, reason });
      continue;
    }
    const incarnation = Math.max(known?.incarnation ?? 0, takeover?.life ?? 0);
    const mirror: MirrorRecord = {
      ...unknownMirror,
      ...known,
      ...{ link: link.name, sourceTopic: topic, mirrorTopic: base.remoteTopic, incarnation },
      ...{ partitionCount: remote.partitions.length, mirrorTopicId: remote.topicId },
    };
    const closed = isDryRun ? null : await closeOne(mirror, options);
    unfenced ??= closed?.unfenced ?? null;
    const partitions = remote.partitions.map(({ partition }): PartitionBack => {
      const now = knownOffset(offsets, options, topic, partition);
      const end = closed?.partitions.find((at) => at.partition === partition)?.offset ?? null;
      const at = end === null ? null : end + placementOf(topic, partition).shift - 1n;
      const offset = at === null || at < 0n ? null : at;
      if (closed !== null && !(offset === null && now === undefined)) {
        const key = now?.key ?? offsetKey({ ...keyFacts(offsets, options), topic, partition });
        writing.push({ key, offset, heldBy: now?.heldBy ?? partitionOfKey(key, size) });
      }
      return { partition, before: now?.offset ?? null, mirrorEnd: end, offset };
    });
    plans.push({ ...base, reason: null, partitions });
  }
  if (!isDryRun) {
    await requireStopped(destination, connect);
    await writeConnectOffsets(destination, connect.offsetsTopic, writing, Date.now());
    await requireNoAgent(
      destination,
      'they were started meanwhile; what they copied since is not told to Connect',
    );
  }
  return {
    ...{ link: link.name, destination: link.destination, offsetsTopic: connect.offsetsTopic },
    ...{ topics: plans, unfenced, denials: await denialsOn(destination, plans) },
  };
}

/** WRITE that was withheld on mirrors; nothing where rules can't be read. */
async function denialsOn(destination: Cluster, topics: readonly TopicBack[]): Promise<BackPlan['denials']> {
  const names = new Set(topics.filter(({ reason }) => reason === null).map(({ remoteTopic }) => remoteTopic));
  try {
    const rules = await describeAcls(destination, {
      ...{ resourceType: 'TOPIC', operation: 'WRITE', permission: 'DENY' },
    });
    return rules
      .filter(({ resourceName, patternType }) => patternType === 'LITERAL' && names.has(resourceName))
      .map(({ resourceName: topic, principal }) => ({ topic, principal }));
  } catch (error) {
    if (error instanceof LockstepError) return [];
    throw error;
  }
}

async function connectOffsets(
  destination: Cluster,
  topic: string,
  signal: AbortSignal | undefined,
): Promise<{ offsets: readonly ConnectOffset[]; size: number }> {
  const offsets = await readConnectOffsets(destination, topic, signal);
  const size = (await destination.metadata({ topics: [topic] })).topics.get(topic)?.partitions.length ?? 0;
  if (offsets !== null && size > 0) return { offsets, size };
  throw new LockstepError(
    'CONFIG_INVALID',
    `cluster ${destination.name}: topic ${topic} does not exist, in which MirrorMaker 2 keeps how far it is; name the one that it is going to use: --offsets-topic TOPIC (offset.storage.topic), or create it with cleanup.policy=compact and 25 partitions`,
  );
}

function whyNot(
  mirror: MirrorRecord | undefined,
  isTaken: boolean,
  writers: readonly Writer[],
): string | null {
  if (mirror?.state === 'Promoted' || mirror?.state === 'Closing')
    return 'it was promoted: its records are its own, and MirrorMaker 2 would write into it';
  if (mirror === undefined && !isTaken) return 'Lockstep does not mirror it';
  if (!writers.includes('others')) return null;
  return 'the newest records are not Lockstep’s: MirrorMaker 2 has gone on already, or nothing was copied yet';
}

/** Why a mirror's end does not say how far it was copied. */
async function whyElsewhere(
  { source, destination, signal }: MigrationOptions,
  { topic, remote }: { readonly topic: string; readonly remote: TopicMetadata },
  lies: (partition: number) => Lies,
): Promise<string | null> {
  const logs = { source: logsOf(source), remote: logsOf(destination) };
  try {
    for (const { partition } of remote.partitions) {
      const at = {
        source: logs.source.of(topic, partition),
        remote: logs.remote.of(remote.name, partition),
      };
      const why = await whyMisplaced(at, lies(partition), { signal });
      if (why !== null)
        return `partition ${partition}: ${why}: somebody else wrote to the mirror, and its end does not say how far it was copied. See lockstep verify; MirrorMaker 2 can only begin anew, once the remote topic is deleted`;
    }
    return null;
  } finally {
    logs.source.close();
    logs.remote.close();
  }
}

async function closeOne(
  mirror: MirrorRecord,
  { link, source, destination }: MigrationOptions,
): Promise<Closed> {
  const producerIdOf = (incarnation: number): bigint =>
    linkProducerId({ sourceClusterId: source.clusterId, linkName: link.name, incarnation });
  const closed = await closeMirrors([mirror], { destination, producerIdOf, replicationTimeoutMs });
  const found = closed.get(mirror.mirrorTopic);
  if (found === undefined || found instanceof LockstepError)
    throw found ?? new LockstepError('INTERNAL', `closing ${mirror.mirrorTopic} told nothing`);
  const lagging = found.partitions.find(({ isReplicated }) => !isReplicated);
  if (lagging === undefined) return found;
  throw new LockstepError(
    'KAFKA_ERROR',
    `topic ${mirror.mirrorTopic}: partition ${lagging.partition} is not on all replicas yet; type the same again`,
    { retriable: true },
  );
}

const unknownMirror: Pick<MirrorRecord, 'v' | 'sourceTopicId' | 'state' | 'sinceMs' | 'reason'> = {
  v: 1,
  sourceTopicId: '',
  state: 'Mirroring',
  sinceMs: 0,
  reason: null,
};

function knownOffset(
  offsets: readonly ConnectOffset[],
  { connect }: MigrationOptions,
  topic: string,
  partition: number,
): ConnectOffset | undefined {
  return offsets.find(
    (at) => at.cluster === connect.sourceAlias && at.topic === topic && at.partition === partition,
  );
}

/** As the connector names itself and the source in the records that are there. */
function keyFacts(
  offsets: readonly ConnectOffset[],
  { connect }: MigrationOptions,
): { connector: string; cluster: string } {
  const cluster = connect.sourceAlias;
  const connector = offsets.find((at) => at.cluster === cluster)?.connector ?? connectorDefault;
  return { connector, cluster };
}
