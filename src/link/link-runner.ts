// One link at work: finds the source's topics that it selects, makes their mirrors, and follows what changes.
//
// Every `discoverEveryMs`:
//   1. list the source's topics and keep the selected ones
//   2. create mirrors that are missing, add partitions that the source has more
//   3. check the settings of mirrors that were there before
//   4. hand new partitions to the mirror, with their shifts
//   5. follow changed settings, end the guard of starts that are filled, say what the mirror lost
//   6. notice topics that were deleted, or deleted and created again (their topic id is another one)
import { LockstepError } from '../errors.ts';
import type { LinkMirror, PartitionStatus } from '../mirror/index.ts';
import type { LinkCluster, LinkDestination, TopicFacts } from './clusters.ts';
import { KeptRange, type LookedTopic } from './kept-range.ts';
import {
  mirrorSettings,
  type SettingConflict,
  settingConflicts,
  type TopicSettings,
} from './mirror-topic.ts';
import type { Notice } from './notice.ts';
import { SettingsFollower } from './settings-follower.ts';
import type { Shifts } from './shift.ts';
import type { StartGuard } from './start-guard.ts';

export type TopicState =
  /** Being created or checked. */
  | 'Preparing'
  | 'Mirrored'
  /** The destination topic does not fit; see the reason. Not touched. */
  | 'Refused'
  /** The source topic is gone; the mirror stays as it is. */
  | 'SourceDeleted'
  | 'SourceRecreated'
  | 'DestinationRecreated';

export interface TopicStatus {
  readonly topic: string;
  readonly state: TopicState;
  readonly reason: string | null;
  readonly partitionCount: number;
}

export interface LinkStatus {
  readonly name: string;
  readonly source: string;
  readonly destination: string;
  readonly topics: readonly TopicStatus[];
  readonly partitions: readonly PartitionStatus[];
  /** Bytes of fetched frames held now. */
  readonly heldBytes: number;
  /** Why the last look at the topics failed; null when it did not. */
  readonly discoveryError: string | null;
}

export interface LinkRunnerOptions {
  readonly name: string;
  readonly source: LinkCluster;
  readonly destination: LinkDestination;
  readonly mirror: LinkMirror;
  readonly selects: (topic: string) => boolean;
  /** Topics that the link names one by one: missing ones are told. */
  readonly namedTopics: readonly string[];
  /** -1: the broker's default. */
  readonly replicationFactor: number;
  readonly discoverEveryMs: number;
  /** How often settings are compared; at once where a partition is Blocked or a start is being filled. */
  readonly settingsEveryMs: number;
  readonly startGuard: StartGuard;
  readonly shifts: Shifts;
  readonly onNotice: (notice: Notice) => void;
  readonly nowMs: () => number;
}

interface KnownTopic {
  sourceId: string;
  destinationId: string;
  partitionCount: number;
  state: TopicState;
  reason: string | null;
  /** Looks in a row at which the destination did not list the mirror. */
  missingLooks: number;
}

/** A broker that has just started may not list every topic; only what is missing twice is gone. */
const missingLooksMax = 2;
/** How often guarded topics are looked at, in ms. */
const guardedEveryMs = 1_000;
const stopDeadlineMs = 15_000;
/** How long a stop waits for a look at the topics that is under way. */
const discoveryPatienceMs = 1_000;
const replicationFactorAdvised = 3;
/** Errors that are one topic's own; all others concern the cluster. */
const topicErrors: ReadonlySet<string> = new Set(['KAFKA_ERROR', 'NOT_AUTHORIZED', 'CONFIG_INVALID']);

export class LinkRunner {
  readonly #options: LinkRunnerOptions;
  readonly #topics = new Map<string, KnownTopic>();
  /** Named topics that the source did not have at the last look. */
  readonly #missing = new Set<string>();
  /** Topics whose mirror could not be created or grown at the last look. */
  readonly #unprepared = new Map<string, { error: LockstepError; partitionCount: number }>();
  readonly #follower: SettingsFollower;
  readonly #keptRange: KeptRange;
  #discoveredAtMs = Number.NEGATIVE_INFINITY;
  #settingsAtMs = Number.NEGATIVE_INFINITY;
  /** Why the settings of a topic could not be followed, so that it is said once. */
  readonly #troubles = new Map<string, string>();
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;
  #discovery: Promise<void> = Promise.resolve();
  #discoveryError: string | null = null;

  constructor(options: LinkRunnerOptions) {
    this.#options = options;
    const { source, destination, mirror, onNotice, nowMs } = options;
    const restart = (topic: string, partition: number) => mirror.restart({ topic, partition });
    this.#follower = new SettingsFollower({ destination, restart, onNotice, nowMs });
    this.#keptRange = new KeptRange({ source, destination, onNotice, nowMs });
  }

