// What travels along with a link and is kept by the agent that leads the fleet: positions of groups (and checkpoints of
// them), rights, and producer ids. They begin before the source was reached, and wait for it by themselves.
import type { Clock, Cluster } from '../client/index.ts';
import { type ControlTopic, type LinkRecord, type MirrorRecord, rolesOfLink } from '../control/index.ts';
import { AclKeeper, type KeeperStore, ruledTopics } from '../link/acls/index.ts';
import { GroupKeeper } from '../link/groups/index.ts';
import type { Notice, TopicHold } from '../link/index.ts';
import { CheckpointEmitter, InternalTopic } from '../link/mirror-maker/index.ts';
import { type LinkConfig, matchesGroup, matchesPrincipal, replicationPolicyOf } from '../topology/index.ts';
import { groupShift } from './group-shift.ts';
import { guardedTopics } from './guarded-topics.ts';
import { mirroredFrom } from './mirror-maker.ts';
import { ProducerIdKeeper } from './producer-ids.ts';
import type { TopicHolds } from './topic-holds.ts';

export interface LinkKeepersOptions {
  readonly destination: Cluster;
  readonly control: ControlTopic;
  readonly holds: TopicHolds;
  /** The newest declaration. */
  record(): LinkRecord;
  /** What keepers remember, below a prefix; written by the leader. */
  keeperStore(prefix: string): KeeperStore;
  /** What rules of the fleet have against copying a topic. Default: nothing. */
  forbids?(topic: string): TopicHold | null;
  /** Topics at the source that the link takes, as far as it has looked. */
  selected(): readonly string[];
  /** The source offset from which on the shift of a mirror holds. */
  takenAt(topic: string, partition: number): bigint;
  readonly onNotice: (notice: Notice) => void;
  readonly clock: Clock;
}

/** The link that they keep. */
export interface KeptLink {
  readonly config: LinkConfig;
  /** May not be reachable. */
  readonly source: Cluster;
}

export class LinkKeepers {
  readonly #options: LinkKeepersOptions;
  #groups: GroupKeeper | null = null;
  #checkpoints: CheckpointEmitter | null = null;
  #acls: AclKeeper | null = null;
  #producerIds: ProducerIdKeeper | null = null;

  constructor(options: LinkKeepersOptions) {
    this.#options = options;
  }

  get groups(): GroupKeeper | null {
    return this.#groups;
  }
  get checkpoints(): CheckpointEmitter | null {
    return this.#checkpoints;
  }
  get acls(): AclKeeper | null {
    return this.#acls;
  }

  /** Nothing happens where they have begun. */
  start(link: KeptLink): void {
    if (this.#groups !== null || this.#acls !== null || this.#producerIds !== null) return;
    const { config } = link;
    if (config.separateProducerIds) this.#producerIds = this.#producerIdKeeper(link);
    if (config.groups.length > 0) {
      this.#checkpoints = this.#checkpointEmitter(config);
      this.#groups = this.#groupKeeper(link, this.#checkpoints);
    }
    this.#acls = this.#aclKeeper(link);
    this.#groups?.start();
    this.#producerIds?.start();
    this.#acls?.start();
  }

  async end(): Promise<void> {
    const keepers = [this.#groups, this.#acls, this.#producerIds];
    this.#groups = null;
    this.#checkpoints = null;
    this.#acls = null;
    this.#producerIds = null;
    await Promise.all(keepers.map((keeper) => keeper?.stop()));
  }

  #producerIdKeeper({ source }: KeptLink): ProducerIdKeeper {
    const { destination, control, record, keeperStore, onNotice, clock } = this.#options;
    const { state } = control;
    return new ProducerIdKeeper({
      ...{ source, destination, onNotice, clock, keeperStore, link: record() },
      roles: () => state.roles,
    });
  }

  #groupKeeper({ config, source }: KeptLink, checkpoints: CheckpointEmitter | null): GroupKeeper {
    const { destination, control, holds, record, keeperStore, takenAt, onNotice, clock } = this.#options;
    const { name } = record();
    const statusOf = (topic: string, partition: number) =>
      control.state.statuses.get(`${name}/${topic}/${partition}`);
    return new GroupKeeper({
      ...{ source, destination, onNotice, clock },
      ...(checkpoints && { checkpoints }),
      store: keeperStore(`group/${name}/`),
      behind: keeperStore(`behind/${name}/`),
      selects: (group) => matchesGroup(config, group),
      config: { ...config.sync.groups, everyMs: lookEveryMs(config) },
      mirrors: () =>
        this.#mirrorsOf(name)
          .filter(({ state, sourceTopic }) => state !== 'Promoted' && holds.holdOf(sourceTopic) === null)
          .map(({ sourceTopic, mirrorTopic, partitionCount }) => ({
            ...{ sourceTopic, mirrorTopic, partitionCount },
            shiftOf: (partition: number) => groupShift(statusOf(sourceTopic, partition)),
            takenAt: (partition: number) => takenAt(sourceTopic, partition),
          })),
    });
  }

  /** Null where nothing is asked of it, now or before: what it made is to be lifted at a promotion all the same. */
  #aclKeeper({ config, source }: KeptLink): AclKeeper | null {
    const { destination, control, holds, record, keeperStore, forbids, selected } = this.#options;
    const { onNotice, clock } = this.#options;
    const { acls, quotas, users } = config.sync;
    const { name } = record();
    const store = keeperStore(`acl/${name}/`);
    const isAsked = acls !== null || quotas.length > 0 || users.length > 0;
    if (!isAsked && store.entries().size === 0) return null;
    return new AclKeeper({
      ...{ source, destination, onNotice, clock, store, config: acls, quotas, users },
      selects: (principal) => acls !== null && matchesPrincipal(acls, principal),
      mirrors: () =>
        guardedTopics({
          link: record(),
          config,
          mirrors: this.#mirrorsOf(name),
          selected: selected(),
          roleOf: (topic) => holds.roleOf(topic),
          roles: rolesOfLink(control.state.roles, name),
          ruled: ruledTopics(store.entries()),
          there: destination.knownMetadata.topics.keys(),
          isForbidden: (topic) => forbids?.(topic)?.state === 'Forbidden',
        }),
    });
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

  #mirrorsOf(link: string): MirrorRecord[] {
    return [...this.#options.control.state.mirrors.values()].filter((mirror) => mirror.link === link);
  }
}

/** Groups are looked at for commits and for checkpoints, as often as the quicker of the two wants. */
function lookEveryMs({ sync, mirrorMaker }: LinkConfig): number {
  const checkpoints = mirrorMaker?.checkpoints;
  if (!checkpoints) return sync.groups.everyMs;
  return sync.groups.commits ? Math.min(sync.groups.everyMs, checkpoints.everyMs) : checkpoints.everyMs;
}
