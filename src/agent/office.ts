// The leader's office at this agent: taken when the group makes it the leader, left when another one leads.
import { type Cluster, type ClusterConfig, formatAddress, sleep, systemClock } from '../client/index.ts';
import { endOf } from '../control/flows.ts';
import {
  type ControlTopic,
  LeaderWriter,
  type LinkDeclaration,
  residencyRules,
  type SourceReference,
} from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import type { KeeperStore } from '../link/acls/index.ts';
import { HeartbeatEmitter, InternalTopic } from '../link/mirror-maker/index.ts';
import { heartbeatsTopic } from '../topology/index.ts';
import type { DecisionContext } from './leader/decision.ts';
import { FlowTeller } from './leader/flow-teller.ts';
import { Leader } from './leader/leader.ts';
import type { MetTopic } from './leader/met-topics.ts';
import { OriginsWatch } from './leader/origins-watch.ts';
import { promotableLink } from './leader/promotable-link.ts';
import { Promotions } from './leader/promotions.ts';
import { refuseLoops } from './leader/refuse-loops.ts';
import { RolesWatch } from './leader/roles-watch.ts';
import type { LinkWorker } from './link-worker.ts';
import { beatsAsked, mirroredFrom } from './mirror-maker.ts';

export interface OfficeOptions extends Pick<DecisionContext, 'resolve' | 'checkTogether'> {
  readonly control: ControlTopic;
  readonly destination: Cluster;
  readonly workers: ReadonlyMap<string, LinkWorker>;
  /** @throws LockstepError for what this machine can't look up. */
  resolveSource(source: SourceReference, link: string): ClusterConfig;
  /** Whether the group still says that this agent leads. */
  isMeantToLead(): boolean;
  readonly onNotice: (link: string | null, level: 'info' | 'warning', text: string) => void;
}

const retryMs = 1_000;
/** By then the group has told a leader that it is none any more, ms. */
const fencedPauseMs = 3_000;

export class Office {
  readonly #options: OfficeOptions;
  #leader: Leader | null = null;
  #rolesWatch: RolesWatch | null = null;
  #flowTeller: FlowTeller | null = null;
  #originsWatch: OriginsWatch | null = null;
  #heartbeats: HeartbeatEmitter | null = null;
  #isLeading = false;
  #isClosed = false;
  #changing: Promise<void> = Promise.resolve();

  constructor(options: OfficeOptions) {
    this.#options = options;
  }

  get isLeading(): boolean {
    return this.#isLeading;
  }

  /** Null where this agent does not lead. */
  get heartbeats(): HeartbeatEmitter | null {
    return this.#heartbeats;
  }

  lead(isLeading: boolean): void {
    if (this.#isLeading === isLeading || (isLeading && this.#isClosed)) return;
    this.#isLeading = isLeading;
    this.#say(
      'info',
      `this agent ${isLeading ? 'leads' : 'does not lead'} the fleet of ${this.#options.destination.name}${isLeading ? '' : ' any more'}`,
    );
    this.#changing = this.#changing.then(() => (isLeading ? this.#take() : this.#leave()));
  }

  /** Leaves it for good; resolves when nothing of it is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.lead(false);
    await this.#changing;
  }

  /** Where keepers remember things, below a prefix. */
  store(prefix: string): KeeperStore {
    return {
      entries: () =>
        new Map(
          Array.from(this.#options.control.state.entries(prefix), ([key, value]) => [
            key.slice(prefix.length),
            value,
          ]),
        ),
      put: async (entries) => {
        if (this.#leader === null) throw new LockstepError('FENCED', 'this agent does not lead the fleet');
        await this.#leader.write(new Map(Array.from(entries, ([key, value]) => [`${prefix}${key}`, value])));
      },
    };
  }