  /**
   * Looks once; a failure here is thrown, later ones are shown and tried again.
   * @throws LockstepError NOT_AUTHORIZED too, when rights are missing for all topics.
   */
  async start(): Promise<void> {
    await this.#discover();
    const [unprepared] = this.#unprepared.values();
    if (this.#topics.size === 0 && unprepared?.error.code === 'NOT_AUTHORIZED') throw unprepared.error;
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    // A cluster that does not answer must not hold up the stop; a look that ends later finds nothing to do.
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, discoveryPatienceMs);
    });
    await Promise.race([this.#discovery, patience]);
    clearTimeout(timer);
    await this.#options.mirror.stop(stopDeadlineMs);
  }

  status(): LinkStatus {
    const { name, source, destination, mirror } = this.#options;
    return {
      name,
      source: source.name,
      destination: destination.name,
      topics: this.#topicStatus(),
      partitions: mirror.status(),
      heldBytes: mirror.heldBytes,
      discoveryError: this.#discoveryError,
    };
  }

  #topicStatus(): TopicStatus[] {
    const topics = Array.from(this.#topics, ([topic, { state, reason, partitionCount }]) => ({
      topic,
      state,
      reason: reason ?? this.#unprepared.get(topic)?.error.message ?? null,
      partitionCount,
    }));
    for (const [topic, { error, partitionCount }] of this.#unprepared) {
      if (!this.#topics.has(topic))
        topics.push({ topic, state: 'Preparing', reason: error.message, partitionCount });
    }
    return topics.sort((a, b) => (a.topic < b.topic ? -1 : 1));
  }

  #schedule(): void {
    if (this.#isStopped) return;
    const { discoverEveryMs, startGuard, nowMs } = this.#options;
    // Nobody can read a guarded mirror, so its end is not to be waited for.
    const everyMs = startGuard.guardedCount > 0 ? Math.min(guardedEveryMs, discoverEveryMs) : discoverEveryMs;
    this.#timer = setTimeout(() => {
      const isDue = nowMs() - this.#discoveredAtMs >= discoverEveryMs;
      this.#discovery = (isDue ? this.#discover() : this.#lookAtSettings())
        .then(
          () => {
            this.#discoveryError = null;
          },
          (error: Error) => {
            this.#discoveryError = error.message;
          },
        )
        .finally(() => this.#schedule());
    }, everyMs);
  }

  async #discover(): Promise<void> {
    const { source, destination, selects, nowMs } = this.#options;
    this.#discoveredAtMs = nowMs();
    const [sourceTopics, destinationTopics] = await Promise.all([
      source.listTopics(),
      destination.listTopics(),
    ]);
    const selected = sourceTopics.filter(({ topic }) => selects(topic));
    const mirrors = new Map(destinationTopics.map((facts) => [facts.topic, facts]));
    this.#noticeDeleted(new Set(selected.map(({ topic }) => topic)));
    this.#noticeMissing(new Set(selected.map(({ topic }) => topic)));

    const unknown = selected.filter(({ topic }) => !this.#topics.has(topic));
    const sourceSettings = await source.topicSettings(unknown.map(({ topic }) => topic));
    const existing = unknown.map(({ topic }) => topic).filter((topic) => mirrors.has(topic));
    const destinationSettings = await destination.topicSettings(existing);

    for (const facts of selected) {
      if (this.#isStopped) return;
      const { topic } = facts;
      try {
        await this.#look(
          facts,
          mirrors.get(topic),
          sourceSettings.get(topic),
          destinationSettings.get(topic),
        );
        this.#unprepared.delete(topic);
      } catch (error) {
        // One topic that can't be created must not hold up the others; it is tried again at the next look.
        if (!(error instanceof LockstepError) || !topicErrors.has(error.code)) throw error;
        this.#unprepared.set(topic, { error, partitionCount: facts.partitionCount });
      }
    }
    await this.#lookAtSettings();
    this.#options.mirror.followLeaders();
  }

  async #look(
    facts: TopicFacts,
    mirror: TopicFacts | undefined,
    sourceSettings: TopicSettings | LockstepError | undefined,
    destinationSettings: TopicSettings | LockstepError | undefined,
  ): Promise<void> {
    for (const settings of [sourceSettings, destinationSettings])
      if (settings instanceof LockstepError) throw settings;
    const known = this.#topics.get(facts.topic);
    if (known === undefined)
      await this.#prepare(
        facts,
        mirror,
        sourceSettings as TopicSettings | undefined,
        destinationSettings as TopicSettings | undefined,
      );
    else await this.#follow(known, facts, mirror);
  }

  /** Meets a topic for the first time: creates its mirror, or checks the one that is there. */
  async #prepare(
    facts: TopicFacts,
    mirror: TopicFacts | undefined,
    sourceSettings: TopicSettings | undefined,
    destinationSettings: TopicSettings | undefined,
  ): Promise<void> {
    const { topic, topicId, partitionCount } = facts;
    if (sourceSettings === undefined) return; // deleted while we looked; the next look decides
    const known: KnownTopic = {
      sourceId: topicId,
      destinationId: mirror?.topicId ?? '',
      partitionCount,
      state: 'Preparing',
      reason: null,
      missingLooks: 0,
    };
    if (mirror === undefined) {
      known.destinationId = await this.#create(facts, mirrorSettings(sourceSettings));
      return this.#copy(known, topic, partitionCount);
    }
    if (destinationSettings === undefined) return; // deleted while we looked, too
    const conflicts = settingConflicts(sourceSettings, destinationSettings);
    const fatal = conflicts.filter((conflict) => conflict.isFatal);
    if (fatal.length > 0) {
      this.#topics.set(topic, known);
      return refuse(known, `the destination topic has ${fatal.map(describe).join('; ')}`);
    }
    for (const conflict of conflicts) this.#notice('warning', `topic ${topic}: ${describe(conflict)}`);
    if (mirror.partitionCount > partitionCount) {
      this.#topics.set(topic, known);
      return refuse(
        known,
        `the destination topic has ${mirror.partitionCount} partitions, the source ${partitionCount}; it can't be a mirror`,
      );
    }
    if (mirror.partitionCount < partitionCount) await this.#grow(topic, partitionCount);
    this.#options.startGuard.meet(topic, destinationSettings);
    return this.#copy(known, topic, partitionCount);
  }

  /** Looks at a topic again: its ids, and whether the source has more partitions now. */
  async #follow(known: KnownTopic, facts: TopicFacts, mirror: TopicFacts | undefined): Promise<void> {
    const { topic } = facts;
    if (
      known.state === 'Refused' ||
      known.state === 'SourceRecreated' ||
      known.state === 'DestinationRecreated'
    )
      return;
    if (facts.topicId !== known.sourceId) {
      return this.#recreated(
        known,
        topic,
        'source',
        `its topic id was ${known.sourceId} and is ${facts.topicId}`,
      );
    }
    known.missingLooks = mirror === undefined ? known.missingLooks + 1 : 0;
    const isGone = known.missingLooks >= missingLooksMax;
    if (isGone || (mirror !== undefined && mirror.topicId !== known.destinationId)) {
      const now = mirror === undefined ? 'it does not exist any more' : `its topic id is ${mirror.topicId}`;
      return this.#recreated(
        known,
        topic,
        'destination',
        `its topic id was ${known.destinationId}, and now ${now}`,
        mirror === undefined ? 'deleted' : 'created again',
      );
    }
    if (known.state === 'SourceDeleted') {
      known.state = 'Mirrored';
      known.reason = null;
    }
    if (facts.partitionCount > known.partitionCount) {
      if (mirror !== undefined && mirror.partitionCount < facts.partitionCount) {
        await this.#grow(topic, facts.partitionCount);
      }
      this.#notice('info', `topic ${topic}: the source has ${facts.partitionCount} partitions now`);
      await this.#copy(known, topic, facts.partitionCount);
    }
  }

  async #copy(known: KnownTopic, topic: string, partitionCount: number): Promise<void> {
    const { sourceId, destinationId } = known;
    const { shifts, sourceRecreated } = await this.#options.shifts.of({
      topic,
      sourceTopicId: sourceId,
      destinationTopicId: destinationId,
      partitionCount,
    });
    // Known only now: a topic whose preparation failed is prepared again at the next look.
    this.#topics.set(topic, known);
    if (shifts === null) return this.#recreated(known, topic, 'source', sourceRecreated);
    known.state = 'Mirrored';
    known.partitionCount = partitionCount;
    for (const [partition, shift] of shifts.entries())
      this.#options.mirror.add({ topic, partition }, { shift });
  }

  async #lookAtSettings(): Promise<void> {
    const { source, destination, mirror, startGuard, settingsEveryMs, nowMs } = this.#options;
    const partitions = Map.groupBy(mirror.status(), ({ topic }) => topic);
    const isDue = nowMs() - this.#settingsAtMs >= settingsEveryMs;
    const topics = [...this.#topics]
      .filter(([, { state }]) => state === 'Mirrored')
      .map(([topic]) => topic)
      .filter(
        (topic) =>
          isDue ||
          startGuard.isGuarded(topic) ||
          this.#keptRange.isNew(topic, partitions.get(topic) ?? []) ||
          partitions.get(topic)?.some(({ state }) => state === 'Blocked'),
      );
    if (isDue) this.#settingsAtMs = nowMs();
    if (topics.length === 0) return;
    const [sourceSettings, mirrorSettings] = await Promise.all([
      source.topicSettings(topics),
      destination.topicSettings(topics),
    ]);
    const looked: LookedTopic[] = [];
    for (const topic of topics) {
      const [wanted, held] = [sourceSettings.get(topic), mirrorSettings.get(topic)];
      if (wanted === undefined || held === undefined || this.#isStopped) continue;
      try {
        for (const settings of [wanted, held]) if (settings instanceof LockstepError) throw settings;
        const [wantedNow, heldNow] = [wanted as TopicSettings, held as TopicSettings];
        const status = partitions.get(topic) ?? [];
        await this.#follower.look(topic, wantedNow, heldNow, status);
        startGuard.meet(topic, heldNow);
        await startGuard.look(topic, status, wantedNow);
        looked.push({ topic, partitions: status, source: wantedNow, mirror: heldNow });
        this.#troubles.delete(topic);
      } catch (error) {
        if (!(error instanceof LockstepError) || !topicErrors.has(error.code)) throw error;
        if (this.#troubles.get(topic) === error.message) continue;
        this.#troubles.set(topic, error.message);
        this.#notice('warning', `topic ${topic}: ${error.message}`);
      }
    }
    // Not awaited: what a leader that is down holds up are these questions alone.
    void this.#keptRange.look(looked);
  }

  #recreated(
    known: KnownTopic,
    topic: string,
    side: 'source' | 'destination',
    reason: string,
    what: 'deleted' | 'created again' = 'created again',
  ): void {
    known.state = side === 'source' ? 'SourceRecreated' : 'DestinationRecreated';
    known.reason = reason;
    this.#notice('warning', `topic ${topic} was ${what} at the ${side}: ${reason}`);
    this.#options.mirror.topicRecreated(topic, side, `the topic was ${what}: ${reason}`);
  }

  #noticeDeleted(selected: ReadonlySet<string>): void {
    for (const [topic, known] of this.#topics) {
      if (known.state !== 'Mirrored' || selected.has(topic)) continue;
      known.state = 'SourceDeleted';
      known.reason = 'the source topic is gone; its mirror stays as it is';
      this.#notice('warning', `topic ${topic}: ${known.reason}`);
    }
  }

  /** Resolves with the id of the new topic. */
  async #create({ topic, partitionCount }: TopicFacts, settings: Record<string, string>): Promise<string> {
    const { destination, replicationFactor } = this.#options;
    const created = await destination.createTopic({
      name: topic,
      partitionCount,
      replicationFactor,
      settings,
    });
    this.#notice(
      'info',
      `created topic ${topic} in ${destination.name}: ${countPartitions(partitionCount)}, replication factor ${created.replicationFactor}`,
    );
    if (
      created.replicationFactor < replicationFactorAdvised &&
      destination.brokerCount >= replicationFactorAdvised
    ) {
      this.#notice(
        'warning',
        `topic ${topic}: replication factor ${created.replicationFactor}, although ${destination.name} has ` +
          `${destination.brokerCount} brokers; set replicationFactor: 3 on the link, or default.replication.factor there`,
      );
    }
    return created.topicId;
  }

  /** A name that the source does not have is often a typo; said once for each time it goes missing. */
  #noticeMissing(present: ReadonlySet<string>): void {
    const { namedTopics, source } = this.#options;
    for (const topic of namedTopics) {
      if (present.has(topic)) this.#missing.delete(topic);
      else if (!this.#topics.has(topic) && !this.#missing.has(topic)) {
        this.#missing.add(topic);
        this.#notice(
          'warning',
          `topic ${topic} is not in ${source.name} yet, or this user may not describe it`,
        );
      }
    }
  }

  async #grow(topic: string, partitionCount: number): Promise<void> {
    await this.#options.destination.addPartitions(topic, partitionCount);
    this.#notice('info', `topic ${topic}: the mirror has ${countPartitions(partitionCount)} now`);
  }

  #notice(level: Notice['level'], text: string): void {
    this.#options.onNotice({ atMs: this.#options.nowMs(), level, text });
  }
}

function refuse(known: KnownTopic, reason: string): void {
  known.state = 'Refused';
  known.reason = reason;
}

function describe({ name, found, needed, consequence }: SettingConflict): string {
  return `${name}=${found} where ${needed} is needed (${consequence})`;
}

function countPartitions(count: number): string {
  return count === 1 ? '1 partition' : `${count} partitions`;
}
