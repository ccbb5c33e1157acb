// Looks at the settings of a link's topics on both sides: what changed at the source is followed, the guard of starts that
// are filled is ended, and what the mirror lost is told. Only the keeper of the link changes anything.
import type { Breaks } from '../breaks.ts';
import { LockstepError } from '../errors.ts';
import type { LinkMirror, PartitionStatus } from '../mirror/index.ts';
import type { LinkCluster, LinkDestination } from './clusters.ts';
import { KeptRange, type LookedTopic } from './kept-range.ts';
import type { KnownTopic } from './known-topic.ts';
import type { TopicSettings } from './mirror-topic.ts';
import type { Notice } from './notice.ts';
import { SettingsFollower, sizeSetting } from './settings-follower.ts';
import { SizeShrink } from './size-shrink.ts';
import type { StartGuard } from './start-guard.ts';
import type { SettingsContest } from './topic-status.ts';

export interface SettingsLookOptions {
  readonly source: LinkCluster;
  readonly destination: LinkDestination;
  readonly mirror: LinkMirror;
  readonly startGuard: StartGuard;
  readonly isKeeper: () => boolean;
  /** How often the keeper looks; at once where a partition is Blocked, NotAuthorized or new, or a start is being filled. */
  readonly everyMs: () => number;
  /** Settings that are kept equal because somebody asked for it. */
  readonly also: () => readonly string[];
  readonly isStopped: () => boolean;
  readonly onNotice: (notice: Notice) => void;
  readonly nowMs: () => number;
}

/** Errors that are one topic's own; all others concern the cluster. */
export const topicErrors: ReadonlySet<string> = new Set(['KAFKA_ERROR', 'NOT_AUTHORIZED', 'CONFIG_INVALID']);

/** How often who only watches looks, at least, and how often what the mirrors lost is looked for, in ms. */
const watchedEveryMs = 30_000;
/** Where there are thousands of partitions, what their logs begin with is asked for less often, ms for each: every 100 s of 10,000. */
const keptMsEach = 10;
/** What other settings, or the end of a guard, may mend. */
const urgentStates: ReadonlySet<string> = new Set(['Blocked', 'NotAuthorized']);

export class SettingsLook {
  readonly #options: SettingsLookOptions;
  readonly #follower: SettingsFollower;
  readonly #sizeShrink: SizeShrink;
  readonly #keptRange: KeptRange;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #keptLookedAtMs = Number.NEGATIVE_INFINITY;
  /** Of this agent, at the newest look. */
  #partitionCount = 0;
  /** Why the settings of a topic could not be followed, so that it is said once. */
  readonly #troubles = new Map<string, string>();

  constructor(options: SettingsLookOptions) {
    this.#options = options;
    const { source, destination, mirror, also, onNotice, nowMs } = options;
    const restart = (topic: string, partition: number) => mirror.restart({ topic, partition });
    this.#follower = new SettingsFollower({ destination, restart, also, onNotice, nowMs });
    this.#sizeShrink = new SizeShrink({ source, destination, nowMs });
    this.#keptRange = new KeptRange({ source, destination, onNotice, nowMs });
  }

  /** Set while somebody else keeps changing settings of a mirror back. */
  contestOf(topic: string): SettingsContest | null {
    return this.#options.isKeeper() ? this.#follower.contestOf(topic) : null;
  }

