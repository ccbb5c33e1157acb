// Asks one cluster everything that doctor wants to know, and turns the answers into checks. Every question that
// fails costs its own check only.
//
// 1. Each bootstrap address by itself, then the cluster, then each broker at the address it advertises.
// 2. Versions, identity, rights, settings.
// 3. The probe, where asked for, on clusters that are written to.
import {
  type BrokerAddress,
  type BrokerNode,
  Cluster,
  type ClusterConfig,
  type ClusterMetadata,
  Connection,
  describeAcls,
  describeCluster,
  describeConfigs,
  formatAddress,
} from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { type ProbeOptions, type ProbeReport, runProbe, scratchTopicPrefix } from '../../mirror/index.ts';
import { apis } from '../../protocol/index.ts';
import { type LinkConfig, mirrorNameOf } from '../../topology/index.ts';
import type { Check, ClusterReport, Roles } from './checks.ts';
import { checkNames, isDestination } from './checks.ts';
import { fleetRightsChecks, mirrorMakerRightsChecks, syncRightsChecks } from './fleet-rights.ts';
import { holeRightsChecks } from './hole-rights.ts';
import { probeChecks } from './probe-checks.ts';
import { authorizerCheck, destinationRightsCheck, sourceRightsCheck } from './rights.ts';
import { type BrokerSettings, leastSendBufferBytes, settingNames, settingsChecks } from './settings.ts';
import { creatableTopics, topicRights, topicsTaken } from './topic-rights.ts';
import { type BrokerVersion, requestsCheck, versionsCheck } from './versions.ts';
import { type ReadingLink, wayCheck } from './way.ts';

/** Nobody waits longer than this for a broker that does not answer, ms. */
const connectTimeoutMs = 5_000;
const deadlineMs = 15_000;
/** Brokers asked at a time. */
const parallelMax = 8;
const securityDisabled = 54;

export interface InspectOptions {
  readonly config: ClusterConfig;
  readonly roles: Roles;
  readonly probe: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: ProbeOptions['onProgress'];
  /** Topics of clusters that were inspected before, by cluster: what their links will create here. */
  readonly topicsElsewhere: ReadonlyMap<string, readonly string[]>;
}

export interface Inspection {
  readonly report: ClusterReport;
  /** null when the cluster can't be reached. */
  readonly clusterId: string | null;
  /** Topics that we may describe. */
  readonly topics: readonly string[];
}

/** Everything about one cluster. Never throws for what a cluster does. */
export async function inspectCluster(options: InspectOptions): Promise<Inspection> {
  const { config, roles, signal } = options;
  const checks = await reachableChecks(config);
  let cluster: Cluster | undefined;
  let probe: ProbeReport | null = null;
  const interrupt = (): void => cluster?.close();
  try {
    cluster = await Cluster.connect(config, { connectTimeoutMs, deadlineMs });
    // A probe ends by itself, since it has something to remove.
    if (!options.probe) signal.addEventListener('abort', interrupt, { once: true });
    checks.push(...(await clusterChecks(cluster, options)));
    if (options.probe && isDestination(roles)) probe = await probed(cluster, options, checks);
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    if (cluster !== undefined) checks.push({ name: 'brokers', mark: 'bad', detail: error.message });
  } finally {
    signal.removeEventListener('abort', interrupt);
    cluster?.close();
  }
  const order = (check: Check): number => checkNames.indexOf(check.name);
  const report: ClusterReport = {
    name: config.name,
    sourceOf: roles.sourceOf.map((link) => link.name),
    destinationOf: roles.destinationOf.map((link) => link.name),
    reachable: cluster !== undefined,
    checks: checks.sort((a, b) => order(a) - order(b)),
    probe,
  };
  const topics = [...(cluster?.knownMetadata.topics.keys() ?? [])];
  return { report, clusterId: cluster?.clusterId ?? null, topics };
}

/** One check per bootstrap address. One that fails is bad only when all do: the others lead to the cluster. */
async function reachableChecks(config: ClusterConfig): Promise<Check[]> {
  const found = await inBatches(config.bootstrap, async (address) => {
    const failure = await failureOf(config, address);
    return { address: formatAddress(address), failure };
  });
  const anyAnswers = found.some(({ failure }) => failure === null);
  return found.map(({ address, failure }): Check => {
    if (failure === null) return { name: 'reachable', mark: 'ok', detail: address };
    const remedy = anyAnswers
      ? { remedy: 'remove the address from bootstrap, or bring the broker back' }
      : {};
    return { name: 'reachable', mark: anyAnswers ? 'advice' : 'bad', detail: failure.message, ...remedy };
  });
}

