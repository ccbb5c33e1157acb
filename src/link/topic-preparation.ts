// Meets the topics of a link: creates mirrors that are missing, checks those that are there, and gives them the partitions
// that the source has more. Only the keeper of the link creates and grows; the others wait until it has.
import { LockstepError } from '../errors.ts';
import { plural } from '../units.ts';
import type { LinkDestination, TopicFacts } from './clusters.ts';
import type { KnownTopic } from './known-topic.ts';
import {
  isMadeByLink,
  mirrorSettings,
  type SettingConflict,
  settingConflicts,
  startTagOf,
  startTagSetting,
  startTags,
  type TopicSettings,
  takeoverChanges,
} from './mirror-topic.ts';
import type { Notice } from './notice.ts';
import type { Shifts } from './shift.ts';
import type { StartAt, StartedTopic } from './start-at.ts';
import type { StartGuard } from './start-guard.ts';

export interface TopicPreparationOptions {
  readonly destination: LinkDestination;
  readonly shifts: Shifts;
  readonly startGuard: StartGuard;
  /** -1: the broker's default. */
  readonly replicationFactor: number;
  readonly isKeeper: () => boolean;
  readonly startAt: () => StartAt;
  /** The id of the source topic that this very mirror was made of, as far as anybody wrote it down. */
  readonly mirroredFrom: (topic: string, mirrorTopicId: string) => string | undefined;
  readonly onNotice: (level: Notice['level'], text: string) => void;
}

/** A topic and its mirror as a look found them; settings may come with the reason why they could not be described. */
export interface FoundTopic {
  readonly facts: TopicFacts;
  readonly mirror: TopicFacts | undefined;
  readonly sourceSettings: TopicSettings | LockstepError | undefined;
  readonly mirrorSettings: TopicSettings | LockstepError | undefined;
  /** Which life of the mirror it is. In a later one producers may have written it, as the primary. */
  readonly incarnation: number;
  /** Its direction may turn, as roles say: then a topic has the same offsets on both sides. Default false. */
  readonly mayReturn?: boolean;
}

/** Known now, or why not yet; null where it went away while we looked. */
export type MetTopic = KnownTopic | { readonly waitsFor: string } | null;

const replicationFactorAdvised = 3;
const waitsForSettings = 'waits for the mirror to get its settings';
/** A batch that lands before these are known would be changed or refused. */
const appliedBeforeCopying: ReadonlySet<string> = new Set([
  'message.timestamp.type',
  'compression.type',
  'max.message.bytes',
]);
const waitsForTakeover = 'it was just taken over, and is met again as that';
const takenIntoGroup =
  'it was taken over from MirrorMaker 2, so that its offsets are not those of the source, and a topic of a replication group has ' +
  'the same on both sides; take its link out of the group, or delete the topic to have it mirrored anew';
const waitsForMirror = 'waits for the leading agent to create the mirror';

export class TopicPreparation {
  readonly #options: TopicPreparationOptions;

  constructor(options: TopicPreparationOptions) {
    this.#options = options;
  }

  /**
   * Meets a topic for the first time.
   * @throws LockstepError when the mirror can't be created, grown or placed now; to be tried again.
   */
  async meet(found: FoundTopic): Promise<MetTopic> {
    const { facts, mirror, incarnation } = found;
    const { startGuard, isKeeper } = this.#options;
    const { topic, topicId, partitionCount } = facts;
    const [source, destination] = [found.sourceSettings, found.mirrorSettings].map(described);
    if (source === undefined) return null; // deleted while we looked; the next look decides
    const known: KnownTopic = {
      topic,
      sourceId: topicId,
      destinationId: mirror?.topicId ?? '',
      partitionCount,
      placements: [],
      incarnation,
      condition: null,
      missingLooks: 0,
    };
    if (mirror === undefined) {
      if (!isKeeper()) return { waitsFor: waitsForMirror };
      const { topicId: destinationId, isUndecided } = await this.#create(facts, source);
      return this.#place({ ...known, destinationId }, isUndecided ? 'created' : 'begun', partitionCount);
    }
    if (destination === undefined) return null; // deleted while we looked, too
    const settings =
      incarnation > 0 && !isMadeByLink(destination)
        ? await this.#takeOver(topic, source, destination)
        : destination;
    if (settings === null) return { waitsFor: waitsForSettings };
    const conflicts = settingConflicts(source, settings);
    const fatal = conflicts.filter((conflict) => conflict.isFatal);
    if (fatal.length > 0)
      return refused(
        known,
        `the destination topic has ${fatal.map(describeConflict).join('; ')}; one that MirrorMaker 2 has filled is taken over by lockstep migrate FILE`,
      );
    for (const conflict of conflicts)
      this.#notice('warning', `topic ${topic}: ${describeConflict(conflict)}`);
    if (mirror.partitionCount > partitionCount)
      return refused(
        known,
        `the destination topic has ${mirror.partitionCount} partitions, the source ${partitionCount}; it can't be a mirror`,
      );
    const former = this.#options.mirroredFrom(topic, mirror.topicId);
    if (former !== undefined && former !== topicId) {
      const reason = `its topic id was ${former} when it was mirrored, and is ${topicId}`;
      return { ...known, condition: { state: 'SourceRecreated', reason } };
    }
    startGuard.meet(topic, settings);
    const met = await this.#place(known, originOf(settings), await this.#grown(facts, mirror));
    return found.mayReturn === true && isTakenOver(met) ? refused(known, takenIntoGroup) : met;
  }

