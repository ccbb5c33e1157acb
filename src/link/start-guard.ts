// A mirror whose source starts above offset 0 is filled with empty records up to there, which are then cut off. While
// they stand in the log nobody should read them, and the log has to be one that can be cut.
//
// The problem: fillers may be asked for at any time (a new mirror, a new partition, a restart), the agent may die
// between any two steps, and Kafka has no place to note that. The answer: the topic says it itself, by a value of one
// of its own settings that means the same to Kafka and that nobody else uses (`startTags`). So it is said in one step
// with the settings that go with it, it can't be lost, and any later run of any agent finds and ends it.
//
//   guard, before the first filler                      lift, when no partition is filling any more
//   1. tag `filling`; a compacted mirror that the       1. the settings of the source; tag `opening`
//      link made gets cleanup.policy=delete             2. READ is allowed again
//   2. READ is denied to everybody, on every broker     3. no tag
//   3. the leader would cut
//
// Between 1 and 2 of either nothing that must not be read stands in the log.
import { LockstepError } from '../errors.ts';
import type { PartitionPlacement, PartitionStatus, TopicPartition } from '../mirror/index.ts';
import { later } from '../offsets.ts';
import type { LinkCluster, LinkDestination, LogRange, SettingChanges } from './clusters.ts';
import {
  isMadeByLink,
  isStartOpen,
  policiesOf,
  type StartTag,
  startTagOf,
  startTagSetting,
  startTags,
  type TopicSettings,
} from './mirror-topic.ts';
import type { Notice } from './notice.ts';

export interface StartGuardOptions {
  readonly source: LinkCluster;
  readonly destination: LinkDestination;
  readonly onNotice: (notice: Notice) => void;
  readonly nowMs: () => number;
}

/** States of a partition that fills: what must not be read stands in its log, or is about to. */
const fillingStates: ReadonlySet<string> = new Set(['FillingStart', 'CuttingStart']);
/** States of a partition whose log was seen to be a mirror that needs no filling. */
export const filledStates: ReadonlySet<string> = new Set([
  'Mirroring',
  'WaitingForTransaction',
  'WaitingAtHole',
  'ClaimingHole',
  'FillingHole',
  'RetentionOvertook',
]);

/** A topic as it is looked at. */
export interface GuardLook {
  readonly topic: string;
  /** Those that this agent copies. */
  readonly partitions: readonly PartitionStatus[];
  /** Where all of its partitions lie. */
  readonly placements: readonly Required<PartitionPlacement>[];
  /** Whether ending the guard is ours; of a fleet one agent does. */
  readonly mayLift: boolean;
}

interface GuardedTopic {
  /** Being guarded, or guarded; null when it has to be looked at (again). */
  guarded: Promise<void> | null;
  lifting: Promise<void> | null;
  /** The last try to guard failed: it is not lifted, since it is going to be tried again. */
  hasFailed: boolean;
  isReadDenied: boolean;
  /** Partitions whose leader was seen to cut. */
  readonly cuttable: Set<number>;
}

export class StartGuard {
  readonly #options: StartGuardOptions;
  readonly #topics = new Map<string, GuardedTopic>();

  constructor(options: StartGuardOptions) {
    this.#options = options;
  }

  /** Whether a topic is guarded, or half-way there or back. */
  isGuarded(topic: string): boolean {
    return this.#topics.has(topic);
  }