async function failureOf(config: ClusterConfig, address: BrokerAddress): Promise<LockstepError | null> {
  try {
    (await openConnection(config, address)).close();
    return null;
  } catch (error) {
    if (error instanceof LockstepError) return error;
    throw error;
  }
}

function openConnection(config: ClusterConfig, address: BrokerAddress): Promise<Connection> {
  const { name, tls, sasl, clientId } = config;
  return Connection.open({
    host: address.host,
    port: address.port,
    cluster: name,
    connectTimeoutMs,
    requestTimeoutMs: connectTimeoutMs,
    ...(tls && { tls }),
    ...(sasl && { sasl }),
    ...(clientId !== undefined && { clientId }),
  });
}

async function clusterChecks(cluster: Cluster, options: InspectOptions): Promise<Check[]> {
  const { config, roles, topicsElsewhere } = options;
  const description = await describeCluster(cluster);
  const metadata = await cluster.metadata();
  const brokers = cluster.brokers;
  const asked = await inBatches(brokers, (broker) => askBroker(config, broker));
  const versions = asked.filter((answer) => 'supportedLevel' in answer);
  const failures = asked.filter((answer) => 'failure' in answer);
  const inForce = description.features.find((feature) => feature.name === 'metadata.version')?.level ?? null;
  const checks: Check[] = [
    brokersCheck(
      brokers.length,
      failures.map(({ failure }) => failure.message),
    ),
    { name: 'cluster-id', mark: 'ok', detail: description.clusterId },
    versionsCheck(versions, inForce),
    requestsCheck(versions, roles),
    authorizerCheck(await authorizerState(cluster), isDestination(roles)),
  ];
  if (roles.sourceOf.length > 0) {
    const taken = roles.sourceOf.flatMap((link) => topicsTaken(link, metadata.topics.keys()));
    checks.push(sourceRightsCheck(await topicRights(cluster, taken)));
  }
  if (roles.destinationOf.length > 0) {
    const taken = roles.destinationOf.flatMap((link) =>
      topicsTaken(link, topicsElsewhere.get(link.source) ?? []).map((topic) => mirrorNameOf(link, topic)),
    );
    const topics = await topicRights(cluster, taken);
    checks.push(destinationRightsCheck(topics, await creatableTopics(cluster, topics)));
  }
  checks.push(...(await holeRightsChecks(cluster, roles)));
  checks.push(...(await fleetRightsChecks(cluster, roles)));
  checks.push(...syncRightsChecks(cluster.name, roles, description.authorizedOperations));
  checks.push(...(await mirrorMakerRightsChecks(cluster, roles)));
  const { checks: settingChecks, settings } = await askSettings(cluster, roles);
  checks.push(...settingChecks);
  const way = wayCheck({
    roundTripMs: Math.max(0, ...versions.map(({ roundTripMs }) => roundTripMs)),
    sendBufferBytes: leastSendBufferBytes(settings),
    links: roles.sourceOf.map((link) => readingLink(link, metadata)),
  });
  if (way !== null) checks.push(way);
  const leftovers = [...metadata.topics.keys()].filter((topic) => topic.startsWith(scratchTopicPrefix));
  if (leftovers.length > 0) {
    const detail = `scratch topics of earlier probes: ${leftovers.slice(0, 5).join(', ')}`;
    checks.push({ name: 'probe', mark: 'advice', detail, remedy: 'delete them, unless a probe is running' });
  }
  return checks;
}