  /** Gives the mirror what the source has more, and places it. @throws as `meet`. */
  async grow(known: KnownTopic, facts: TopicFacts, mirror: TopicFacts | undefined): Promise<void> {
    const { topic, partitionCount } = facts;
    if (partitionCount > known.partitionCount)
      this.#notice('info', `topic ${topic}: the source has ${partitionCount} partitions now`);
    known.partitionCount = partitionCount;
    const grown = mirror === undefined ? known.placements.length : await this.#grown(facts, mirror);
    // What began elsewhere than at the start has its record.
    if (grown > known.placements.length) await this.#place(known, 'begun', grown);
  }

  /**
   * The primary of before gets a mirror's settings. Resolves with what it has then; null: brokers take a moment to know,
   * and until then they would stamp, compress or refuse what comes. Who may not alter it takes it as it is.
   */
  async #takeOver(
    topic: string,
    source: TopicSettings,
    former: TopicSettings,
  ): Promise<TopicSettings | null> {
    const { destination, isKeeper } = this.#options;
    const changes = takeoverChanges(source, former);
    const differing = Object.entries(changes).filter(([name, value]) => former.get(name)?.value !== value);
    const mustWait = differing.some(([name]) => appliedBeforeCopying.has(name));
    if (!isKeeper()) return mustWait ? null : former;
    const mirrorName = destination.mirrorName(topic);
    try {
      await destination.alterTopic(topic, changes);
    } catch (error) {
      if (!(error instanceof LockstepError) || error.code !== 'NOT_AUTHORIZED') throw error;
      const text = `topic ${mirrorName}: others wrote it, and its settings stay as they are: ${error.message}`;
      this.#notice('warning', text);
      return former;
    }
    const list = differing.map(([name, value]) => `${name}=${value}`).join(', ');
    this.#notice(
      'info',
      `topic ${mirrorName}: others wrote it, and it is a mirror now${list === '' ? '' : `: ${list}`}`,
    );
    if (mustWait) return null;
    const set = Object.entries(changes).map(
      ([name, value]) => [name, { value, isSetOnTopic: true }] as const,
    );
    return new Map([...former, ...set]);
  }

  /** How many partitions the mirror has, at last. */
  async #grown({ topic, partitionCount }: TopicFacts, mirror: TopicFacts): Promise<number> {
    const { destination, isKeeper } = this.#options;
    if (mirror.partitionCount >= partitionCount) return partitionCount;
    if (!isKeeper()) return mirror.partitionCount;
    await destination.addPartitions(topic, partitionCount);
    this.#notice('info', `topic ${topic}: the mirror has ${plural(partitionCount, 'partition')} now`);
    return partitionCount;
  }

  async #place(known: KnownTopic, origin: Origin, placedCount: number): Promise<MetTopic> {
    const { shifts, isKeeper, startAt } = this.#options;
    const { topic, sourceId, destinationId, partitionCount } = known;
    const found = await shifts.of({
      ...{ topic, partitionCount, origin },
      sourceTopicId: sourceId,
      destinationTopicId: destinationId,
      startAt: startAt(),
      isKeeper: isKeeper(),
    });
    if (found.kind === 'waiting') return { waitsFor: found.reason };
    if (found.kind === 'sourceRecreated')
      known.condition = { state: 'SourceRecreated', reason: found.reason };
    // Under another life's identity nothing may be appended: the newest look knows which it is.
    else if (found.takeoverLife > known.incarnation) return { waitsFor: waitsForTakeover };
    else known.placements = found.placements.slice(0, placedCount);
    return known;
  }

  async #create(
    facts: TopicFacts,
    source: TopicSettings,
  ): Promise<{ topicId: string; isUndecided: boolean }> {
    const { destination, replicationFactor, startAt } = this.#options;
    const { topic, partitionCount } = facts;
    const isUndecided = startAt().kind !== 'earliest';
    const settings = mirrorSettings(source);
    const created = await destination.createTopic({
      name: topic,
      partitionCount,
      replicationFactor,
      settings: isUndecided ? { ...settings, [startTagSetting]: startTags.undecided } : settings,
    });
    const name = destination.mirrorName(topic);
    this.#notice(
      'info',
      `created topic ${name} in ${destination.name}: ${plural(partitionCount, 'partition')}, replication factor ${created.replicationFactor}`,
    );
    if (
      created.replicationFactor < replicationFactorAdvised &&
      destination.brokerCount >= replicationFactorAdvised
    ) {
      this.#notice(
        'warning',
        `topic ${name}: replication factor ${created.replicationFactor}, although ${destination.name} has ` +
          `${destination.brokerCount} brokers; set replicationFactor: 3 on the link, or default.replication.factor there`,
      );
    }
    return { topicId: created.topicId, isUndecided };
  }

  #notice(level: Notice['level'], text: string): void {
    this.#options.onNotice(level, text);
  }
}

type Origin = StartedTopic['origin'];

function originOf(mirror: TopicSettings): Origin {
  if (startTagOf(mirror) === 'undecided') return 'undecided';
  return isMadeByLink(mirror) ? 'begun' : 'foreign';
}

function isTakenOver(met: MetTopic): boolean {
  return met !== null && 'placements' in met && met.placements.some(({ witness }) => witness !== undefined);
}

function refused(known: KnownTopic, reason: string): KnownTopic {
  return { ...known, condition: { state: 'Refused', reason } };
}

function described(settings: TopicSettings | LockstepError | undefined): TopicSettings | undefined {
  if (settings instanceof Error) throw settings;
  return settings;
}

function describeConflict({ name, found, needed, consequence }: SettingConflict): string {
  return `${name}=${found} where ${needed} is needed (${consequence})`;
}
