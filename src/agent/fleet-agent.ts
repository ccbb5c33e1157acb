// One agent of a fleet: everything it needs to know stands in the destination's control topic, and what it works on is
// shared out by the destination's group coordinator.
//
//   control topic ──► links ──► LinkWorker (one each) ◄── partitions that are ours ◄── Membership
//                        ▲
//                        └── Leader, where this agent leads: commands, mirrors, promotions
import { Cluster, systemClock } from '../client/index.ts';
import {
  agentKey,
  ControlTopic,
  type FleetState,
  type LinkRecord,
  rolesOfLink,
  sendCommand,
} from '../control/index.ts';
import { keyOf, Membership, type WorkItem } from '../fleet/index.ts';
import { agentPrincipalOf } from '../link/acls/index.ts';
import { type LinkPartitions, type LinkStatus, mirrorStates, type Notice } from '../link/index.ts';
import { orPatience } from '../patience.ts';
import { aborted } from './aborted.ts';
import { AgentMemory } from './agent-memory.ts';
import { checkDeclared, declare } from './declare.ts';
import { withRemedy } from './diverged-remedy.ts';
import type { FleetAgentOptions } from './fleet-agent-options.ts';
import { FleetWarnings } from './fleet-warnings.ts';
import { Handovers } from './handovers.ts';
import { limitShares } from './limit-shares.ts';
import { rolesFor } from './link-role.ts';
import { LinkWorker } from './link-worker.ts';
import { toldOf } from './mirror-maker.ts';
import { Office } from './office.ts';
import { Reporting } from './reporting.ts';
import { FleetResidency, residencyKeys } from './residency.ts';
import type { AgentView } from './view.ts';
import { agentView } from './view-of.ts';
import { hasOtherWork, workOf } from './work.ts';

/** Kafka's name of the fleet's group. */
export const fleetGroup = 'lockstep';
/** Keys that say what is to be done. */
const declared = /^((link|mirror|roles|rules|origins)\/|condition\/[^/]+$)/;
const sessionTimeoutMs = 10_000;
/** For each answer of the leader to what this agent's file says. */
const declareTimeoutMs = 60_000;
/** What is under way at a destination that does not answer is waited for so long; a stop is to end within 20 s. */
const releaseTimeoutMs = 10_000;
const stopPatienceMs = 2_000;

export class FleetAgent {
  readonly #options: FleetAgentOptions;
  readonly #destination: Cluster;
  readonly #control: ControlTopic;
  readonly #membership: Membership;
  readonly #workers = new Map<string, LinkWorker>();
  readonly #reporting: Reporting;
  readonly #office: Office;
  readonly #handovers: Handovers;
  readonly #residency: FleetResidency;
  readonly #memory: AgentMemory;
  readonly #warnings: FleetWarnings;
  /** What there was to do, and where each link's mirrors stood, at the last look. */
  #work: readonly WorkItem[] = [];
  #mirrorStates: ReadonlyMap<string, string> = new Map();
  #roles: ReadonlyMap<string, string> = new Map();
  #owned: ReadonlySet<string> = new Set();
  #isStopping = false;

