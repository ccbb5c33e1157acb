// One agent of a fleet: everything it needs to know stands in the destination's control topic, and what it works on is
// shared out by the destination's group coordinator.
//
//   control topic ──► links ──► LinkWorker (one each) ◄── partitions that are ours ◄── Membership
//                        ▲
//                        └── Leader, where this agent leads: commands, mirrors, promotions
import { hostname } from 'node:os';
import { Cluster, type ClusterConfig, formatAddress, systemClock } from '../client/index.ts';
import {
  type AgentRecord,
  agentBeatMs,
  agentKey,
  ControlTopic,
  type FleetState,
  LeaderWriter,
  type LinkDeclaration,
  type LinkRecord,
  recordVersion,
  sendCommand,
} from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import { keyOf, Membership, type MembershipOptions, type WorkItem } from '../fleet/index.ts';
import type { KeeperStore } from '../link/acls/index.ts';
import type { LinkStatus, Notice } from '../link/index.ts';
import { mirrorStates } from '../link/index.ts';
import type { MirrorObserver } from '../mirror/index.ts';
import { orPatience } from '../patience.ts';
import type { LinkConfig } from '../topology/index.ts';
import { Leader } from './leader/leader.ts';
import type { MetTopic } from './leader/met-topics.ts';
import { promotableLink } from './leader/promotable-link.ts';
import { Promotions } from './leader/promotions.ts';
import { LinkWorker } from './link-worker.ts';
import { StatusReports } from './status-reports.ts';
import type { AgentView } from './view.ts';
import { agentView } from './view-of.ts';

export interface FleetAgentOptions {
  readonly destination: ClusterConfig;
  /** Different for each agent of the fleet, and the same after a restart. */
  readonly agentId: string;
  readonly version: string;
  /** Aborted to stop: hands over and resolves. */
  readonly signal: AbortSignal;
  /** Links that are to be as declared before anything else (`lockstep run FILE`). */
  readonly apply?: readonly LinkDeclaration[];
  /** How a link of the control topic becomes what this machine can work with. */
  resolve(record: LinkRecord): { readonly config: LinkConfig; readonly source: ClusterConfig };
  /** Without connecting: what a declaration says. @throws LockstepError CONFIG_INVALID */
  resolveConfig(declaration: LinkDeclaration): LinkConfig;
  /** Faults between links. @throws LockstepError CONFIG_INVALID */
  checkTogether(links: readonly LinkDeclaration[]): void;
  /** Who counts what the mirror of a link does. */
  observer?(link: string): MirrorObserver;
  readonly onNotice: (link: string | null, notice: Notice) => void;
  readonly sessionTimeoutMs?: number;
  /** Versions of the group protocol that it speaks; others than the default are for tests of a roll. */
  readonly protocols?: MembershipOptions['protocols'];
  /** Where the API of this agent listens; told to the fleet. */
  readonly apiUrl?: () => string | null;
}

/** Kafka's name of the fleet's group. */
export const fleetGroup = 'lockstep';
/** Keys that say what is to be done. */
const declared = /^(link|mirror)\//;
const sessionTimeoutMs = 10_000;
const statusEveryMs = 1_000;
const figuresEveryMs = 5_000;
/** By then the group has told a leader that it is none any more, ms. */
const fencedPauseMs = 3_000;
const applyTimeoutMs = 60_000;
/** What is under way at a destination that does not answer is waited for so long; a stop is to end within 20 s. */
const releaseTimeoutMs = 10_000;
const stopPatienceMs = 2_000;

export class FleetAgent {
  readonly #options: FleetAgentOptions;
  readonly #destination: Cluster;
  readonly #control: ControlTopic;
  readonly #membership: Membership;
  readonly #workers = new Map<string, LinkWorker>();
  readonly #reports: StatusReports;
  readonly #startedAtMs = Date.now();
  /** What there was to do, and where each link's mirrors stood, at the last look. */
  #work: readonly WorkItem[] = [];
  #mirrorStates: ReadonlyMap<string, string> = new Map();
  #owned: ReadonlySet<string> = new Set();
  #leader: Leader | null = null;
  #isLeading = false;
  #isStopping = false;
  #leading: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #agentToldAtMs = 0;
  /** Why the status could not be told, so that it is said once. */
  #untold: string | null = null;
  #reporting: Promise<void> | null = null;
  #toldWarnings: ReadonlySet<string> = new Set();
  /** Bytes mirrored at the last look, to tell a rate. */
  #measured = new Map<string, { readonly bytes: number; readonly atMs: number; readonly rate: number }>();