  /** Whether READ on a mirror, by its own name, may be denied, to ourselves, too. */
  isReadDenied(mirrorTopic: string): boolean {
    const { destination } = this.#options;
    for (const [topic, { isReadDenied }] of this.#topics)
      if (isReadDenied && destination.mirrorName(topic) === mirrorTopic) return true;
    return false;
  }

  get guardedCount(): number {
    return this.#topics.size;
  }

  /** A mirror that was there before: another run may have left it guarded. */
  meet(topic: string, settings: TopicSettings): void {
    if (!isStartOpen(settings) || this.#topics.has(topic)) return;
    this.#topicOf(topic).isReadDenied = startTagOf(settings) !== 'fillingReadable';
  }

  /**
   * To be awaited before each filler and each cut; answers from memory once a topic is guarded.
   * @throws LockstepError when the log can't be cut or kept from being read, with the way out.
   */
  async guard({ topic, partition }: TopicPartition): Promise<void> {
    // Whoever lifts has seen that nobody fills, and must not be overtaken by the next who does.
    await this.#topics.get(topic)?.lifting?.catch(() => {});
    const entry = this.#topicOf(topic);
    entry.guarded ??= this.#guard({ topic, partition }, entry);
    try {
      await entry.guarded;
      entry.hasFailed = false;
    } catch (error) {
      entry.guarded = null;
      entry.hasFailed = true;
      throw error;
    }
    if (entry.cuttable.has(partition)) return;
    await this.#options.destination.untilCuttable({ topic, partition });
    entry.cuttable.add(partition);
  }

  /** Ends the guard of a topic none of whose partitions is filling any more; to be called now and then. */
  async look(look: GuardLook, sourceSettings: TopicSettings): Promise<void> {
    const { topic, partitions, mayLift } = look;
    const entry = this.#topics.get(topic);
    if (entry === undefined || entry.hasFailed) return;
    const isFillingHere = partitions.some(({ state }) => fillingStates.has(state));
    if (isFillingHere || !mayLift || (await this.#isFilling(look))) {
      if (isStartOpen(await this.#settings(topic))) return;
      // Another agent has lifted it: for good, or because it saw none that fills. Said again before the next filler.
      if (isFillingHere || mayLift) entry.guarded = null;
      else this.#topics.delete(topic);
      return;
    }
    entry.lifting = this.#lift(topic, sourceSettings);
    try {
      await entry.lifting;
      this.#topics.delete(topic);
    } finally {
      entry.lifting = null;
    }
  }

  async #guard({ topic, partition }: TopicPartition, entry: GuardedTopic): Promise<void> {
    const { destination } = this.#options;
    // First, so that nobody is denied anything for the sake of a cut that is not going to be made.
    await destination.checkCutRight({ topic, partition });
    const settings = await this.#settings(topic);
    const before = startTagOf(settings);
    const isDenied = await destination.isReadingDenied(topic);
    const isOurs = before === 'filling' || before === 'opening';
    const policyChanges = policyForCutting(destination.mirrorName(topic), settings);
    // A rule that somebody else made stays; without an authorizer there is none to be made.
    const tag: StartTag =
      isOurs || isDenied === false
        ? 'filling'
        : Object.keys(policyChanges).length > 0 || before === 'fillingReadable'
          ? 'fillingReadable'
          : 'none';
    const changes = { ...policyChanges, ...(tag !== before && { [startTagSetting]: startTags[tag] }) };
    if (Object.keys(changes).length > 0) await destination.alterTopic(topic, changes);
    entry.isReadDenied = isDenied === true;
    if (tag !== 'filling') {
      if (isDenied === null) this.#unprotected(topic, `no authorizer runs in ${destination.name}`);
      return;
    }
    if (await this.#deny(topic, entry)) {
      const until = 'until the offsets below the start of the source are filled and cut off';
      return this.#notice(
        'info',
        `topic ${destination.mirrorName(topic)}: READ is denied to everybody ${until}`,
      );
    }
    await destination.alterTopic(topic, { [startTagSetting]: startTags.fillingReadable });
    this.#unprotected(topic, `allow.everyone.if.no.acl.found is on in ${destination.name}`);
  }

  async #deny(topic: string, entry: GuardedTopic): Promise<boolean> {
    // As soon as it is asked for: whoever asks us in the meantime must not be surprised.
    entry.isReadDenied = true;
    try {
      entry.isReadDenied = await this.#options.destination.denyReading(topic);
      return entry.isReadDenied;
    } catch (error) {
      if (error instanceof LockstepError && error.code === 'NOT_AUTHORIZED') entry.isReadDenied = false;
      throw error;
    }
  }

  async #lift(topic: string, sourceSettings: TopicSettings): Promise<void> {
    const { destination } = this.#options;
    const settings = await this.#settings(topic);
    const tag = startTagOf(settings);
    if (tag === 'none') return;
    if (tag !== 'opening') {
      const next = tag === 'filling' ? startTags.opening : startTags.none;
      await destination.alterTopic(topic, {
        ...policyAfterCutting(settings, sourceSettings),
        [startTagSetting]: next,
      });
    }
    if (tag !== 'fillingReadable') {
      // It may never have come to the rule, for want of the right that removing one takes, too.
      if ((await destination.isReadingDenied(topic)) === true) await destination.allowReading(topic);
      await destination.alterTopic(topic, { [startTagSetting]: startTags.none });
    }
    this.#notice(
      'info',
      `topic ${destination.mirrorName(topic)}: what was filled is cut off, and it can be read`,
    );
  }

