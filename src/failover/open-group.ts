// The regions of a replication group as they can be reached now. All are tried at once, and one that is gone or hangs
// costs a few seconds and becomes a `ClosedRegion` with the reason: losing a region is what this room is for.
import { Cluster, type ClusterConfig } from '../client/index.ts';
import {
  type CommandBody,
  ControlTopic,
  controlTopic,
  followed,
  type RolesRecord,
  sendCommand,
} from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import { orPatience, within } from '../patience.ts';
import { nearestName, type ReplicationGroupConfig, type Topology } from '../topology/index.ts';
import { formatDuration, plural } from '../units.ts';
import type { OpenGroup, OpenRegion, Region } from './types.ts';

export interface OpenGroupOptions {
  /** Who asks, for people who look at the control topics later: user@host. */
  readonly by: string;
  /** Warnings of control topics. */
  readonly onWarning: (text: string) => void;
  /** How long a region may take to answer, ms. Default 3 s for each. */
  readonly patienceMs?: number | ((region: string) => number);
}

const patienceMsDefault = 3_000;
/** Whoever has less patience takes a refused connection for an answer, ms: nobody listens, and will not in a moment. */
const askAgainMsMin = 1_000;
/** Of the patience, so that a reason is known when it ends. */
const askedShare = 0.8;
/** A broker that hangs later on must not hold up a move for as long as a client would wait, ms. */
const requestTimeoutMs = 10_000;
const deadlineMs = 15_000;
/** Leaving must not take longer than coming, ms. */
const closeMsMax = 2_000;
/** An answer that comes in the last moment has to be read, ms. */
const answerGraceMs = 2_000;

/**
 * The group that is meant: the named one, or the only one of the file.
 * @throws LockstepError USAGE with what the file has.
 */
export function groupNamed(topology: Topology, name: string | undefined): ReplicationGroupConfig {
  const { file, groups } = topology;
  const names = Object.keys(groups);
  if (names.length === 0)
    throw new LockstepError(
      'USAGE',
      `${file} has no replication group; add one under replicationGroups: of a lockstep.yaml (docs/lockstep-yaml.md)`,
    );
  if (name === undefined) {
    if (names.length === 1) return groups[names[0]!]!;
    throw new LockstepError('USAGE', `${file}: which group? --group is one of ${names.join(', ')}`);
  }
  if (Object.hasOwn(groups, name)) return groups[name]!;
  const meant = nearestName(name, names);
  const hint = meant === undefined ? `it has ${names.join(', ')}` : `did you mean ${meant}?`;
  throw new LockstepError('USAGE', `${file} has no replication group ${name}; ${hint}`);
}

/** Opens all regions of a group; never fails because of one of them. Dispose of it to leave them. */
export async function openGroup(
  topology: Topology,
  config: ReplicationGroupConfig,
  options: OpenGroupOptions,
): Promise<OpenGroup> {
  const group = new ReachedGroup(topology, config, options);
  await group.reopen();
  return group;
}

class ReachedGroup implements OpenGroup {
  readonly topology: Topology;
  readonly config: ReplicationGroupConfig;
  readonly #options: OpenGroupOptions;
  /** In the order of the file. */
  readonly #doors: Map<string, Door>;
  readonly #regions = new Map<string, Region>();

