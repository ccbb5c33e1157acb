// Tells which way the links of this fleet lead: in its own control topic, and in those of their sources, so that whoever
// would close a circle sees it (src/control/flows.ts). What it can't tell is said on the link.
import { type Clock, Cluster, type ClusterConfig } from '../../client/index.ts';
import {
  endOf,
  type FlowRecord,
  flowKey,
  flowsForSource,
  flowToldEveryMs,
  oldFlowKeys,
  recordOfFlow,
  tellFlows,
  toldFlows,
} from '../../control/flows.ts';
import type { FleetState, LinkDeclaration, LinkRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { orPatience } from '../../patience.ts';
import type { FlowEnd, LinkConfig } from '../../topology/index.ts';
import { ownFlow } from './refuse-loops.ts';

export interface ToldLink {
  readonly record: LinkRecord;
  readonly sourceClient: Cluster | null;
  readonly sourceConfig: ClusterConfig | null;
}

export interface FlowTellerOptions {
  readonly state: FleetState;
  readonly destination: Cluster;
  links(): readonly ToldLink[];
  resolve(declaration: LinkDeclaration): LinkConfig;
  /** Into the fleet's own control topic. */
  write(entries: ReadonlyMap<string, FlowRecord | null>): Promise<void>;
  readonly onNotice: (link: string, text: string) => void;
  readonly clock: Clock;
}

const lookEveryMs = 2_000;
/** So often it is looked whether a source has a control topic, or another one than before. */
const visitEveryMs = 15_000;
/** How long a stop waits for a source to be told. */
const stopPatienceMs = 2_000;

/** What was told to one source. */
interface Told {
  topicId: string | null;
  readonly entries: Map<string, string>;
  atMs: number;
  link: string;
  config: ClusterConfig;
}

export class FlowTeller {
  readonly #options: FlowTellerOptions;
  /** By Kafka's id of the source. */
  readonly #told = new Map<string, Told>();
  readonly #troubles = new Map<string, string>();
  #cancelTimer: () => void = () => {};
  #isStopped = false;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: FlowTellerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#looking = this.#look()
      .catch((error: unknown) => {
        // Another one leads, or a cluster is away: the next look tries again.
        if (!(error instanceof LockstepError)) throw error;
      })
      .then(() => {
        if (!this.#isStopped) this.#cancelTimer = this.#options.clock.after(lookEveryMs, () => this.start());
      });
  }

  /** Takes back what was told of links that went since the last look: whoever leads next does not know whom it was told. */
  async stop(): Promise<void> {
    this.#cancelTimer();
    const isOwed = this.#isOwed();
    this.#isStopped = !isOwed;
    if (!isOwed) return;
    const last = this.#looking.then(() => this.#look());
    this.#looking = last.catch(() => {});
    try {
      await orPatience(last, stopPatienceMs);
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
    } finally {
      this.#isStopped = true;
      this.#cancelTimer();
    }
  }

  #isOwed(): boolean {
    const { state, destination } = this.#options;
    const own = flowKey(destination.clusterId, destination.clusterId, '');
    const isGone = (key: string): boolean => {
      const link = key.startsWith(own) ? state.links.get(key.slice(own.length)) : null;
      return link === undefined || link?.isDeleted === true;
    };
    return [...this.#told.values()].some(({ entries }) => [...entries.keys()].some(isGone));
  }

  /** Why a link's source was not told; null: it was, or nobody reads it there. */
  troubleOf(link: string): string | null {
    return this.#troubles.get(link) ?? null;
  }

  async #look(): Promise<void> {
    const own = this.#ownFlows();
    await this.#writeOwn(own);
    const bySource = new Map<string, ToldLink>();
    for (const link of this.#options.links()) {
      const { sourceClusterId, isDeleted } = link.record;
      if (sourceClusterId !== undefined && isDeleted !== true) bySource.set(sourceClusterId, link);
    }
    for (const [id, link] of bySource) if (!this.#isStopped) await this.#tellSource(id, link, own);
    for (const [id, told] of this.#told) if (!bySource.has(id)) await this.#takeBack(id, told);
  }

  #ownFlows(): FlowRecord[] {
    const { state, destination, resolve } = this.#options;
    const ownId = destination.clusterId;
    const flows: FlowRecord[] = [];
    for (const link of state.links.values()) {
      if (link.isDeleted === true) continue;
      const own = endOf(destination, link.destination);
      const flow = recordOfFlow(ownFlow(state, link, { own, resolve }), Date.now());
      const known = state.get(flowKey(ownId, ownId, link.name)) as FlowRecord | undefined;
      const isNews = known === undefined || textOf(known) !== textOf(flow);
      const isDue = isNews || Date.now() - known.atMs > flowToldEveryMs;
      flows.push(isDue ? flow : known);
    }
    return flows;
  }

  async #writeOwn(own: readonly FlowRecord[]): Promise<void> {
    const { state, destination, write } = this.#options;
    const ownId = destination.clusterId;
    const entries = new Map<string, FlowRecord | null>();
    for (const flow of own) {
      const key = flowKey(ownId, ownId, flow.link);
      if (state.get(key) !== flow) entries.set(key, flow);
    }
    for (const key of oldFlowKeys(state, ownId, Date.now())) entries.set(key, null);
    if (entries.size > 0) await write(entries);
  }

  async #tellSource(
    id: string,
    { record, sourceClient, sourceConfig }: ToldLink,
    own: readonly FlowRecord[],
  ): Promise<void> {
    if (sourceClient === null || sourceConfig === null) return;
    const { state, destination, clock } = this.#options;
    const source: FlowEnd = { name: record.source.name, id };
    const ofOthers = toldFlows(state, Date.now()).filter(
      (flow) => flow.destination.id !== destination.clusterId,
    );
    const wanted = new Map(
      flowsForSource(source, { own, told: ofOthers }).map((flow) => [
        flowKey(destination.clusterId, flow.destination.id!, flow.link),
        flow,
      ]),
    );
    const told = this.#told.get(id) ?? {
      ...{ topicId: null, entries: new Map<string, string>(), atMs: Number.NEGATIVE_INFINITY },
      ...{ link: record.name, config: sourceConfig },
    };
    this.#told.set(id, told);
    const isSame =
      told.topicId !== null &&
      wanted.size === told.entries.size &&
      [...wanted].every(([key, flow]) => told.entries.get(key) === JSON.stringify(flow));
    if (isSame || told.topicId === null) if (clock.nowMs() - told.atMs < visitEveryMs) return;
    told.atMs = clock.nowMs();
    try {
      const topicId = await tellFlows(sourceClient, (found) => {
        if (found !== told.topicId) told.entries.clear();
        return changesTo(told.entries, wanted);
      });
      told.topicId = topicId;
      told.entries.clear();
      if (topicId !== null) for (const [key, flow] of wanted) told.entries.set(key, JSON.stringify(flow));
      this.#troubles.delete(record.name);
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      // One that does not answer is told of by the link itself.
      if (error.code === 'NOT_AUTHORIZED') this.#complain(record, error.message);
    }
  }

  /** The last link from there is gone; its client with it. */
  async #takeBack(id: string, { topicId, entries, config, link }: Told): Promise<void> {
    this.#told.delete(id);
    this.#troubles.delete(link);
    if (topicId === null || entries.size === 0) return;
    const cluster = Cluster.unconnected(config, { onWarning: () => {} });
    try {
      await cluster.refreshMetadata([]);
      if (cluster.clusterId === id)
        await tellFlows(cluster, () => new Map(Array.from(entries.keys(), (key) => [key, null])));
    } catch (error) {
      // It grows old there.
      if (!(error instanceof LockstepError)) throw error;
    } finally {
      cluster.close();
    }
  }

  #complain({ name, source }: LinkRecord, message: string): void {
    const text = `loops through ${source.name} are seen late, only when their records come back: this link can't be told of there (${message})`;
    if (this.#troubles.get(name) !== text) this.#options.onNotice(name, text);
    this.#troubles.set(name, text);
  }
}

function changesTo(
  told: ReadonlyMap<string, string>,
  wanted: ReadonlyMap<string, FlowRecord>,
): Map<string, FlowRecord | null> {
  const changes = new Map<string, FlowRecord | null>();
  for (const key of told.keys()) if (!wanted.has(key)) changes.set(key, null);
  for (const [key, flow] of wanted) if (told.get(key) !== JSON.stringify(flow)) changes.set(key, flow);
  return changes;
}

/** Everything but when it was told. */
function textOf({ atMs: _, ...flow }: FlowRecord): string {
  return JSON.stringify(sorted(flow));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
