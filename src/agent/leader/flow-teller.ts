// Tells which way the links of this fleet lead: in its own control topic, and in those of their sources, so that whoever
// would close a circle sees it (src/control/flows.ts). What it can't tell is said on the link. Before it tells, it writes
// down that it owes the taking back (src/control/tellings.ts): a leader may die right behind the deletion of a link.
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
import type { FleetState, LinkDeclaration, LinkRecord, SourceReference } from '../../control/index.ts';
import {
  isOwed,
  type TellingRecord,
  tellingAfter,
  tellingBefore,
  tellingKey,
  tellings,
} from '../../control/tellings.ts';
import { LockstepError } from '../../errors.ts';
import { orPatience } from '../../patience.ts';
import type { FlowEnd, LinkConfig } from '../../topology/index.ts';
import { ownFlow } from './refuse-loops.ts';

export interface ToldLink {
  readonly record: LinkRecord;
  readonly sourceClient: Cluster | null;
}

export interface FlowTellerOptions {
  readonly state: FleetState;
  readonly destination: Cluster;
  links(): readonly ToldLink[];
  resolve(declaration: LinkDeclaration): LinkConfig;
  /** @throws LockstepError for what this machine can't look up. */
  resolveSource(source: SourceReference, link: string): ClusterConfig;
  /** Into the fleet's own control topic; `state` has it then. */
  write(entries: ReadonlyMap<string, FlowRecord | TellingRecord | null>): Promise<void>;
  /** Makes `state` as new as this call. */
  refresh(): Promise<void>;
  readonly onNotice: (link: string, text: string) => void;
  readonly clock: Clock;
}

const lookEveryMs = 2_000;
/** So often it is looked whether a source has a control topic, or another one than before, or answers again. */
const visitEveryMs = 15_000;
/** How long a stop waits for sources to be told. */
const stopPatienceMs = 2_000;
/** What stands at a source under this key is not known. */
const unknownText = '';

/** What this leader has told one source. */
interface Told {
  topicId: string | null;
  readonly entries: Map<string, string>;
  atMs: number;
}