  /** `topics`: those that are mirrored. @throws LockstepError when a cluster does not answer. */
  async look(mirrored: readonly KnownTopic[], breaks: Breaks): Promise<void> {
    const { source, destination, startGuard, everyMs, nowMs } = this.#options;
    const partitions = await this.#partitionsByTopic(breaks);
    if (this.#options.isStopped()) return;
    const isKeeper = this.#options.isKeeper();
    const dueMs = isKeeper ? everyMs() : Math.max(everyMs(), watchedEveryMs);
    const isDue = nowMs() - this.#lookedAtMs >= dueMs;
    const topics = mirrored.filter(({ topic }) => {
      const own = partitions.get(topic) ?? [];
      return (
        (isDue && (isKeeper || own.length > 0)) ||
        startGuard.isGuarded(topic) ||
        this.#keptRange.isNew(topic, own) ||
        own.some(({ state }) => urgentStates.has(state))
      );
    });
    if (isDue) this.#lookedAtMs = nowMs();
    if (topics.length === 0) return;
    const names = topics.map(({ topic }) => topic);
    const [sourceSettings, mirrorSettings] = await Promise.all([
      source.topicSettings(names),
      destination.topicSettings(names),
    ]);
    const looked: LookedTopic[] = [];
    const isStillThere = this.#asOfNow();
    for (const known of topics) {
      if (breaks.isDue) await breaks.take();
      const { topic, placements } = known;
      const [wanted, held] = [sourceSettings.get(topic), mirrorSettings.get(topic)];
      if (wanted === undefined || held === undefined || this.#options.isStopped()) continue;
      const status = partitions.get(topic) ?? [];
      await this.#telling(topic, async () => {
        for (const settings of [wanted, held]) if (settings instanceof LockstepError) throw settings;
        const found = {
          topic,
          partitions: status,
          placements,
          source: wanted as TopicSettings,
          mirror: held as TopicSettings,
        };
        await this.#lookAt(found, () => isStillThere(known));
        looked.push(found);
      });
    }
    // Not awaited: what a leader that is down holds up are these questions alone.
    void this.#keptRange.look(this.#dueForKept(looked, this.#partitionCount));
  }

  async #partitionsByTopic(breaks: Breaks): Promise<ReadonlyMap<string, readonly PartitionStatus[]>> {
    const found = new Map<string, PartitionStatus[]>();
    this.#partitionCount = 0;
    for (const status of this.#options.mirror.statuses()) {
      const known = found.get(status.topic);
      if (known === undefined) found.set(status.topic, [status]);
      else known.push(status);
      this.#partitionCount += 1;
      if (breaks.isDue) await breaks.take();
    }
    return found;
  }

  /** Log starts of all partitions cost a request to each leader for each topic, and no loss is one of seconds. */
  #dueForKept(looked: readonly LookedTopic[], count: number): readonly LookedTopic[] {
    const nowMs = this.#options.nowMs();
    if (nowMs - this.#keptLookedAtMs < Math.max(watchedEveryMs, count * keptMsEach))
      return looked.filter(({ topic, partitions }) => this.#keptRange.isNew(topic, partitions));
    this.#keptLookedAtMs = nowMs;
    return looked;
  }

  async #lookAt(
    { topic, partitions, placements, source, mirror }: LookedTopic,
    isStillThere: () => Promise<boolean>,
  ): Promise<void> {
    const { startGuard, isKeeper } = this.#options;
    const isFollowing = isKeeper();
    if (isFollowing) {
      const maySizeShrink = await this.#maySizeShrink({ topic, placements, source, mirror });
      await this.#follower.look({ topic, source, mirror, partitions, maySizeShrink, isStillThere });
    }
    startGuard.meet(topic, mirror);
    await startGuard.look({ topic, partitions, placements, mayLift: isFollowing }, source);
  }

  /** Whether topics have the ids with which they were met; both clusters are asked at most once, and not before somebody asks. */
  #asOfNow(): (known: KnownTopic) => Promise<boolean> {
    const { source, destination } = this.#options;
    let ids: Promise<ReadonlySet<string>> | null = null;
    return async ({ sourceId, destinationId }) => {
      ids ??= Promise.all([source.listTopics(), destination.listTopics()]).then(
        (lists) => new Set(lists.flat().map(({ topicId }) => topicId)),
      );
      const now = await ids;
      return now.has(sourceId) && now.has(destinationId);
    };
  }

  async #maySizeShrink(
    found: Pick<LookedTopic, 'topic' | 'placements' | 'source' | 'mirror'>,
  ): Promise<boolean> {
    const [wanted, held] = [found.source, found.mirror].map((settings) =>
      Number(settings.get(sizeSetting)?.value ?? 0),
    );
    return wanted! < held! && wanted! > 0 && (await this.#sizeShrink.isSafe(found, wanted!));
  }

  /** What is wrong with one topic must not hold up the others; said once. */
  async #telling(topic: string, look: () => Promise<void>): Promise<void> {
    try {
      await look();
      this.#troubles.delete(topic);
    } catch (error) {
      if (!(error instanceof LockstepError) || !topicErrors.has(error.code)) throw error;
      if (this.#troubles.get(topic) === error.message) return;
      this.#troubles.set(topic, error.message);
      const { onNotice, nowMs } = this.#options;
      onNotice({ atMs: nowMs(), level: 'warning', text: `topic ${topic}: ${error.message}` });
    }
  }
}