  async #take(): Promise<void> {
    // Asked for twice, or not any more: taking the pen would shut out whoever leads.
    if (this.#leader !== null || !this.#isLeading) return;
    const { control, destination, workers, resolve, checkTogether, onNotice } = this.#options;
    try {
      const writer = await LeaderWriter.take(control);
      this.#leader = new Leader({
        ...{ control, writer, nowMs: Date.now },
        context: {
          resolve: (declaration) => {
            refuseItself(declaration, destination);
            return resolve(declaration);
          },
          checkTogether,
          refuseLoops: (state, links, changed) => {
            const own = endOf(destination, destination.name);
            refuseLoops(state, links, changed, { own, nowMs: Date.now(), resolve });
          },
        },
        met: () => metTopics([...workers.values()]),
        links: () =>
          Array.from(workers.values(), (worker) => ({
            ...worker.topicsStatus(),
            roles: this.#rolesWatch?.rolesAt(worker.record) ?? null,
            loopsUnseen: this.#flowTeller?.troubleOf(worker.name) ?? null,
          })),
        sourceClusterIds: () =>
          new Map(
            [...workers.values()].flatMap(({ name, source }) =>
              source === null ? [] : [[name, source.clusterId] as const],
            ),
          ),
        promotions: (replace) =>
          new Promotions({
            ...{ destination, replace, onNotice, nowMs: Date.now },
            link: (name) => promotableLink(workers.get(name), control),
          }),
        onNotice: (level, text) => this.#say(level, text),
        onFenced: () => this.#fenced(),
      });
      for (const worker of workers.values()) worker.lead(true);
      this.#rolesWatch = this.#watchRoles(this.#leader);
      this.#rolesWatch.start();
      this.#originsWatch = this.#watchOrigins(this.#leader);
      this.#originsWatch.start();
      this.#leader.start();
      this.#flowTeller = this.#tellFlows(this.#leader);
      this.#flowTeller.start();
      this.#heartbeats = this.#emitHeartbeats();
      this.#heartbeats.start();
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      this.#say('warning', `this agent leads the fleet and can't write: ${error.message}`);
      // Tried again as long as the group says that we lead.
      await sleep(systemClock, retryMs);
      if (this.#isLeading) this.#changing = this.#changing.then(() => this.#take());
    }
  }

  async #leave(): Promise<void> {
    const leader = this.#leader;
    this.#leader = null;
    this.#rolesWatch?.stop();
    this.#rolesWatch = null;
    const flowTeller = this.#flowTeller;
    this.#flowTeller = null;
    this.#originsWatch?.stop();
    this.#originsWatch = null;
    this.#heartbeats?.stop();
    this.#heartbeats = null;
    await flowTeller?.stop();
    for (const worker of this.#options.workers.values()) worker.lead(false);
    await leader?.stop();
  }

  #tellFlows(leader: Leader): FlowTeller {
    const { control, destination, workers, resolve, resolveSource, onNotice } = this.#options;
    return new FlowTeller({
      ...{ state: control.state, destination, resolve, resolveSource },
      links: () => [...workers.values()],
      write: (entries) => leader.write(entries),
      refresh: () => control.refresh(),
      onNotice: (link, text) => onNotice(link, 'warning', text),
      clock: systemClock,
    });
  }

  #watchRoles(leader: Leader): RolesWatch {
    const { control, workers } = this.#options;
    return new RolesWatch({
      state: control.state,
      links: () => [...workers.values()],
      take: (theirs) => leader.follow(theirs),
      onChange: () => leader.look(),
      clock: systemClock,
    });
  }

  #emitHeartbeats(): HeartbeatEmitter {
    const { control, destination, onNotice } = this.#options;
    return new HeartbeatEmitter({
      open: (replicationFactor) => new InternalTopic(destination, heartbeatsTopic, replicationFactor),
      beats: () => beatsAsked(control.state, Date.now()),
      mirrorOf: (topic) => mirroredFrom(control.state, topic),
      onNotice: ({ level, text }) => onNotice(null, level, text),
      clock: systemClock,
    });
  }

  #watchOrigins(leader: Leader): OriginsWatch {
    const { control, workers, resolve, onNotice } = this.#options;
    return new OriginsWatch({
      ...{ state: control.state, resolve, nowMs: Date.now },
      links: () => [...workers.values()],
      write: (entries) => leader.write(entries),
      onUnreadable: (link, reason) =>
        onNotice(
          link,
          'warning',
          `rules stand, and what the source copies from elsewhere can't be read there, so labels go by files and names alone: ${reason}`,
        ),
    });
  }

  /**
   * What the source of a link copies itself is known as of now, where rules ask for it. Only who leads makes mirrors, and
   * has to know.
   * @throws LockstepError to be tried again.
   */
  async freshOrigins(link: string): Promise<void> {
    if (!this.#isLeading || (this.#options.control.state.rules.get(residencyRules)?.rules.length ?? 0) === 0)
      return;
    if (this.#originsWatch === null)
      throw new LockstepError('KAFKA_ERROR', `link ${link}: this agent is about to lead, and rules stand`, {
        retriable: true,
      });
    await this.#originsWatch.fresh(link);
  }

  /** Rules, or links that they speak of. */
  rulesChanged(): void {
    this.#originsWatch?.look();
  }

  /** Roles of this region have turned. */
  rolesTurned(): void {
    this.#rolesWatch?.look();
  }

  /** Another agent has taken the pen, or Kafka took it away; the group decides who leads. */
  #fenced(): void {
    this.lead(false);
    setTimeout(() => {
      if (this.#options.isMeantToLead()) this.lead(true);
    }, fencedPauseMs).unref();
  }

  #say(level: 'info' | 'warning', text: string): void {
    this.#options.onNotice(null, level, text);
  }
}

/** Topics that this agent's runners have made or met. */
function metTopics(workers: readonly LinkWorker[]): MetTopic[] {
  // A worker that has yet to hear that a topic was excluded would bring its mirror back.
  const current = workers.filter((worker) => worker.isAsDeclared);
  return current.flatMap((worker) =>
    worker.topicsStatus().topics.flatMap((topic) => metTopic(worker.name, topic)),
  );
}

function metTopic(
  link: string,
  status: ReturnType<LinkWorker['topicsStatus']>['topics'][number],
): MetTopic[] {
  const { topic: sourceTopic, mirrorTopic, state, sourceTopicId, mirrorTopicId, partitionCount } = status;
  const { incarnation = 0 } = status;
  if (state !== 'Mirrored' || sourceTopicId === null || mirrorTopicId === null) return [];
  const met = { link, sourceTopic, mirrorTopic, sourceTopicId, mirrorTopicId, partitionCount };
  return [incarnation === 0 ? met : { ...met, incarnation }];
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
