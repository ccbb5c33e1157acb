// One link at this agent: connects to its source, copies the partitions that are this agent's, and, where this agent
// leads the fleet, keeps what travels along (topics, settings, groups, ACLs).
//
// A source that can't be reached keeps nothing else from working: the link says so and is tried again, and its mirrors
// can be promoted meanwhile.
import {
  type BackoffOptions,
  backoffMs,
  type Clock,
  Cluster,
  type ClusterConfig,
  sleep,
} from '../client/index.ts';
import { endOf, flowOf } from '../control/flows.ts';
import {
  type ControlTopic,
  type LinkRecord,
  type MirrorRecord,
  mirrorKey,
  rolesOfLink,
  type StatusRecord,
} from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import { AclKeeper, type KeeperStore, ruledTopics } from '../link/acls/index.ts';
import { GroupKeeper } from '../link/groups/index.ts';
import {
  type LinkPartitions,
  type LinkRunner,
  type LinkStatus,
  mirrorStates,
  type Notice,
  type ReleasedPartition,
  type TopicHold,
  takeoverOf,
} from '../link/index.ts';
import { CheckpointEmitter, InternalTopic } from '../link/mirror-maker/index.ts';
import { linkProducerId, type MirrorObserver, ReadLimit } from '../mirror/index.ts';
import {
  type LinkConfig,
  type LinkFlow,
  literalTopics,
  matchesGroup,
  matchesPrincipal,
  matchesTopic,
  mirrorNameOf,
  replicationPolicyOf,
} from '../topology/index.ts';
import type { AgentMemory } from './agent-memory.ts';
import { FlowBook, LoopWatch, nameWriter } from './flow-book.ts';
import { groupShift } from './group-shift.ts';
import { guardedTopics } from './guarded-topics.ts';
import type { LinkTopics } from './leader/conditions.ts';
import { buildLink, type LinkParts } from './link-parts.ts';
import { holdOf, type LinkRole, linkRole } from './link-role.ts';
import { mirroredFrom } from './mirror-maker.ts';
import { ProducerIdKeeper } from './producer-ids.ts';

export interface LinkWorkerOptions {
  readonly record: LinkRecord;
  readonly destination: Cluster;
  /** Shared by all links of the process. Default: the link has its own. */
  readonly memory?: AgentMemory;
  readonly control: ControlTopic;
  /** @throws LockstepError CONFIG_INVALID, FILE_UNREADABLE: a reference that this machine can't resolve. */
  resolve(record: LinkRecord): { readonly config: LinkConfig; readonly source: ClusterConfig };
  /** The replication group of this agent's own file that the link belongs to. */
  readonly declaredGroup?: string;
  /** What rules of the fleet have against copying a topic. Default: nothing. */
  forbids?(topic: string): TopicHold | null;
  /** What those rules go by is made as new as this call. Default: it always is. */
  beforeMeeting?(): Promise<void>;
  /** Whether the partition of this source topic is this agent's. */
  owns(partition: { readonly topic: string; readonly partition: number }): boolean;
  isLeader(): boolean;
  /** What keepers remember, below a prefix; written by the leader. */
  keeperStore(prefix: string): KeeperStore;
  /** How the former agent left a partition that was given to us; default: nobody knows. */
  readonly takeLeft?: LinkParts['takeLeft'];
  readonly onNotice: (notice: Notice) => void;
  readonly observer?: MirrorObserver;
  readonly clock: Clock;
}

/** What stands while the link's declaration does. */
interface Standing {
  /** What it was made from. */
  readonly record: LinkRecord;
  readonly config: LinkConfig;
  readonly sourceConfig: ClusterConfig;
  /** May not be reachable. */
  readonly source: Cluster;
}

/** Keys of a link's configuration that a running link takes over; all others begin it anew. */
const alterableKeys: ReadonlySet<keyof LinkConfig> = new Set([
  'topics',
  'excludeTopics',
  'groups',
  'excludeGroups',
  'startAt',
  'sync',
  'separateProducerIds',
  'bytesPerSecondMax',
]);
/** A source that is down for long is asked every half minute. */
const sourceBackoff: BackoffOptions = { initialMs: 500, maxMs: 30_000 };
/** How soon references that can't be looked up are tried again, ms. */
const resolveAgainMs = 15_000;

