// One link put together from its two clusters: the mirror that moves the bytes, and the runner that feeds it.
import { type Cluster, type ClusterConfig, formatAddress } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import {
  earlierLaps,
  LinkRunner,
  type LinkRunnerOptions,
  type Notice,
  type ShiftStore,
  Shifts,
  StartGuard,
  takeoverOf,
} from '../link/index.ts';
import {
  clusterTransactions,
  defaultTuning,
  findOpenTransactions,
  type LeftPartition,
  LinkMirror,
  linkProducerId,
  type MirrorExactness,
  type MirrorObserver,
  type OpenTransactionQuestions,
  ReadLimit,
  type TopicPartition,
  transactionQuestions,
} from '../mirror/index.ts';
import { type LinkConfig, literalTopics, matchesTopic, mirrorNameOf } from '../topology/index.ts';
import type { AgentMemory } from './agent-memory.ts';
import { ledLogs, linkCluster, mirrorCluster } from './link-clusters.ts';

/** Reading in larger pieces costs less while catching up; appends have short answers. */
const readBufferBytes = { reading: 256 * 1024, appending: 16 * 1024 };

export interface LinkParts {
  readonly config: LinkConfig;
  readonly source: Cluster;
  /** How the source was declared, for commands that people are shown. */
  readonly sourceConfig: ClusterConfig;
  readonly destination: Cluster;
  /** Shared by all links of the process. Default: the link has its own. */
  readonly memory?: AgentMemory;
  readonly shiftStore: ShiftStore;
  readonly onNotice: (notice: Notice) => void;
  readonly observer?: MirrorObserver;
  /** What may be read of the source in a second. Default: what the link may, all of it here. */
  readonly limit?: ReadLimit;
  /** How the former agent left a partition; default: nobody knows. */
  readonly takeLeft?: (partition: TopicPartition) => LeftPartition | null;
  /** Whose producer id this is, in words; null, the default: nobody knows. */
  readonly nameWriter?: (producerId: bigint) => string | null;
  /** Which partitions are copied here, and whether topics are made and altered here; default all, yes. */
  readonly share?: Pick<
    LinkRunnerOptions,
    | 'owns'
    | 'isKeeper'
    | 'mayMirror'
    | 'hold'
    | 'beforeMeeting'
    | 'mirroredFrom'
    | 'incarnationOf'
    | 'mayReturn'
  >;
}

/** @throws LockstepError CONFIG_INVALID where both ends are one cluster. */
export function buildLink(parts: LinkParts): LinkRunner {
  const { config, source, destination, memory } = parts;
  if (source.clusterId === destination.clusterId) {
    throw new LockstepError(
      'CONFIG_INVALID',
      `link ${config.name}: ${config.source} and ${config.destination} are one cluster (id ${source.clusterId}); a topic can't be its own mirror`,
    );
  }
  memory?.fit(config);
  const mirrorName = (topic: string): string => mirrorNameOf(config, topic);
  const sides = { source: linkCluster(source), destination: linkCluster(destination, { mirrorName }) };
  const destinationLog = ledLogs(destination);
  const telling = { onNotice: parts.onNotice, nowMs: Date.now };
  const startGuard = new StartGuard({ ...sides, ...telling });
  const mirror = new LinkMirror({
    source: mirrorCluster(source, { purpose: 'reading', readBufferBytes: readBufferBytes.reading }),
    destination: mirrorCluster(destination, {
      purpose: 'appending',
      readBufferBytes: readBufferBytes.appending,
      topicName: mirrorName,
    }),
    producerIdOf: (incarnation) =>
      linkProducerId({ sourceClusterId: source.clusterId, linkName: config.name, incarnation }),
    tuning: {
      ...defaultTuning,
      producerConnections: config.producerConnections,
      fetchConnections: config.fetchConnections,
      fetchBytesMax: config.fetchBytesMax,
      inFlightBytesMax: config.inFlightBytesMax,
      isInFlightByWay: config.isInFlightByWay,
    },
    ...(memory && { memory: memory.budget }),
    exactness: exactnessOf(config),
    limit: parts.limit ?? wholeLimit(config),
    openTransactions: openTransactionQuestions(source, parts.sourceConfig),
    loops: {
      destinationClusterId: destination.clusterId,
      sourceName: config.source,
      destinationName: config.destination,
      destinationLog,
      earlierLaps: (topic) => earlierLaps(topic, mirrorName),
      ...(parts.nameWriter && { nameWriter: parts.nameWriter }),
    },
    transactions: { linkName: config.name, requests: clusterTransactions(destination) },
    guardStart: (partition) => startGuard.guard(partition),
    isStartGuarded: (topic) => startGuard.isReadDenied(topic),
    random: Math.random,
    nowMs: Date.now,
    ...(parts.takeLeft && { takeLeft: parts.takeLeft }),
    ...(parts.observer && { observer: parts.observer }),
  });
  return new LinkRunner({
    name: config.name,
    ...sides,
    ...telling,
    mirror,
    startGuard,
    shifts: new Shifts({
      ...sides,
      ...telling,
      store: parts.shiftStore,
      link: config.name,
      start: config.start,
    }),
    selects: (topic) => matchesTopic(config, topic),
    namedTopics: literalTopics(config),
    replicationFactor: config.replicationFactor ?? -1,
    discoverEveryMs: config.sync.topics.everyMs,
    startAt: config.startAt,
    configs: config.sync.configs,
    mayStartWithoutSource: parts.share !== undefined,
    ...parts.share,
    incarnationOf: (topic) => parts.share?.incarnationOf?.(topic) || takeoverLife(parts, topic),
  });
}

/** The life that began when the mirror was taken over from MirrorMaker 2; 0 where it was not. */
function takeoverLife({ config, destination, shiftStore }: LinkParts, topic: string): number {
  const mirrorTopicId = destination.knownMetadata.topics.get(mirrorNameOf(config, topic))?.topicId;
  if (mirrorTopicId === undefined) return 0;
  return takeoverOf(shiftStore, { link: config.name, topic, mirrorTopicId })?.life ?? 0;
}

function openTransactionQuestions(
  source: Cluster,
  { bootstrap, tls, sasl }: ClusterConfig,
): OpenTransactionQuestions {
  const questions = transactionQuestions(source);
  return {
    ask: (partitions) => findOpenTransactions(questions, partitions),
    bootstrap: bootstrap.map(formatAddress).join(','),
    isSecured: tls !== undefined || sasl !== undefined,
  };
}

function wholeLimit({ bytesPerSecondMax }: LinkConfig): ReadLimit {
  const limit = new ReadLimit();
  if (bytesPerSecondMax !== undefined) limit.set({ bytesPerSecondMax, share: 1 });
  return limit;
}

function exactnessOf(link: LinkConfig): MirrorExactness {
  const { holes, compactionGaps, start, fillOffsetsMax, retentionOvertook } = link;
  return { holes, compactionGaps, start, fillOffsetsMax, retentionOvertook };
}