  private constructor(options: FleetAgentOptions, destination: Cluster, control: ControlTopic) {
    this.#options = options;
    this.#destination = destination;
    this.#control = control;
    const { agentId, version, apiUrl = () => null, resolveConfig, checkTogether } = options;
    this.#memory = options.memory ?? new AgentMemory();
    this.#handovers = new Handovers({ control, agentId });
    this.#warnings = new FleetWarnings({
      ...{ agentId, state: control.state },
      warn: (text) => this.#say('warning', text),
    });
    this.#residency = new FleetResidency({ state: control.state, resolve: resolveConfig });
    this.#office = new Office({
      ...{ control, destination, workers: this.#workers, resolve: resolveConfig, checkTogether },
      resolveSource: options.resolveSource,
      isMeantToLead: () => !this.#isStopping && this.#membership.status().isLeader,
      onNotice: (link, level, text) => options.onNotice(link, { atMs: Date.now(), level, text }),
    });
    this.#reporting = new Reporting({
      ...{ control, agentId, version, apiUrl },
      principal: () => agentPrincipalOf(destination.credentials),
      isElsewhere: ({ link, topic, partition }) => {
        const mirror = control.state.mirrors.get(`${link}/${topic}`);
        const isCopied = mirror !== undefined && mirrorStates[mirror.state].isCopied;
        return isCopied && !this.#owned.has(keyOf({ link, topic, partition }));
      },
      isLeading: () => this.#office.isLeading,
      ownedCount: () => this.#owned.size,
      links: (which) => this.#linkPartitions(which),
      heartbeats: options.heartbeats ?? [],
      told: () =>
        toldOf(
          this.#office.heartbeats?.status() ?? [],
          [...this.#workers.values()].flatMap(({ name: link, checkpoints }) =>
            checkpoints === null ? [] : [{ link, status: checkpoints.status() }],
          ),
        ),
      ...(options.onLooked && { onLooked: options.onLooked }),
      onWarning: (text) => this.#say('warning', text),
    });
    this.#membership = new Membership({
      cluster: destination,
      groupId: fleetGroup,
      agentId: options.agentId,
      sessionTimeoutMs: options.sessionTimeoutMs ?? sessionTimeoutMs,
      releaseTimeoutMs,
      ...(options.protocols && { protocols: options.protocols }),
      work: () => workOf(control.state),
      load: () => this.#reporting.load,
      onAssigned: ({ all, added, follows }) => {
        this.#handovers.assigned(added, follows);
        this.#share(all);
      },
      onRevoked: (items, _reason, generationId) => this.#release(items, generationId),
      onLeader: (isLeader) => this.#office.lead(isLeader),
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
    let control: ControlTopic | undefined;
    let agent: FleetAgent | undefined;
    try {
      const opened = destination
        .refreshMetadata([])
        .then(() => ControlTopic.open(destination, { mayCreate: true, onWarning }));
      opened.catch(() => {}); // told by the race, unless nobody wants it any more
      // Until there is something to hand over, a destination that does not answer must not hold up a stop.
      await Promise.race([opened, aborted(signal)]);
      if (signal.aborted) return;
      control = await opened;
      agent = new FleetAgent(options, destination, control);
      onStarted?.(agent);
      await agent.#run();
    } finally {
      if (agent !== undefined) await agent.#stop();
      await control?.close();
      destination.close();
    }
  }

  /** How everything stands at this agent. */
  view(): AgentView {
    return agentView({
      agent: this.#reporting.record(),
      membership: this.#membership.status(),
      sessionTimeoutMs: this.#options.sessionTimeoutMs ?? sessionTimeoutMs,
      state: this.#control.state,
      workers: [...this.#workers.values()],
      memory: this.#memory.status(),
      destination: this.#destination,
    });
  }

  linkStatuses(): LinkStatus[] {
    return Array.from(this.#workers.values(), (worker) => this.#withRemedy(worker, worker.status()));
  }

  #linkPartitions(which: 'all' | 'stirred'): LinkPartitions[] {
    return Array.from(this.#workers.values(), (worker) => this.#withRemedy(worker, worker.partitions(which)));
  }

  #withRemedy<T extends LinkPartitions>({ name, record }: LinkWorker, status: T): T {
    const isGrouped = rolesOfLink(this.#control.state.roles, name) !== undefined;
    const region = isGrouped ? record.destination : null;
    return { ...status, partitions: withRemedy(status.partitions, region) };
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
      // First of all: what follows asks whether a topic may be copied.
      const isResidency = changes.some(({ key }) => residencyKeys.test(key));
      if (isResidency) this.#residency.changed();
      for (const { key, value } of changes) if (value === null) this.#forget(key);
      this.#warnings.tellNamesake();
      if (changes.some(({ key }) => declared.test(key))) this.#follow();
      if (changes.some(({ key }) => key.startsWith('roles/'))) this.#office.rolesTurned();
      if (isResidency) this.#office.rulesChanged();
      this.#warnings.tellUnusable();
    });
    try {
      this.#follow();
      this.#warnings.tellUnusable();
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
    const rulesKept = checkDeclared(this.#control.state, this.#options);
    if (rulesKept !== null) this.#say('warning', rulesKept);
    // First of all, so that whoever writes a command knows that somebody will answer it.
    await this.#reporting.report();
    if (this.#isStopping) return;
    await this.#membership.start();
    if (this.#isStopping) return;
    this.#reporting.start();
    const { agentId: by, signal } = this.#options;
    const how = { by, timeoutMs: declareTimeoutMs, isDryRun: false, signal };
    await declare({ ...this.#options, ask: (body) => sendCommand(this.#control, body, how) });
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
      void this.#reporting.report({ isUrgent: true });
    this.#reconcileWhereChanged(state);
    const work = workOf(state);
    if (this.#office.isLeading && hasOtherWork(this.#work, work)) this.#membership.workChanged();
    this.#work = work;
    this.#shareLimits();
  }

  /** Links that may read only so much in a second: each agent has its part of that. */
  #shareLimits(): void {
    const shares = limitShares(this.#work, this.#owned);
    for (const [link, worker] of this.#workers) worker.sharesLimit(shares.get(link) ?? { owned: 0, all: 0 });
  }

  /** A mirror that was deleted may come back as another topic under its name. */
  #forget(key: string): void {
    const [, link, topic] = /^mirror\/([^/]+)\/(.+)$/.exec(key) ?? [];
    if (link !== undefined && topic !== undefined) this.#workers.get(link)?.forget(topic);
  }

  /** Runners look at once when a mirror of theirs was paused, resumed or promoted, or when roles turned. */
  #reconcileWhereChanged(state: FleetState): void {
    const states = new Map<string, string>();
    for (const { link, sourceTopic, state: now } of state.mirrors.values())
      states.set(link, `${states.get(link) ?? ''},${sourceTopic}=${now}`);
    const roles = new Map(
      Array.from(
        this.#workers.keys(),
        (link) => [link, `${rolesFor(state, link)}${this.#residency.version()}`] as const,
      ),
    );
    for (const [name, worker] of this.#workers)
      if (roles.get(name) !== this.#roles.get(name)) worker.rolesTurned();
      else if (states.get(name) !== this.#mirrorStates.get(name)) worker.reconcile();
    this.#mirrorStates = states;
    this.#roles = roles;
  }

  #startWorker(record: LinkRecord): void {
    const { observer, onNotice, resolve, declare } = this.#options;
    const group = declare?.find(({ links }) => links.includes(record.name))?.group;
    const worker = new LinkWorker({
      record,
      destination: this.#destination,
      memory: this.#memory,
      control: this.#control,
      resolve,
      forbids: (topic) => this.#residency.holdOf(this.#control.state.links.get(record.name) ?? record, topic),
      beforeMeeting: () => this.#office.freshOrigins(record.name),
      owns: ({ topic, partition }) => this.#owned.has(keyOf({ link: record.name, topic, partition })),
      ...(group !== undefined && { declaredGroup: group }),
      takeLeft: ({ topic, partition }) => this.#handovers.take({ link: record.name, topic, partition }),
      isLeader: () => this.#office.isLeading,
      keeperStore: (prefix) => this.#office.store(prefix),
      onNotice: (notice) => onNotice(record.name, notice),
      ...(observer && { observer: observer(record.name) }),
      clock: systemClock,
    });
    this.#workers.set(record.name, worker);
    worker.lead(this.#office.isLeading);
    worker.start();
  }

  #share(all: readonly WorkItem[]): void {
    this.#owned = new Set(all.map(keyOf));
    this.#shareLimits();
    for (const worker of this.#workers.values()) worker.reconcile();
  }

  /** `generationId`: in which nobody else has them; null: not known. */
  async #release(items: readonly WorkItem[], generationId: string | null): Promise<void> {
    this.#handovers.revoked(items);
    const owned = new Set(this.#owned);
    for (const item of items) owned.delete(keyOf(item));
    this.#owned = owned;
    this.#shareLimits();
    await Promise.all(
      [...Map.groupBy(items, ({ link }) => link)].map(async ([link, some]) => {
        const released = (await this.#workers.get(link)?.release(some)) ?? [];
        if (generationId !== null) await this.#handovers.tell(link, released, generationId);
      }),
    );
  }

  async #stop(): Promise<void> {
    this.#isStopping = true;
    // A destination that does not answer must not hold up the stop: others take over all the same.
    await orPatience(Promise.all([this.#reporting.stop(), this.#office.close()]), stopPatienceMs);
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
