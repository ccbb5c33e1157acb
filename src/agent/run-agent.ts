// The process that runs links: connects to their clusters, starts a runner for each, shows how they stand, stops
// cleanly when told.
import { Cluster, type ClusterConfig, FramePool, formatAddress } from '../client/index.ts';
import { LazyControlTopic } from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import { LinkRunner, type LinkStatus, type Notice, Shifts, StartGuard } from '../link/index.ts';
import {
  clusterTransactions,
  defaultTuning,
  findOpenTransactions,
  LinkMirror,
  linkProducerId,
  type MirrorExactness,
  type OpenTransactionQuestions,
  transactionQuestions,
} from '../mirror/index.ts';
import { type LinkConfig, literalTopics, matchesTopic, type Topology } from '../topology/index.ts';
import { linkCluster, mirrorCluster } from './link-clusters.ts';

export interface AgentStatus {
  readonly atMs: number;
  readonly links: readonly LinkStatus[];
}

export interface AgentOptions {
  readonly topology: Topology;
  /** Only this link; all of them when absent. */
  readonly link?: string;
  /** Aborted to stop: appends under way are waited for, then everything is closed. */
  readonly signal: AbortSignal;
  /** How everything stands, every `statusEveryMs`, and once at the end. */
  readonly onStatus: (status: AgentStatus) => void;
  readonly statusEveryMs: number;
  readonly onNotice: (link: string, notice: Notice) => void;
}

const discoverEveryMs = 5_000;
/** Idle frames kept for reuse; what is in flight counts on its own (`inFlightBytesMax` of the link). */
const keptBytesMax = 8 * 1024 * 1024;
/** Reading in larger pieces costs less while catching up; appends have short answers. */
const readBufferBytes = { reading: 256 * 1024, appending: 16 * 1024 };

/**
 * Runs until the signal is aborted; resolves with the last status.
 * @throws LockstepError when a cluster can't be reached or refuses at the start. Later failures are shown and retried.
 */
export async function runAgent(options: AgentOptions): Promise<AgentStatus> {
  const { topology, signal } = options;
  const links = chosenLinks(topology, options.link);
  const clusters = new Map<string, Cluster>();
  const runners: LinkRunner[] = [];
  const status = (): AgentStatus => ({ atMs: Date.now(), links: runners.map((runner) => runner.status()) });
  let timer: NodeJS.Timeout | undefined;
  try {
    for (const name of new Set(links.flatMap((link) => [link.source, link.destination]))) {
      const config = topology.clusters[name];
      if (config === undefined)
        throw new LockstepError('CONFIG_INVALID', `link names cluster ${name}, which is not declared`);
      clusters.set(name, await Cluster.connect(config, { framePool: new FramePool({ keptBytesMax }) }));
    }
    for (const link of links) runners.push(linkRunner(link, clusters, options));
    for (const runner of runners) await runner.start();
    timer = setInterval(() => options.onStatus(status()), options.statusEveryMs);
    await aborted(signal);
    return status();
  } finally {
    clearInterval(timer);
    await Promise.all(runners.map((runner) => runner.stop()));
    options.onStatus(status());
    for (const cluster of clusters.values()) cluster.close();
  }
}

function chosenLinks(topology: Topology, name: string | undefined): LinkConfig[] {
  const links = Object.values(topology.links);
  if (name === undefined) {
    if (links.length === 0)
      throw new LockstepError(
        'CONFIG_INVALID',
        `${topology.file}: no link is declared; add one under links:`,
      );
    return links;
  }
  const link = links.find((candidate) => candidate.name === name);
  if (link !== undefined) return [link];
  const known = links.map((candidate) => candidate.name).join(', ');
  throw new LockstepError('USAGE', `there is no link ${name} in ${topology.file}; there are: ${known}`);
}

function linkRunner(
  link: LinkConfig,
  clusters: ReadonlyMap<string, Cluster>,
  options: AgentOptions,
): LinkRunner {
  const source = clusters.get(link.source)!;
  const destination = clusters.get(link.destination)!;
  if (source.clusterId === destination.clusterId) {
    throw new LockstepError(
      'CONFIG_INVALID',
      `link ${link.name}: ${link.source} and ${link.destination} are one cluster (id ${source.clusterId}); a topic can't be its own mirror`,
    );
  }
  const mirrorName = (topic: string): string => `${link.prefix}${topic}`;
  const sides = { source: linkCluster(source), destination: linkCluster(destination, { mirrorName }) };
  const replicationFactor = link.replicationFactor ?? -1;
  const telling = { onNotice: (notice: Notice) => options.onNotice(link.name, notice), nowMs: Date.now };
  const startGuard = new StartGuard({ ...sides, ...telling });
  // Ends when the cluster's client is closed.
  const store = new LazyControlTopic(destination, {
    replicationFactor,
    onWarning: (text) => telling.onNotice({ atMs: Date.now(), level: 'warning', text }),
  });
  const mirror = new LinkMirror({
    source: mirrorCluster(source, { purpose: 'reading', readBufferBytes: readBufferBytes.reading }),
    destination: mirrorCluster(destination, {
      purpose: 'appending',
      topicName: mirrorName,
      readBufferBytes: readBufferBytes.appending,
    }),
    producerId: linkProducerId({ sourceClusterId: source.clusterId, linkName: link.name }),
    tuning: {
      ...defaultTuning,
      producerConnections: link.producerConnections,
      fetchBytesMax: link.fetchBytesMax,
      inFlightBytesMax: link.inFlightBytesMax,
    },
    exactness: exactnessOf(link),
    openTransactions: openTransactionQuestions(source, options.topology.clusters[link.source]!),
    transactions: { linkName: link.name, requests: clusterTransactions(destination) },
    guardStart: (partition) => startGuard.guard(partition),
    isStartGuarded: (topic) => startGuard.isReadDenied(topic),
    random: Math.random,
    nowMs: Date.now,
  });
  return new LinkRunner({
    name: link.name,
    ...sides,
    ...telling,
    mirror,
    startGuard,
    shifts: new Shifts({ ...sides, ...telling, store, link: link.name, start: link.start }),
    selects: (topic) => matchesTopic(link, topic),
    namedTopics: literalTopics(link),
    replicationFactor,
    discoverEveryMs,
    startAt: link.startAt,
    configs: link.sync.configs,
  });
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

function exactnessOf(link: LinkConfig): MirrorExactness {
  const { holes, compactionGaps, start, fillOffsetsMax, retentionOvertook } = link;
  return { holes, compactionGaps, start, fillOffsetsMax, retentionOvertook };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