const connecting = 'connecting to the source';

export class LinkWorker {
  readonly #options: LinkWorkerOptions;
  #record: LinkRecord;
  #standing: Standing | null = null;
  /** Null until the source was reached. */
  #runner: LinkRunner | null = null;
  /** The runner has looked at all topics once. */
  #isStarted = false;
  /** Resolves when nothing of the former runner is under way. */
  #formerStopped: Promise<void> = Promise.resolve();
  #groups: GroupKeeper | null = null;
  #checkpoints: CheckpointEmitter | null = null;
  #acls: AclKeeper | null = null;
  readonly #loops: LoopWatch;
  /** The link as the graph of flows has it, while it is the same. */
  #flow: { readonly of: Standing; readonly key: string; readonly flow: LinkFlow } | null = null;
  readonly #endFlows: () => void;
  #producerIds: ProducerIdKeeper | null = null;
  /** Why nothing is copied. */
  #trouble: string | null = connecting;
  /** What all copies of the link may read, and this agent's part of it. */
  readonly #limit = new ReadLimit();
  #limitShare = 1;
  #isStopped = false;
  #isLeading = false;
  readonly #ended = new AbortController();
  /** Aborted when the declaration changes or the work ends. */
  #attempt = new AbortController();
  #work: Promise<void> = Promise.resolve();

  constructor(options: LinkWorkerOptions) {
    this.#options = options;
    this.#record = options.record;
    const flows = FlowBook.of(options.control);
    this.#loops = new LoopWatch(flows);
    this.#endFlows = flows.onChange(() => this.reconcile());
  }

  get name(): string {
    return this.#record.name;
  }
  get record(): LinkRecord {
    return this.#record;
  }
  /** Null while it was never reached. */
  get source(): Cluster | null {
    return this.#runner === null ? null : (this.#standing?.source ?? null);
  }
  get groups(): GroupKeeper | null {
    return this.#groups;
  }
  /** Null where this agent does not lead, or nothing was asked for. */
  get checkpoints(): CheckpointEmitter | null {
    return this.#checkpoints;
  }
  get acls(): AclKeeper | null {
    return this.#acls;
  }
  get config(): LinkConfig | null {
    return this.#standing?.config ?? null;
  }
  /** Null where the link's record can't be resolved; may not be reachable. */
  get sourceClient(): Cluster | null {
    return this.#standing?.source ?? null;
  }
  /** How the source was declared; null where the record can't be resolved. */
  get sourceConfig(): ClusterConfig | null {
    return this.#standing?.sourceConfig ?? null;
  }
  /** The link's producer id in a life of a mirror; null when no agent has ever reached the source. */
  producerIdOf(incarnation: number): bigint | null {
    const sourceClusterId = this.source?.clusterId ?? this.#record.sourceClusterId;
    if (sourceClusterId === undefined) return null;
    return linkProducerId({ sourceClusterId, linkName: this.name, incarnation });
  }

  start(): void {
    this.#inOrder(() => this.#begin());
  }

  /** Everything of this link that is under way has ended when this resolves. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#endFlows();
    this.#ended.abort();
    this.#attempt.abort();
    await this.#work;
    await this.#end();
  }

  /** Whether what it does follows from the newest declaration. */
  get isAsDeclared(): boolean {
    return this.#standing !== null && isSameDeclaration(this.#standing.record, this.#record);
  }

  status(): LinkStatus {
    if (this.#runner !== null) {
      const told = this.#runner.status();
      return this.#isStarted ? told : { ...told, discoveryError: this.#trouble };
    }
    const { name, source, destination } = this.#record;
    return {
      ...{ name, source: source.name, destination },
      topics: [],
      partitions: [],
      heldBytes: 0,
      discoveryError: this.#trouble,
    };
  }