/** Opens a connection to a broker at the address it advertises, and asks for its versions. */
async function askBroker(
  config: ClusterConfig,
  broker: BrokerNode,
): Promise<(BrokerVersion & { roundTripMs: number }) | { failure: LockstepError }> {
  let connection: Connection | undefined;
  try {
    connection = await openConnection(config, broker);
    const client = { clientSoftwareName: 'lockstep', clientSoftwareVersion: '0.1.0' };
    let roundTripMs = connection.roundTripMs ?? Number.POSITIVE_INFINITY;
    const sentAtMs = performance.now();
    const answer = await connection.send(apis.ApiVersions, client);
    // The shorter of two: a broker may be busy for a moment, and nothing is faster than the way.
    roundTripMs = Math.min(roundTripMs, performance.now() - sentAtMs);
    const level = answer.supportedFeatures.find((feature) => feature.name === 'metadata.version')?.maxVersion;
    return {
      ...{ broker: broker.id, supportedLevel: level ?? null, apiVersions: connection.apiVersions },
      roundTripMs,
    };
  } catch (error) {
    if (error instanceof LockstepError) return { failure: error };
    throw error;
  } finally {
    connection?.close();
  }
}

function brokersCheck(count: number, failures: readonly string[]): Check {
  const name = 'brokers';
  const answering = `${count - failures.length} of ${count} brokers answer at the addresses they advertise`;
  if (failures.length === 0) return { name, mark: 'ok', detail: answering };
  return {
    name,
    mark: 'bad',
    detail: `${answering}: ${failures.join(' ')}`,
    remedy: 'check advertised.listeners of these brokers, and the way from here to there',
  };
}

async function authorizerState(cluster: Cluster): Promise<'present' | 'none' | 'unknown'> {
  try {
    // A filter that matches no rule: only whether the question is answered counts.
    await describeAcls(cluster, {
      resourceType: 'TOPIC',
      resourceName: 'lockstep-none',
      patternType: 'LITERAL',
    });
    return 'present';
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    if (error.code === 'NOT_AUTHORIZED') return 'present';
    return error.detail.number === securityDisabled ? 'none' : 'unknown';
  }
}

/** A link reads each broker by itself: counted is the one that leads most of what it takes. */
function readingLink(link: LinkConfig, metadata: ClusterMetadata): ReadingLink {
  const counts = new Map<number, number>();
  for (const topic of topicsTaken(link, metadata.topics.keys()))
    for (const { leaderId } of metadata.topics.get(topic)?.partitions ?? [])
      counts.set(leaderId, (counts.get(leaderId) ?? 0) + 1);
  const { name, fetchConnections, inFlightBytesMax } = link;
  return { name, fetchConnections, inFlightBytesMax, partitions: Math.max(0, ...counts.values()) };
}

async function askSettings(
  cluster: Cluster,
  roles: Roles,
): Promise<{ checks: Check[]; settings: BrokerSettings }> {
  const resources = cluster.brokers.map((broker) => ({ type: 'broker', name: String(broker.id) }) as const);
  const settings = new Map<number, ReadonlyMap<string, string | null>>();
  const failures: LockstepError[] = [];
  try {
    for (const { resource, outcome } of await describeConfigs(cluster, resources, { names: settingNames })) {
      if (!outcome.ok) failures.push(outcome.error);
      else
        settings.set(
          Number(resource.name),
          new Map(Array.from(outcome.value, ([name, { value }]) => [name, value])),
        );
    }
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    failures.push(error);
  }
  const checks = settingsChecks(settings satisfies BrokerSettings, roles);
  const failure = failures[0];
  if (failure === undefined) return { checks, settings };
  const remedy =
    'kafka-acls --add --allow-principal PRINCIPAL --operation DescribeConfigs --cluster, for this check only';
  return {
    checks: [...checks, { name: 'settings', mark: 'unknown', detail: failure.message, remedy }],
    settings,
  };
}

async function probed(
  cluster: Cluster,
  options: InspectOptions,
  checks: Check[],
): Promise<ProbeReport | null> {
  const { signal, onProgress } = options;
  try {
    const report = await runProbe({ cluster, signal, ...(onProgress && { onProgress }) });
    checks.push(...probeChecks(report));
    return report;
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    const remedy =
      'the probe needs CREATE, DELETE, READ, WRITE and DESCRIBE on topics that begin with __lockstep-probe-';
    checks.push({ name: 'probe', mark: 'bad', detail: error.message, remedy });
    return null;
  }
}

async function inBatches<Item, Result>(
  items: readonly Item[],
  ask: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let i = 0; i < items.length; i += parallelMax) {
    results.push(...(await Promise.all(items.slice(i, i + parallelMax).map(ask))));
  }
  return results;
}