export class FlowTeller {
  readonly #options: FlowTellerOptions;
  /** By Kafka's id of the source, as the next three. */
  readonly #told = new Map<string, Told>();
  /** Under way: one that does not answer holds up no other. */
  readonly #visits = new Map<string, Promise<void>>();
  /** When it was tried last to take back. */
  readonly #triedAtMs = new Map<string, number>();
  /** By link. */
  readonly #troubles = new Map<string, string>();
  #cancelTimer: () => void = () => {};
  #isStopped = false;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: FlowTellerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#looking = unlessRefused(this.#look()).then(() => {
      if (!this.#isStopped) this.#cancelTimer = this.#options.clock.after(lookEveryMs, () => this.start());
    });
  }

  /**
   * Takes back what was told of links that went since the last look. Whatever it can't do in time whoever leads next does;
   * but there may be nobody.
   */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer();
    if (this.#told.size > 0) await orPatience(unlessRefused(this.#lastLook()), stopPatienceMs);
  }

  /** Why a link's source was not told; null: it was, or nobody reads it there. */
  troubleOf(link: string): string | null {
    return this.#troubles.get(link) ?? null;
  }

  async #lastLook(): Promise<void> {
    // A link may have been deleted the moment before, and not be read yet.
    await Promise.all([this.#options.refresh(), this.#looking]);
    await Promise.all(this.#visits.values());
    const own = new Set(this.#ownFlows().map(({ link }) => link));
    const prefix = flowKey(this.#ownId, this.#ownId, '');
    const isGone = (key: string): boolean => key.startsWith(prefix) && !own.has(key.slice(prefix.length));
    if (![...this.#told.values()].some(({ entries }) => [...entries.keys()].some(isGone))) return;
    await this.#look();
    await Promise.all(this.#visits.values());
  }

  get #ownId(): string {
    return this.#options.destination.clusterId;
  }

  async #look(): Promise<void> {
    const { state, links } = this.#options;
    const own = this.#ownFlows();
    await this.#writeOwn(own);
    const bySource = new Map<string, ToldLink>();
    for (const link of links()) {
      const { name, sourceClusterId } = link.record;
      const standing = state.links.get(name);
      if (sourceClusterId === undefined || standing === undefined || standing.isDeleted === true) continue;
      if (link.sourceClient !== null || !bySource.has(sourceClusterId)) bySource.set(sourceClusterId, link);
    }
    for (const [id, link] of bySource) this.#visit(id, () => this.#tellSource(id, link, own));
    for (const [id, telling] of tellings(state))
      if (!bySource.has(id)) this.#visit(id, () => this.#takeBack(id, telling));
  }

  /** Each source is visited once at a time. */
  #visit(id: string, visit: () => Promise<void>): void {
    if (this.#visits.has(id)) return;
    this.#visits.set(
      id,
      unlessRefused(visit()).finally(() => this.#visits.delete(id)),
    );
  }

  #ownFlows(): FlowRecord[] {
    const { state, destination, resolve } = this.#options;
    const ownId = this.#ownId;
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
    const { state, write } = this.#options;
    const ownId = this.#ownId;
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
    { record, sourceClient }: ToldLink,
    own: readonly FlowRecord[],
  ): Promise<void> {
    if (sourceClient === null) return;
    const { state, clock, write } = this.#options;
    const wanted = this.#wantedAt({ name: record.source.name, id }, own);
    const told = this.#told.get(id) ?? toldBefore(tellings(state).get(id));
    this.#told.set(id, told);
    const isSame =
      told.topicId !== null &&
      wanted.size === told.entries.size &&
      [...wanted].every(([key, flow]) => told.entries.get(key) === JSON.stringify(flow));
    if (isSame || told.topicId === null) if (clock.nowMs() - told.atMs < visitEveryMs) return;
    told.atMs = clock.nowMs();
    try {
      const topicId = await tellFlows(sourceClient, async (found) => {
        if (found !== told.topicId) for (const key of told.entries.keys()) told.entries.set(key, unknownText);
        const before = tellingBefore(tellings(state).get(id), record, wanted.keys(), Date.now());
        if (before !== null) await write(new Map([[tellingKey(id), before]]));
        return changesTo(told.entries, wanted);
      });
      told.topicId = topicId;
      told.entries.clear();
      this.#troubles.delete(record.name);
      if (topicId === null) return;
      for (const [key, flow] of wanted) told.entries.set(key, JSON.stringify(flow));
      const after = tellingAfter(tellings(state).get(id), wanted);
      if (after !== undefined) await write(new Map([[tellingKey(id), after]]));
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      // One that does not answer is told of by the link itself.
      if (error.code === 'NOT_AUTHORIZED') this.#complain(record, error.message);
    }
  }

  /** What a source is to be told. What it told us itself it knows: told back, that would outlive a link that is gone. */
  #wantedAt(source: FlowEnd & { readonly id: string }, own: readonly FlowRecord[]): Map<string, FlowRecord> {
    const { state } = this.#options;
    const isOfOthers = ({ destination }: FlowRecord): boolean => destination.id !== this.#ownId;
    const told = toldFlows(state, Date.now()).filter(isOfOthers);
    const elsewhere = toldFlows(state, Date.now(), { notBy: source.id }).filter(isOfOthers);
    return new Map(
      flowsForSource(source, { own, told, elsewhere }).map((flow) => [
        flowKey(this.#ownId, flow.destination.id!, flow.link),
        flow,
      ]),
    );
  }

  /** No link of this fleet reads from there any more. */
  async #takeBack(id: string, telling: TellingRecord): Promise<void> {
    const { clock, resolveSource, write } = this.#options;
    this.#told.delete(id);
    this.#troubles.delete(telling.link);
    const settled = new Map([[tellingKey(id), null]]);
    if (!isOwed(telling, Date.now())) return write(settled);
    if (clock.nowMs() - (this.#triedAtMs.get(id) ?? Number.NEGATIVE_INFINITY) < visitEveryMs) return;
    this.#triedAtMs.set(id, clock.nowMs());
    const cluster = Cluster.unconnected(resolveSource(telling.source, telling.link), { onWarning: () => {} });
    try {
      await cluster.refreshMetadata([]);
      // Another cluster under its address: it grows old where it is.
      if (cluster.clusterId !== id) return;
      await tellFlows(cluster, () => new Map(telling.keys.map((key) => [key, null])));
    } finally {
      cluster.close();
    }
    await write(settled);
    this.#triedAtMs.delete(id);
  }

  #complain({ name, source }: LinkRecord, message: string): void {
    const text = `loops through ${source.name} are seen late, only when their records come back: this link can't be told of there (${message})`;
    if (this.#troubles.get(name) !== text) this.#options.onNotice(name, text);
    this.#troubles.set(name, text);
  }
}

/** Another one leads, or a cluster is away: the next look tries again. */
async function unlessRefused(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
  }
}

/** What a former leader left there. */
function toldBefore(telling: TellingRecord | undefined): Told {
  const entries = new Map(telling?.keys.map((key) => [key, unknownText]));
  return { topicId: null, entries, atMs: Number.NEGATIVE_INFINITY };
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
