// One link at this agent: connects to its source, copies the partitions that are this agent's, and, where this agent
// leads the fleet, keeps what travels along (topics, settings, groups, ACLs).
//
// A source that can't be reached keeps nothing else from working: the link says so and is tried again, and its mirrors
// can be promoted meanwhile.
import { type BackoffOptions, backoffMs, Cluster, type ClusterConfig, sleep } from '../client/index.ts';
import type { LinkRecord } from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import type { AclKeeper } from '../link/acls/index.ts';
import type { GroupKeeper } from '../link/groups/index.ts';
import type { LinkPartitions, LinkRunner, LinkStatus, ReleasedPartition } from '../link/index.ts';
import type { CheckpointEmitter } from '../link/mirror-maker/index.ts';
import { linkProducerId } from '../mirror/index.ts';
import { loadCodecs } from '../records/index.ts';
import { type LinkConfig, literalTopics, matchesTopic } from '../topology/index.ts';
import { canGoOn, type Declared, isSameDeclaration } from './declared-change.ts';
import { FlowBook, nameWriter } from './flow-book.ts';
import type { LinkTopics } from './leader/conditions.ts';
import { LinkKeepers } from './link-keepers.ts';
import { LinkLimit } from './link-limit.ts';
import { buildLink } from './link-parts.ts';
import type { LinkWorkerOptions } from './link-worker-options.ts';
import { sourceTrouble } from './source-trouble.ts';
import { takenAt, toldShift } from './told-shifts.ts';
import { TopicHolds } from './topic-holds.ts';

/** What stands while the link's declaration does. */
interface Standing extends Declared {
  readonly sourceConfig: ClusterConfig;
  /** May not be reachable. */
  readonly source: Cluster;
}

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
  readonly #holds: TopicHolds;
  readonly #keepers: LinkKeepers;
  readonly #endFlows: () => void;
  /** Why nothing is copied. */
  #trouble: string | null = connecting;
  readonly #limit = new LinkLimit();
  #isStopped = false;
  #isLeading = false;
  readonly #ended = new AbortController();
  /** Aborted when the declaration changes or the work ends. */
  #attempt = new AbortController();
  #work: Promise<void> = Promise.resolve();

  constructor(options: LinkWorkerOptions) {
    this.#options = options;
    this.#record = options.record;
    const { control, destination, declaredGroup, forbids, keeperStore, onNotice, clock } = options;
    const record = () => this.#record;
    this.#holds = new TopicHolds({
      ...{ control, destination, record, ...(declaredGroup !== undefined && { declaredGroup }) },
      ...(forbids && { forbids }),
      standing: () => this.#standing,
      reachedClusterId: () => this.source?.clusterId,
    });
    this.#keepers = new LinkKeepers({
      ...{ control, destination, holds: this.#holds, record, keeperStore, onNotice, clock },
      ...(forbids && { forbids }),
      selected: () => this.#runner?.topicsStatus().topics.map(({ topic }) => topic) ?? [],
      takenAt: (topic, partition) => this.takenAt(topic, partition),
    });
    this.#endFlows = FlowBook.of(control).onChange(() => this.reconcile());
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
    return this.#keepers.groups;
  }
  /** Null where this agent does not lead, or nothing was asked for. */
  get checkpoints(): CheckpointEmitter | null {
    return this.#keepers.checkpoints;
  }
  get acls(): AclKeeper | null {
    return this.#keepers.acls;
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
    loadCodecs();
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
      heldBytesMax: 0,
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
    this.acls?.lookNow().catch((error: unknown) => {
      if (!(error instanceof LockstepError)) throw error;
      this.#options.onNotice({ atMs: Date.now(), level: 'warning', text: `ACLs: ${error.message}` });
    });
  }

  /** How many of the link's partitions are this agent's: it has as much of the link's limit. */
  sharesLimit({ owned, all }: { owned: number; all: number }): void {
    this.#limit.setOwned({ owned, all });
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
      else await this.#keepers.end();
      await this.#runner?.reconcile();
    });
  }

  /** See `toldShift`. */
  shiftOf(topic: string, partition: number): bigint | null {
    return toldShift(this.#options.control, { link: this.name, topic, partition });
  }

  /** See `takenAt`. */
  takenAt(topic: string, partition: number): bigint {
    return takenAt(this.#options.control, { link: this.name, topic, partition });
  }

  /** The newest declaration. */
  async #takeOver(): Promise<void> {
    const [standing, resolved, record] = [this.#standing, this.#resolve(), this.#record];
    if (resolved === null || standing === null || !canGoOn(standing, { record, config: resolved.config })) {
      await this.#end();
      return this.#begin();
    }
    const { config } = resolved;
    this.#standing = { ...standing, config, record };
    this.#limit.setMax(config.bytesPerSecondMax);
    await this.#runner?.alter({
      selects: (topic) => matchesTopic(config, topic),
      namedTopics: literalTopics(config),
      startAt: config.startAt,
      configs: config.sync.configs,
    });
    await this.#keepers.end();
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
    this.#limit.setMax(config.bytesPerSecondMax);
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
        if (!signal.aborted) this.#say(sourceTrouble(this.name, error));
      }
      await sleep(clock, backoffMs(attempt, sourceBackoff, Math.random), signal).catch(() => {});
    }
  }

  /** The source answers. */
  async #run({ config, source, sourceConfig }: Standing): Promise<void> {
    const { control, destination, onNotice, observer, takeLeft, memory } = this.#options;
    const holds = this.#holds;
    const runner = buildLink({
      ...{ config, source, sourceConfig, destination, onNotice },
      shiftStore: control,
      limit: this.#limit.reading,
      ...(memory && { memory }),
      ...(observer && { observer }),
      ...(takeLeft && { takeLeft }),
      nameWriter: (producerId) => nameWriter(producerId, FlowBook.of(control).flows),
      share: {
        owns: (partition) => this.#options.owns(partition),
        isKeeper: () => this.#options.isLeader(),
        mayMirror: (topic) => holds.mayMirror(topic, config),
        hold: (topic) => holds.holdOf(topic),
        beforeMeeting: async () => this.#options.beforeMeeting?.(),
        incarnationOf: (topic) => holds.incarnationOf(topic),
        mayReturn: (topic) => holds.mayReturn(topic),
        mirroredFrom: (topic, mirrorTopicId) => holds.mirroredFrom(topic, mirrorTopicId),
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

  /** What is kept is the leading agent's affair. */
  #startKeepers(): void {
    if (this.#standing !== null && this.#isLeading) this.#keepers.start(this.#standing);
  }

  async #end(): Promise<void> {
    this.#attempt.abort();
    await this.#keepers.end();
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