  /** By the logs themselves, since another agent may be the one that fills. */
  async #isFilling({ topic, partitions, placements }: GuardLook): Promise<boolean> {
    const ours = new Map(partitions.map((status) => [status.partition, status]));
    // What is shifted needs no filling.
    const open = [...placements.keys()].filter(
      (partition) =>
        placements[partition]!.shift === 0n && !filledStates.has(ours.get(partition)?.state ?? ''),
    );
    if (open.length === 0) return false;
    const count = Math.max(...open) + 1;
    const [sources, mirrors] = await Promise.all([
      this.#options.source.logRanges(topic, count),
      this.#options.destination.logRanges(topic, count),
    ]);
    for (const partition of open) {
      const range = sources.get(partition);
      const source = range && { ...range, start: later(range.start, placements[partition]!.startOffset) };
      const mirror = mirrors.get(partition);
      // What an agent elsewhere has yet to fill is not to be seen in its log.
      const mayFill = !ours.has(partition) && (!source || !mirror || mirror.end < source.start);
      const isStopped = ours.get(partition)?.isStopped ?? false;
      if (!mayFill && !mayHoldFillers(source, mirror, isStopped)) continue;
      // Or records that retention took from the source since.
      const isKnown = sources.has(partition) && mirrors.has(partition);
      if (!isKnown || !(await this.#options.destination.holdsTimedRecords({ topic, partition }))) return true;
    }
    return false;
  }

  async #settings(topic: string): Promise<TopicSettings> {
    const { destination } = this.#options;
    const settings = (await destination.topicSettings([topic])).get(topic);
    if (settings instanceof LockstepError) throw settings;
    if (settings !== undefined) return settings;
    throw new LockstepError(
      'KAFKA_ERROR',
      `cluster ${destination.name}: topic ${destination.mirrorName(topic)} is not there`,
      {
        retriable: true,
      },
    );
  }

  #topicOf(topic: string): GuardedTopic {
    let entry = this.#topics.get(topic);
    if (entry === undefined) {
      entry = {
        guarded: null,
        lifting: null,
        hasFailed: false,
        isReadDenied: false,
        cuttable: new Set(),
      };
      this.#topics.set(topic, entry);
    }
    return entry;
  }

  #unprotected(topic: string, why: string): void {
    const name = this.#options.destination.mirrorName(topic);
    const text = `Unprotected: topic ${name}: ${why}, so its empty records can be read until they are cut off`;
    this.#notice('warning', text);
  }

  #notice(level: Notice['level'], text: string): void {
    this.#options.onNotice({ atMs: this.#options.nowMs(), level, text });
  }
}

/** Whether the log may hold empty records that can be read: fillers end at the source's start at the latest. */
function mayHoldFillers(
  source: LogRange | undefined,
  mirror: LogRange | undefined,
  isStopped: boolean,
): boolean {
  if (source === undefined || mirror === undefined) return true;
  const isEmpty = mirror.start === mirror.end;
  if (isEmpty || mirror.end > source.start || mirror.start >= source.start) return false;
  // Above 0 the start was cut once already, or by retention: a stopped partition does not fill.
  return mirror.start === 0n || !isStopped;
}

/** What has to change so that the start can be cut off. Cuts are refused on topics that are compacted only. */
function policyForCutting(topic: string, settings: TopicSettings): SettingChanges {
  const policy = policiesOf(settings);
  if (!policy.includes('compact')) return {};
  if (!isMadeByLink(settings)) {
    throw new LockstepError(
      'CONFIG_INVALID',
      `topic ${topic}: it is to start above offset 0, and a compacted mirror can't be filled up to there. It was not ` +
        'created by this link, so its settings are left alone: set cleanup.policy=delete and retention.ms=-1 until it ' +
        'has caught up, or delete it so that the link creates it, or set start: shifted on the link',
    );
  }
  // A topic that is compacted only keeps records of any age.
  const keepsAll = policy.includes('delete') ? {} : { 'retention.ms': '-1', 'retention.bytes': '-1' };
  return { 'cleanup.policy': 'delete', ...keepsAll };
}

function policyAfterCutting(settings: TopicSettings, source: TopicSettings): SettingChanges {
  // Without limits although the source has some: what was set for the cutting.
  const isChanged = policiesOf(source).includes('compact') || settings.get('retention.ms')?.value === '-1';
  if (!isMadeByLink(settings) || !isChanged) return {};
  const changes: Record<string, string> = {};
  for (const name of ['cleanup.policy', 'retention.ms', 'retention.bytes']) {
    const value = source.get(name)?.value;
    if (value !== undefined && settings.get(name)?.value !== value) changes[name] = value;
  }
  return changes;
}