  private constructor(options: FleetAgentOptions, destination: Cluster, control: ControlTopic) {
    this.#options = options;
    this.#destination = destination;
    this.#control = control;
    this.#reports = new StatusReports({
      agentId: options.agentId,
      figuresEveryMs,
      isElsewhere: ({ link, topic, partition }) => {
        const mirror = control.state.mirrors.get(`${link}/${topic}`);
        const isCopied = mirror !== undefined && mirrorStates[mirror.state].isCopied;
        return isCopied && !this.#owned.has(keyOf({ link, topic, partition }));
      },
      known: (key) => control.state.statuses.get(key.slice('status/'.length)),
    });
    this.#membership = new Membership({
      cluster: destination,
      groupId: fleetGroup,
      agentId: options.agentId,
      sessionTimeoutMs: options.sessionTimeoutMs ?? sessionTimeoutMs,
      releaseTimeoutMs,
      ...(options.protocols && { protocols: options.protocols }),
      work: () => workOf(control.state),
      load: () => this.#load(),
      onAssigned: ({ all }) => this.#share(all),
      onRevoked: (items) => this.#release(items),
      onLeader: (isLeader) => this.#lead(isLeader),
      onNotice: ({ level, text }) => this.#say(level, text),
    });
  }

  /**
   * Joins the fleet and works until the signal is aborted; resolves when everything is handed over.
   * @throws LockstepError when the destination can't be reached or refuses at the start, or a declared link is wrong.
   */
  static async run(options: FleetAgentOptions, onStarted?: (agent: FleetAgent) => void): Promise<void> {
    const onWarning = (text: string) => options.onNotice(null, { atMs: Date.now(), level: 'warning', text });
    const { signal } = options;
    const destination = Cluster.unconnected(options.destination, { onWarning });
    // Until there is something to hand over, a destination that does not answer must not hold up a stop.
    const giveUp = (): void => destination.close();
    signal.addEventListener('abort', giveUp, { once: true });
    let control: ControlTopic | undefined;
    let agent: FleetAgent | undefined;
    try {
      await destination.refreshMetadata([]);
      control = await ControlTopic.open(destination, { mayCreate: true, onWarning });
      signal.removeEventListener('abort', giveUp);
      if (signal.aborted) return;
      agent = new FleetAgent(options, destination, control);
      onStarted?.(agent);
      await agent.#run();
    } catch (error) {
      if (agent !== undefined || !signal.aborted) throw error;
    } finally {
      if (agent !== undefined) await agent.#stop();
      await control?.close();
      destination.close();
    }
  }

  /** How everything stands at this agent. */
  view(): AgentView {
    return agentView({
      agent: this.#record(),
      membership: this.#membership.status(),
      sessionTimeoutMs: this.#options.sessionTimeoutMs ?? sessionTimeoutMs,
      state: this.#control.state,
      workers: [...this.#workers.values()],
      destination: this.#destination,
    });
  }

  linkStatuses(): LinkStatus[] {
    return [...this.#workers.values()].map((worker) => worker.status());
  }

  isReady(): { readonly ok: boolean; readonly reason: string | null } {
    const { state, lastError } = this.#membership.status();
    if (this.#isStopping) return { ok: false, reason: 'stopping' };
    return state === 'Stable'
      ? { ok: true, reason: null }
      : { ok: false, reason: lastError ?? `group: ${state}` };
  }

  async #run(): Promise<void> {
    const { signal } = this.#options;
    const stopListening = this.#control.onChange((changes) => {
      if (changes.some(({ key }) => declared.test(key))) this.#follow();
      this.#tellWarnings();
    });
    try {
      this.#follow();
      this.#tellWarnings();
      // The group may let a member wait for long, and an agent can be told to stop meanwhile.
      const begun = this.#begin();
      begun.catch(() => {}); // told by the race, unless nobody wants it any more
      await Promise.race([begun, aborted(signal)]);
      await aborted(signal);
    } finally {
      stopListening();
    }
  }

  async #begin(): Promise<void> {
    const { signal, apply } = this.#options;
    // First of all, so that whoever writes a command knows that somebody will answer it.
    this.#report();
    await this.#reporting;
    if (this.#isStopping) return;
    await this.#membership.start();
    if (this.#isStopping) return;
    this.#timer = setInterval(() => this.#report(), statusEveryMs);
    if (apply !== undefined && apply.length > 0) await this.#apply(apply, signal);
  }

  async #apply(links: readonly LinkDeclaration[], signal: AbortSignal): Promise<void> {
    const { agentId } = this.#options;
    const answer = await sendCommand(
      this.#control,
      { do: 'applyLinks', links },
      { by: agentId, timeoutMs: applyTimeoutMs, isDryRun: false, signal },
    );
    if (answer.state === 'refused') throw new LockstepError(answer.code ?? 'CONFIG_INVALID', answer.message);
    for (const { name, action, details } of answer.changes) {
      if (action !== 'none')
        this.#options.onNotice(name, {
          atMs: Date.now(),
          level: 'info',
          text: `${action}: ${details.join('; ') || 'as declared'}`,
        });
    }
  }

  /** The control topic says something new: links come, change and go; mirrors pause and go on. */
  #follow(): void {
    if (this.#isStopping) return;
    const { state } = this.#control;
    for (const record of state.links.values()) {
      const worker = this.#workers.get(record.name);
      if (worker === undefined) this.#startWorker(record);
      else worker.alter(record);
    }
    for (const [name, worker] of this.#workers) {
      if (state.links.has(name)) continue;
      this.#workers.delete(name);
      void worker.stop();
    }
    // What was seen of a source that is gone decides what people are told is missing.
    if ([...state.mirrors.values()].some((mirror) => mirror.state === 'Closing'))
      this.#report({ isUrgent: true });
    this.#reconcileWhereChanged(state);
    const work = workOf(state);
    if (this.#isLeading && hasOtherWork(this.#work, work)) this.#membership.workChanged();
    this.#work = work;
  }

  /** What stands in the control topic and can't be used, each time that it comes. */
  #tellWarnings(): void {
    const { warnings } = this.#control.state;
    for (const text of warnings) if (!this.#toldWarnings.has(text)) this.#say('warning', text);
    this.#toldWarnings = new Set(warnings);
  }

  /** Runners look at once when a mirror of theirs was paused, resumed or promoted. */
  #reconcileWhereChanged(state: FleetState): void {
    const states = new Map<string, string>();
    for (const { link, sourceTopic, state: now } of state.mirrors.values())
      states.set(link, `${states.get(link) ?? ''},${sourceTopic}=${now}`);
    for (const [name, worker] of this.#workers)
      if (states.get(name) !== this.#mirrorStates.get(name)) worker.reconcile();
    this.#mirrorStates = states;
  }

  #startWorker(record: LinkRecord): void {
    const { observer, onNotice, resolve } = this.#options;
    const worker = new LinkWorker({
      record,
      destination: this.#destination,
      control: this.#control,
      resolve,
      owns: ({ topic, partition }) => this.#owned.has(keyOf({ link: record.name, topic, partition })),
      isLeader: () => this.#isLeading,
      keeperStore: (prefix) => this.#keeperStore(prefix),
      onNotice: (notice) => onNotice(record.name, notice),
      ...(observer && { observer: observer(record.name) }),
      clock: systemClock,
    });
    this.#workers.set(record.name, worker);
    worker.lead(this.#isLeading);
    worker.start();
  }

  #keeperStore(prefix: string): KeeperStore {
    return {
      entries: () =>
        new Map(
          [...this.#control.state.entries(prefix)].map(([key, value]) => [key.slice(prefix.length), value]),
        ),
      put: async (entries) => {
        const leader = this.#leader;
        if (leader === null) throw new LockstepError('FENCED', 'this agent does not lead the fleet');
        await leader.write(new Map([...entries].map(([key, value]) => [`${prefix}${key}`, value])));
      },
    };
  }

  #share(all: readonly WorkItem[]): void {
    this.#owned = new Set(all.map(keyOf));
    for (const worker of this.#workers.values()) worker.reconcile();
  }

  async #release(items: readonly WorkItem[]): Promise<void> {
    const owned = new Set(this.#owned);
    for (const item of items) owned.delete(keyOf(item));
    this.#owned = owned;
    await Promise.all(
      [...Map.groupBy(items, ({ link }) => link)].map(([link, some]) =>
        this.#workers.get(link)?.release(some),
      ),
    );
  }

  #lead(isLeading: boolean): void {
    if (this.#isLeading === isLeading) return;
    this.#isLeading = isLeading;
    this.#say('info', isLeading ? 'this agent leads the fleet' : 'another agent leads the fleet');
    this.#leading = this.#leading.then(() => (isLeading ? this.#takeOffice() : this.#leaveOffice()));
  }

  /** Another agent has taken the pen, or Kafka took it away; the group decides who leads. */
  #fenced(): void {
    this.#lead(false);
    setTimeout(() => {
      if (!this.#isStopping && this.#membership.status().isLeader) this.#lead(true);
    }, fencedPauseMs).unref();
  }

  async #takeOffice(): Promise<void> {
    try {
      const writer = await LeaderWriter.take(this.#control);
      this.#leader = new Leader({
        control: this.#control,
        writer,
        context: {
          resolve: (declaration) => {
            refuseItself(declaration, this.#destination);
            return this.#options.resolveConfig(declaration);
          },
          checkTogether: this.#options.checkTogether,
        },
        nowMs: Date.now,
        met: () => this.#met(),
        links: () => [...this.#workers.values()].map((worker) => worker.topicsStatus()),
        sourceClusterIds: () =>
          new Map(
            [...this.#workers.values()].flatMap((worker) =>
              worker.source === null ? [] : [[worker.name, worker.source.clusterId] as const],
            ),
          ),
        promotions: (replace) =>
          new Promotions({
            destination: this.#destination,
            link: (name) => promotableLink(this.#workers.get(name), this.#control),
            replace,
            onNotice: (link, level, text) => this.#options.onNotice(link, { atMs: Date.now(), level, text }),
            nowMs: Date.now,
          }),
        onNotice: (level, text) => this.#say(level, text),
        onFenced: () => this.#fenced(),
      });
      for (const worker of this.#workers.values()) worker.lead(true);
      this.#leader.start();
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      this.#say('warning', `this agent leads the fleet and can't write: ${error.message}`);
      // Tried again as long as the group says that we lead.
      await new Promise((resolve) => setTimeout(resolve, statusEveryMs));
      if (this.#isLeading && !this.#isStopping) this.#leading = this.#leading.then(() => this.#takeOffice());
    }
  }

  async #leaveOffice(): Promise<void> {
    const leader = this.#leader;
    this.#leader = null;
    for (const worker of this.#workers.values()) worker.lead(false);
    await leader?.stop();
  }

  /** Topics that this agent's runners have made or met. */
  #met(): MetTopic[] {
    // A worker that has yet to hear that a topic was excluded would bring its mirror back.
    const current = [...this.#workers.values()].filter((worker) => worker.isAsDeclared);
    return current.flatMap((worker) =>
      worker
        .topicsStatus()
        .topics.flatMap(({ topic, mirrorTopic, state, sourceTopicId, mirrorTopicId, partitionCount }) =>
          state !== 'Mirrored' || sourceTopicId === null || mirrorTopicId === null
            ? []
            : [
                {
                  link: worker.name,
                  sourceTopic: topic,
                  mirrorTopic,
                  sourceTopicId,
                  mirrorTopicId,
                  partitionCount,
                },
              ],
        ),
    );
  }

  #load(): ReadonlyMap<string, number> {
    return new Map([...this.#measured].map(([key, { rate }]) => [key, rate]));
  }

  #measure(links: readonly LinkStatus[], nowMs: number): void {
    const measured = new Map<string, { bytes: number; atMs: number; rate: number }>();
    for (const link of links) {
      for (const { topic, partition, bytesMirrored } of link.partitions) {
        const key = keyOf({ link: link.name, topic, partition });
        const before = this.#measured.get(key);
        const elapsedMs = before === undefined ? 0 : nowMs - before.atMs;
        const now = elapsedMs > 0 ? (Math.max(0, bytesMirrored - before!.bytes) * 1_000) / elapsedMs : 0;
        // Smoothed over about ten looks, so that a burst moves nothing.
        const rate = before === undefined ? 0 : before.rate * 0.9 + now * 0.1;
        measured.set(key, { bytes: bytesMirrored, atMs: nowMs, rate });
      }
    }
    this.#measured = measured;
  }

  /** Tells the fleet how this agent and its partitions stand; one report at a time. */
  #report({ isUrgent = false }: { isUrgent?: boolean } = {}): void {
    if (this.#isStopping || (this.#reporting !== null && !isUrgent)) return;
    const nowMs = Date.now();
    const links = this.linkStatuses();
    if (!isUrgent) this.#measure(links, nowMs);
    const entries = new Map<string, object | null>(this.#reports.look(links, nowMs, { isUrgent }));
    if (nowMs - this.#agentToldAtMs >= agentBeatMs) {
      this.#agentToldAtMs = nowMs;
      entries.set(agentKey(this.#options.agentId), this.#record());
    }
    if (entries.size === 0) return;
    this.#reporting = this.#control
      .put(entries)
      .then(() => {
        this.#untold = null;
      })
      .catch((error: unknown) => {
        if (!(error instanceof LockstepError)) throw error;
        if (this.#untold !== error.message) this.#say('warning', `status not told: ${error.message}`);
        this.#untold = error.message;
      })
      .finally(() => {
        this.#reporting = null;
      });
  }

  #record(): AgentRecord {
    const { agentId, version, apiUrl } = this.#options;
    return {
      v: recordVersion,
      id: agentId,
      version,
      host: hostname(),
      pid: process.pid,
      api: apiUrl?.() ?? null,
      startedAtMs: this.#startedAtMs,
      atMs: Date.now(),
      isLeader: this.#isLeading,
      partitionCount: this.#owned.size,
      heardAtMs: this.#heardAtMs(),
    };
  }

  /** When the source of each link answered this agent last. */
  #heardAtMs(): Record<string, number> {
    const heard: Record<string, number> = {};
    for (const { name, partitions } of this.linkStatuses())
      for (const { lastFetchAtMs } of partitions)
        if (lastFetchAtMs !== null) heard[name] = Math.max(heard[name] ?? 0, lastFetchAtMs);
    return heard;
  }

  async #stop(): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#timer);
    if (this.#isLeading) this.#lead(false);
    // A destination that does not answer must not hold up the stop: others take over all the same.
    await orPatience(Promise.all([this.#reporting, this.#leading]), stopPatienceMs);
    // Revokes what is ours first, so that the next one finds nothing under way.
    await this.#membership.stop();
    const workers = [...this.#workers.values()].map((worker) => worker.stop());
    await orPatience(Promise.all(workers), stopPatienceMs);
    const gone = this.#control.put(new Map([[agentKey(this.#options.agentId), null]]));
    await orPatience(
      gone.catch(() => {}),
      stopPatienceMs,
    );
  }

  #say(level: Notice['level'], text: string): void {
    this.#options.onNotice(null, { atMs: Date.now(), level, text });
  }
}

/** Everything that is to be copied. */
export function workOf(state: FleetState): WorkItem[] {
  const items: WorkItem[] = [];
  for (const mirror of state.mirrors.values()) {
    if (!mirrorStates[mirror.state].isCopied || !state.links.has(mirror.link)) continue;
    for (let partition = 0; partition < mirror.partitionCount; partition++)
      items.push({ link: mirror.link, topic: mirror.sourceTopic, partition });
  }
  return items;
}

function hasOtherWork(before: readonly WorkItem[], now: readonly WorkItem[]): boolean {
  if (before.length !== now.length) return true;
  const known = new Set(before.map(keyOf));
  return now.some((item) => !known.has(keyOf(item)));
}

/** @throws LockstepError CONFIG_INVALID for a link from the destination to itself, as far as addresses tell. */
function refuseItself({ name, source }: LinkDeclaration, destination: Cluster): void {
  const own = new Set(destination.brokers.map(formatAddress));
  const shared = source.bootstrap.find((address) => own.has(address.toLowerCase()));
  if (shared === undefined) return;
  throw new LockstepError(
    'CONFIG_INVALID',
    `link ${name}: the source's address ${shared} is a broker of the destination; a topic can't be its own mirror`,
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