  constructor(topology: Topology, config: ReplicationGroupConfig, options: OpenGroupOptions) {
    this.topology = topology;
    this.config = config;
    this.#options = options;
    this.#doors = new Map(
      config.regions.map((name) => [name, closed(topology.clusters[name]!, 'it was not tried')]),
    );
  }

  get regions(): ReadonlyMap<string, Region> {
    for (const [name, { region }] of this.#doors) this.#regions.set(name, region);
    return this.#regions;
  }

  readonly roles = (): RolesRecord | null => newestRoles(this.regions.values(), this.config.name);

  async reopen(): Promise<void> {
    const shut = [...this.#doors.values()].filter(({ region }) => region.cluster === null);
    const tried = await Promise.all(shut.map(({ region }) => enter(region.config, this.#options)));
    for (const door of tried) this.#doors.set(door.region.name, door);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#doors.values()].map((door) => door.close()));
  }
}

/**
 * The roles that are true, of those that the regions tell: those that know of the others' moves; where regions were turned
 * apart, those with the highest generation. Null where there are none.
 */
export function newestRoles(regions: Iterable<Region>, group: string): RolesRecord | null {
  let newest: RolesRecord | null = null;
  for (const { state } of regions) {
    const roles = state?.roles.get(group);
    if (roles === undefined) continue;
    const { kind } = followed(newest ?? undefined, roles);
    if (kind === 'take' || (kind === 'split' && roles.generation > (newest?.generation ?? 0))) newest = roles;
  }
  return newest;
}

/** A region, and how it is left. */
interface Door {
  readonly region: Region;
  close(): Promise<void>;
}

async function enter(config: ClusterConfig, options: OpenGroupOptions): Promise<Door> {
  const { patienceMs: patience = patienceMsDefault, onWarning, by } = options;
  const patienceMs = typeof patience === 'number' ? patience : patience(config.name);
  // Each address is asked first by a client of its own: one that hangs would hold up the others.
  const clients = config.bootstrap.map((first) =>
    Cluster.unconnected(
      { ...config, bootstrap: [first, ...config.bootstrap.filter((address) => address !== first)] },
      { connectTimeoutMs: patienceMs, requestTimeoutMs, deadlineMs, onWarning },
    ),
  );
  const opening = connect(clients, patienceMs, onWarning);
  try {
    const { cluster, control } = await within(opening, patienceMs, 'reaching it');
    return { region: open(config, cluster, control, by), close: () => leave(cluster, control) };
  } catch (error) {
    opening.then(({ cluster, control }) => leave(cluster, control)).catch(() => {});
    for (const client of clients) client.close();
    return closed(config, reasonOf(error, patienceMs, config));
  }
}

/** The first client that gets an answer stays. */
async function connect(
  clients: readonly Cluster[],
  patienceMs: number,
  onWarning: (text: string) => void,
): Promise<{ cluster: Cluster; control: ControlTopic }> {
  const cluster = await Promise.any(
    clients.map(async (client) => {
      const ask = { timeoutMs: patienceMs * askedShare, retry: patienceMs >= askAgainMsMin };
      await client.retry(() => client.refreshMetadata([controlTopic]), ask);
      return client;
    }),
  ).catch((error: AggregateError) => {
    throw error.errors[0];
  });
  for (const client of clients) if (client !== cluster) client.close();
  return { cluster, control: await ControlTopic.open(cluster, { mayCreate: false, onWarning }) };
}

async function leave(cluster: Cluster, control: ControlTopic): Promise<void> {
  await orPatience(control.close(), closeMsMax).catch(() => {});
  cluster.close();
}

function open(config: ClusterConfig, cluster: Cluster, control: ControlTopic, by: string): OpenRegion {
  return {
    name: config.name,
    config,
    cluster,
    // A topic that an agent creates later is followed from then on.
    get state() {
      return cluster.knownMetadata.topics.has(controlTopic) ? control.state : null;
    },
    send: (body: CommandBody, { timeoutMs, isDryRun = false, signal }) =>
      within(
        sendCommand(control, body, { by, timeoutMs, isDryRun, ...(signal && { signal }) }),
        timeoutMs + answerGraceMs,
        `region ${config.name}: an answer of its agents`,
      ),
  };
}

function closed(config: ClusterConfig, reason: string): Door {
  return {
    region: { name: config.name, config, cluster: null, state: null, reason },
    close: () => Promise.resolve(),
  };
}

function reasonOf(error: unknown, patienceMs: number, { bootstrap }: ClusterConfig): string {
  if (!(error instanceof LockstepError)) throw error;
  if (error.code === 'REQUEST_TIMED_OUT') return `it has not answered within ${formatDuration(patienceMs)}`;
  const refused = refusedAddress(error);
  if (refused === null) return error.message;
  const others = bootstrap.length - 1;
  return `${refused}: connection refused${others === 0 ? '' : `, and ${plural(others, 'other address', 'other addresses')} can't be reached`}`;
}

/** `kafka-1:9092`, where the first broker that was asked does not listen; null: something else is wrong. */
function refusedAddress(error: LockstepError): string | null {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (!(at instanceof LockstepError)) return null;
    const { cause, detail } = at;
    const code = (cause as { readonly code?: unknown } | undefined)?.code;
    if (code === 'ECONNREFUSED') return String(detail.address);
  }
  return null;
}