  /** The partitions alone; which of them, see `LinkMirror.status`. */
  partitions(which: 'all' | 'stirred'): LinkPartitions {
    return { name: this.name, partitions: this.#runner?.partitions(which) ?? [] };
  }

  /** Without the partitions, of which there may be thousands. */
  topicsStatus(): LinkTopics {
    const nothing = { topics: [], missingTopics: [], discoveryError: null };
    const told = this.#runner?.topicsStatus() ?? nothing;
    return {
      name: this.name,
      ...told,
      discoveryError: this.#isStarted ? told.discoveryError : this.#trouble,
    };
  }

  /** The link was declared anew. */
  alter(record: LinkRecord): void {
    const before = this.#record;
    this.#record = record;
    if (isSameDeclaration(before, record)) return;
    this.#inOrder(() => this.#takeOver());
  }

  /**
   * Another share of the partitions, or other states of mirrors. Not in order: what is to begin or to stop must not
   * wait for an append that hangs, and a runner that is yet to come looks at what is so then.
   */
  reconcile(): void {
    void this.#runner?.reconcile().catch((error: unknown) => {
      if (!(error instanceof LockstepError)) throw error;
      this.#say(error.message);
    });
  }

  /** Roles of its group turned, or a split of them began or ended. */
  rolesTurned(): void {
    this.reconcile();
    // Whoever was primary until now has to be shut out, and whoever is one now let in.
    this.#acls?.lookNow().catch((error: unknown) => {
      if (!(error instanceof LockstepError)) throw error;
      this.#options.onNotice({ atMs: Date.now(), level: 'warning', text: `ACLs: ${error.message}` });
    });
  }

  /** How many of the link's partitions are this agent's: it has as much of the link's limit. */
  sharesLimit({ owned, all }: { owned: number; all: number }): void {
    // Without partitions nothing is read; a limit of nothing would stop those that come next.
    this.#limitShare = Math.max(owned, 1) / Math.max(all, owned, 1);
    this.#setLimit();
  }

  #setLimit(): void {
    const bytesPerSecondMax = this.#standing?.config.bytesPerSecondMax;
    this.#limit.set(bytesPerSecondMax === undefined ? null : { bytesPerSecondMax, share: this.#limitShare });
  }

  /** The mirror of this topic was deleted. */
  forget(topic: string): void {
    this.#inOrder(async () => this.#runner?.forget(topic));
  }

  /** Stops these partitions; resolves when nothing of them is under way, with how those were left where it is certain. */
  async release(
    partitions: readonly { topic: string; partition: number }[],
  ): Promise<readonly ReleasedPartition[]> {
    const [released] = await Promise.all([this.#runner?.release(partitions), this.#formerStopped]);
    return released ?? [];
  }

  /** Whether this agent leads the fleet from now on. */
  lead(isLeading: boolean): void {
    if (this.#isLeading === isLeading) return;
    this.#isLeading = isLeading;
    this.#inOrder(async () => {
      if (isLeading) this.#startKeepers();
      else await this.#endKeepers();
      await this.#runner?.reconcile();
    });
  }

  /** Source offset - offset at the mirror, as the agent that copies it told; null: not told yet. */
  shiftOf(topic: string, partition: number): bigint | null {
    const status = this.#statusOf(topic, partition);
    return status === undefined ? null : BigInt(status.shift);
  }

  /** The source offset from which on `shiftOf` holds: above 0 where the mirror was taken over from MirrorMaker 2. */
  takenAt(topic: string, partition: number): bigint {
    const { control } = this.#options;
    const mirrorTopicId = control.state.mirrors.get(`${this.name}/${topic}`)?.mirrorTopicId;
    if (mirrorTopicId === undefined) return 0n;
    const takeover = takeoverOf(control, { link: this.name, topic, mirrorTopicId });
    return takeover?.partitions[partition]?.start ?? 0n;
  }

  #statusOf(topic: string, partition: number): StatusRecord | undefined {
    return this.#options.control.state.statuses.get(`${this.name}/${topic}/${partition}`);
  }

  /** The newest declaration. */
  async #takeOver(): Promise<void> {
    const standing = this.#standing;
    const resolved = this.#resolve();
    if (
      resolved === null ||
      standing === null ||
      JSON.stringify(standing.record.source) !== JSON.stringify(this.#record.source) ||
      !canGoOn(standing.config, resolved.config)
    ) {
      await this.#end();
      return this.#begin();
    }
    const { config } = resolved;
    this.#standing = { ...standing, config, record: this.#record };
    this.#setLimit();
    await this.#runner?.alter({
      selects: (topic) => matchesTopic(config, topic),
      namedTopics: literalTopics(config),
      startAt: config.startAt,
      configs: config.sync.configs,
    });
    await this.#endKeepers();
    this.#startKeepers();
  }

  /** Keepers begin at once, what copies as soon as the source answers. */
  async #begin(): Promise<void> {
    if (this.#isStopped) return;
    this.#attempt = new AbortController();
    const resolved = this.#resolve();
    // A file or a variable may come yet.
    if (resolved === null) return this.#beginLater(this.#attempt.signal);
    const { config, source: sourceConfig } = resolved;
    const { sourceClusterId } = this.#record;
    const { memory } = this.#options;
    const source = Cluster.unconnected(sourceConfig, {
      // Keepers begin before the source was reached: at another one they would copy other people's rights and positions.
      ...(sourceClusterId !== undefined && { clusterId: sourceClusterId }),
      ...(memory && { framePool: memory.framePool }),
      onWarning: (text) => this.#options.onNotice({ atMs: Date.now(), level: 'warning', text }),
    });
    this.#standing = { config, sourceConfig, source, record: this.#record };
    this.#setLimit();
    this.#trouble = connecting;
    this.#startKeepers();
    // Not in order: what comes next must not wait for a source that is down.
    void this.#reach(this.#standing, this.#attempt.signal);
  }

  #beginLater(signal: AbortSignal): void {
    void sleep(this.#options.clock, resolveAgainMs, signal).then(
      () => this.#inOrder(async () => (signal.aborted ? undefined : this.#begin())),
      () => {},
    );
  }

  async #reach(standing: Standing, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await standing.source.refreshMetadata([]);
        const isDone = await this.#inOrder(async () => {
          if (signal.aborted || this.#runner !== null) return;
          // It may have been altered while the source was away.
          await this.#run(this.#standing ?? standing);
        });
        if (isDone) return;
      } catch (error) {
        if (!(error instanceof LockstepError)) throw error;
        if (!signal.aborted) this.#say(this.#explained(error));
      }
      await sleep(clock, backoffMs(attempt, sourceBackoff, Math.random), signal).catch(() => {});
    }
  }

  #explained({ code, message, detail }: LockstepError): string {
    if (code !== 'CLUSTER_CHANGED') return message;
    return (
      `link ${this.name}: the source was cluster ${detail.from} and is ${detail.to} now; nothing is copied. Point the link at ` +
      'the former cluster, or delete it and create it anew'
    );
  }

  /** The source answers. */
  async #run({ config, source, sourceConfig }: Standing): Promise<void> {
    const { control, destination, onNotice, observer, takeLeft, memory } = this.#options;
    const runner = buildLink({
      ...{ config, source, sourceConfig, destination, onNotice },
      shiftStore: control,
      limit: this.#limit,
      ...(memory && { memory }),
      ...(observer && { observer }),
      ...(takeLeft && { takeLeft }),
      nameWriter: (producerId) => nameWriter(producerId, FlowBook.of(control).flows),
      share: {
        owns: (partition) => this.#options.owns(partition),
        isKeeper: () => this.#options.isLeader(),
        mayMirror: (topic) => this.#mayMirror(topic, config),
        hold: (topic) => this.#holdOf(topic),
        beforeMeeting: async () => this.#options.beforeMeeting?.(),
        incarnationOf: (topic) => {
          const role = this.#roleOf(topic);
          return role.kind === 'copies' ? role.incarnation : 0;
        },
        mayReturn: (topic) => this.#roleOf(topic).kind === 'copies',
        mirroredFrom: (topic, mirrorTopicId) => {
          const known = control.state.mirrors.get(`${this.name}/${topic}`);
          return known?.mirrorTopicId === mirrorTopicId ? known.sourceTopicId : undefined;
        },
      },
    });
    // From the first moment: what it starts while it meets the topics may have to be given away.
    this.#runner = runner;
    try {
      await runner.start();
    } catch (error) {
      await this.#stopRunner();
      throw error;
    }
    this.#isStarted = true;
    this.#trouble = null;
  }

  /** A mirror without a record is about to be made; a topic that another link mirrors is not ours. */
  #mayMirror(topic: string, config: LinkConfig): boolean {
    const { mirrors } = this.#options.control.state;
    // A newer Lockstep has written it: what it is meant to do is not ours to guess.
    if (this.#options.control.state.foreign.has(mirrorKey({ link: this.name, sourceTopic: topic })))
      return false;
    if (this.#holdOf(topic) !== null) return false;
    const own = mirrors.get(`${this.name}/${topic}`);
    if (own !== undefined) return mirrorStates[own.state].isCopied;
    const mirrorTopic = mirrorNameOf(config, topic);
    for (const mirror of mirrors.values())
      if (mirror.mirrorTopic === mirrorTopic && mirror.link !== this.name) return false;
    return this.#record.isDeleted !== true;
  }

  #roleOf(topic: string): LinkRole {
    const { control, declaredGroup } = this.#options;
    return linkRole(control.state, this.#record, topic, declaredGroup);
  }

  /** Why nothing of a topic is copied; roles first: where a link stands by, no rule has anything to stop. */
  #holdOf(topic: string): TopicHold | null {
    return holdOf(this.#roleOf(topic)) ?? this.#options.forbids?.(topic) ?? this.#loopOf(topic);
  }

  /** Whether the flows that other fleets told of would bring it back here. */
  #loopOf(topic: string): TopicHold | null {
    const standing = this.#standing;
    if (standing === null) return null;
    const { control, destination } = this.#options;
    const sourceClusterId = this.#record.sourceClusterId ?? this.source?.clusterId;
    const group = rolesOfLink(control.state.roles, this.name)?.group ?? this.#record.group;
    const key = `${sourceClusterId} ${group}`;
    if (this.#flow?.of !== standing || this.#flow.key !== key) {
      const record = { ...standing.record, ...(sourceClusterId !== undefined && { sourceClusterId }) };
      const end = endOf(destination, record.destination);
      this.#flow = { of: standing, key, flow: flowOf(record, standing.config, { destination: end, group }) };
    }
    return this.#loops.holdOf(this.#flow.flow, topic);
  }

  #mirrors(): MirrorRecord[] {
    const all = this.#options.control.state.mirrors.values();
    return [...all].filter(({ link }) => link === this.name);
  }

  #startKeepers(): void {
    const standing = this.#standing;
    if (standing === null || !this.#isLeading || this.#groups !== null || this.#acls !== null) return;
    if (this.#producerIds !== null) return;
    const { source, config } = standing;
    const { destination, keeperStore, onNotice, clock } = this.#options;
    const { acls: aclConfig, quotas, users, groups: groupConfig } = config.sync;
    const common = { source, destination, onNotice, clock };
    if (config.separateProducerIds) {
      const { state } = this.#options.control;
      this.#producerIds = new ProducerIdKeeper({
        ...{ ...common, keeperStore, link: this.#record },
        roles: () => state.roles,
      });
    }
    if (config.groups.length > 0) {
      this.#checkpoints = this.#checkpointEmitter(config);
      this.#groups = new GroupKeeper({
        ...common,
        ...(this.#checkpoints && { checkpoints: this.#checkpoints }),
        store: keeperStore(`group/${this.name}/`),
        behind: keeperStore(`behind/${this.name}/`),
        selects: (group) => matchesGroup(config, group),
        config: { ...groupConfig, everyMs: lookEveryMs(config) },
        mirrors: () =>
          this.#mirrors()
            .filter(({ state, sourceTopic }) => state !== 'Promoted' && this.#holdOf(sourceTopic) === null)
            .map(({ sourceTopic, mirrorTopic, partitionCount }) => ({
              ...{ sourceTopic, mirrorTopic, partitionCount },
              shiftOf: (partition: number) => groupShift(this.#statusOf(sourceTopic, partition)),
              takenAt: (partition: number) => this.takenAt(sourceTopic, partition),
            })),
      });
    }
    const store = keeperStore(`acl/${this.name}/`);
    // What it made before is to be lifted at a promotion, also when nothing is asked of it any more.
    if (aclConfig !== null || quotas.length > 0 || users.length > 0 || store.entries().size > 0) {
      this.#acls = new AclKeeper({
        ...common,
        store,
        config: aclConfig,
        selects: (principal) => aclConfig !== null && matchesPrincipal(aclConfig, principal),
        quotas,
        users,
        mirrors: () =>
          guardedTopics({
            link: this.#record,
            config,
            mirrors: this.#mirrors(),
            selected: this.#runner?.topicsStatus().topics.map(({ topic }) => topic) ?? [],
            roleOf: (topic) => this.#roleOf(topic),
            roles: rolesOfLink(this.#options.control.state.roles, this.name),
            ruled: ruledTopics(store.entries()),
            there: destination.knownMetadata.topics.keys(),
            isForbidden: (topic) => this.#options.forbids?.(topic)?.state === 'Forbidden',
          }),
      });
    }
    this.#groups?.start();
    this.#producerIds?.start();
    this.#acls?.start();
  }

  #checkpointEmitter({ mirrorMaker }: LinkConfig): CheckpointEmitter | null {
    if (mirrorMaker === null || mirrorMaker.checkpoints === null) return null;
    const { destination, control, clock, onNotice } = this.#options;
    const { everyMs, replicationFactor } = mirrorMaker.checkpoints;
    const topic = replicationPolicyOf(mirrorMaker).checkpointsTopic(mirrorMaker.sourceAlias);
    return new CheckpointEmitter({
      ...{ everyMs, clock, onNotice },
      topic: new InternalTopic(destination, topic, replicationFactor),
      mirrorOf: (name) => mirroredFrom(control.state, name),
    });
  }

  async #endKeepers(): Promise<void> {
    const keepers = [this.#groups, this.#acls, this.#producerIds];
    this.#groups = null;
    this.#checkpoints = null;
    this.#acls = null;
    this.#producerIds = null;
    await Promise.all(keepers.map((keeper) => keeper?.stop()));
  }

  async #end(): Promise<void> {
    this.#attempt.abort();
    await this.#endKeepers();
    const standing = this.#standing;
    this.#standing = null;
    await this.#stopRunner();
    standing?.source.close();
  }

  #stopRunner(): Promise<void> {
    const runner = this.#runner;
    this.#runner = null;
    this.#isStarted = false;
    this.#formerStopped = runner?.stop() ?? Promise.resolve();
    return this.#formerStopped;
  }

  #resolve(): ReturnType<LinkWorkerOptions['resolve']> | null {
    try {
      return this.#options.resolve(this.#record);
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      this.#say(error.message);
      return null;
    }
  }

  #say(text: string): void {
    if (this.#trouble === text) return;
    this.#trouble = text;
    this.#options.onNotice({ atMs: Date.now(), level: 'warning', text });
  }

  /** One change of the link at a time; resolves with whether it was done. */
  #inOrder(work: () => Promise<void>): Promise<boolean> {
    const done = this.#work.then(work).then(
      () => true,
      (error: unknown) => {
        if (!(error instanceof LockstepError)) throw error;
        this.#say(error.message);
        return false;
      },
    );
    this.#work = done.then(() => {});
    return done;
  }
}

/** A link that was deleted and declared anew begins to count again. */
function isSameDeclaration(one: LinkRecord, other: LinkRecord): boolean {
  return one.generation === other.generation && one.createdAtMs === other.createdAtMs;
}

/** Groups are looked at for commits and for checkpoints, as often as the quicker of the two wants. */
function lookEveryMs({ sync, mirrorMaker }: LinkConfig): number {
  const checkpoints = mirrorMaker?.checkpoints;
  if (!checkpoints) return sync.groups.everyMs;
  return sync.groups.commits ? Math.min(sync.groups.everyMs, checkpoints.everyMs) : checkpoints.everyMs;
}

function canGoOn(before: LinkConfig, after: LinkConfig): boolean {
  return (Object.keys(after) as (keyof LinkConfig)[]).every(
    (key) =>
      alterableKeys.has(key) || JSON.stringify(before[key] ?? null) === JSON.stringify(after[key] ?? null),
  );
}
