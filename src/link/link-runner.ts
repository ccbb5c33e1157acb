// One link at work: finds the source's topics that it selects, makes their mirrors, and follows what changes.
//
// Every `discoverEveryMs`, and when somebody asks (`reconcile`), in slices that give way to records:
//   1. list the source's topics and keep the selected ones
//   2. create mirrors that are missing, add partitions that the source has more (the keeper alone)
//   3. check the settings of mirrors that were there before
//   4. notice topics that were deleted, or deleted and created again (their topic id is another one)
//   5. start the partitions that are ours, and stop the others
//   6. follow changed settings, end the guard of starts that are filled, say what the mirror lost
//   7. read and append where the leaders are now
import { Breaks } from '../breaks.ts';
import type { LinkMirror, PartitionStatus, TopicPartition } from '../mirror/index.ts';
import { orPatience } from '../patience.ts';
import type { LinkCluster, LinkDestination } from './clusters.ts';
import { LinkTopics } from './link-topics.ts';
import type { Notice } from './notice.ts';
import { SettingsLook } from './settings-look.ts';
import { type ReleasedPartition, Share } from './share.ts';
import type { Shifts } from './shift.ts';
import { earliest, type StartAt } from './start-at.ts';
import type { StartGuard } from './start-guard.ts';
import { TopicPreparation } from './topic-preparation.ts';
import type { LinkStatus, TopicHold } from './topic-status.ts';

/** What can be changed while a link runs. */
export interface AlterableLinkOptions {
  readonly selects: (topic: string) => boolean;
  /** Topics that the link names one by one: missing ones are told. */
  readonly namedTopics: readonly string[];
  /** Where mirrors begin that are created from now on. Default `earliest`. */
  readonly startAt?: StartAt;
  /** How often settings are compared, and those that are kept equal although they need not be. Default 30 s, none. */
  readonly configs?: { readonly everyMs: number; readonly also: readonly string[] };
}

export interface LinkRunnerOptions extends AlterableLinkOptions {
  readonly name: string;
  readonly source: LinkCluster;
  readonly destination: LinkDestination;
  readonly mirror: LinkMirror;
  /** -1: the broker's default. */
  readonly replicationFactor: number;
  readonly discoverEveryMs: number;
  readonly startGuard: StartGuard;
  readonly shifts: Shifts;
  /** Whether this agent copies a partition. Default: all of them. */
  readonly owns?: (partition: TopicPartition) => boolean;
  /** Whether this agent creates, grows and alters topics; of a fleet one does. Default: yes. */
  readonly isKeeper?: () => boolean;
  /** Whether a topic may be copied: it is neither paused nor promoted. Default: yes. */
  readonly mayMirror?: (topic: string) => boolean;
  /** What roles have against copying a topic, for people; such a topic is none that `mayMirror`. Default nothing. */
  readonly hold?: (topic: string) => TopicHold | null;
  /**
   * Asked after the source has listed topics that are new here, and before anything is made of them: what `hold` and
   * `mayMirror` go by is to be as new as that list. A failure is tried again with the next look. Default: nothing.
   */
  readonly beforeMeeting?: () => Promise<void>;
  /** Which life of its mirror a topic is copied in (`MirrorRecord.incarnation`). Default 0, the first. */
  readonly incarnationOf?: (topic: string) => number;
  /** Whether records of a topic may be the destination's own that come back, as roles say. Default: that is a loop. */
  readonly mayReturn?: (topic: string) => boolean;
  /** The id of the source topic that this very mirror was made of; undefined: nobody wrote it down. */
  readonly mirroredFrom?: (topic: string, mirrorTopicId: string) => string | undefined;
  /** How long a look works without giving way to records, ms; 0: after every slice. Default as `Breaks`. */
  readonly lookSpanMs?: number;
  /** A cluster that does not answer at the start is tried again, as it is later. Default: it ends the start. */
  readonly mayStartWithoutSource?: boolean;
  readonly onNotice: (notice: Notice) => void;
  readonly nowMs: () => number;
}

/** How often guarded topics are looked at, in ms. */
const guardedEveryMs = 1_000;
const stopDeadlineMs = 15_000;
/** How long a stop waits for a look at the topics that is under way. */
const stopPatienceMs = 1_000;
/** How long a start waits for the first look where it may do without. */
const startPatienceMs = 2_000;
/** Until then no topic is known, which is not to say that there is none. */
const notLookedYet = 'the topics have not been looked at yet';
const configsDefault = { everyMs: 30_000, also: [] };

export class LinkRunner {
  readonly #options: LinkRunnerOptions;
  #alterable: Required<AlterableLinkOptions>;
  readonly #topics: LinkTopics;
  readonly #settings: SettingsLook;
  readonly #share: Share;
  #discoveredAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;
  /** The look under way; the next one waits for it. */
  #look: Promise<void> = Promise.resolve();
  #isDiscoveryQueued = false;
  #discoveryError: string | null = notLookedYet;

  constructor(options: LinkRunnerOptions) {
    this.#options = options;
    this.#alterable = withDefaults(options);
    const { mirror, shifts, startGuard, source, destination, replicationFactor, nowMs } = options;
    const { owns = () => true, isKeeper = () => true, mayMirror = () => true, onNotice } = options;
    const { incarnationOf = () => 0 } = options;
    const tell = (level: Notice['level'], text: string) => onNotice({ atMs: nowMs(), level, text });
    const isStopped = () => this.#isStopped;
    this.#share = new Share({ mirror, owns });
    this.#topics = new LinkTopics({
      ...{ source, destination, mirror, share: this.#share, isStopped, onNotice: tell },
      preparation: new TopicPreparation({
        ...{ destination, shifts, startGuard, replicationFactor, isKeeper, onNotice: tell },
        startAt: () => this.#alterable.startAt,
        mirroredFrom: options.mirroredFrom ?? (() => undefined),
      }),
      wishes: (topic) => ({
        isSelected: this.#alterable.selects(topic),
        mayMirror: mayMirror(topic),
        hold: options.hold?.(topic) ?? null,
        incarnation: incarnationOf(topic),
        mayReturn: options.mayReturn?.(topic) ?? false,
      }),
      namedTopics: () => this.#alterable.namedTopics,
      beforeMeeting: options.beforeMeeting ?? (async () => {}),
    });
    this.#settings = new SettingsLook({
      ...{ source, destination, mirror, startGuard, isKeeper, isStopped, onNotice, nowMs },
      everyMs: () => this.#alterable.configs.everyMs,
      also: () => this.#alterable.configs.also,
    });
  }

  /**
   * Looks once; a failure here is thrown, later ones are shown and tried again.
   * @throws LockstepError NOT_AUTHORIZED too, when rights are missing for all topics.
   */
  async start(): Promise<void> {
    if (this.#options.mayStartWithoutSource === true) {
      await orPatience(
        this.#lookNow(() => this.#discover()),
        startPatienceMs,
      );
    } else {
      await this.#discover();
      this.#discoveryError = null;
      const { refusal } = this.#topics;
      if (refusal?.code === 'NOT_AUTHORIZED') throw refusal;
    }
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    // A cluster that does not answer must not hold up the stop; a look that ends later finds nothing to do.
    await orPatience(this.#look, stopPatienceMs);
    await this.#options.mirror.stop(stopDeadlineMs);
  }

  /**
   * Ownership, filters or the states of mirrors have changed: resolves when what is ours of the known topics has started
   * and all else has stopped. A look at the clusters follows without being waited for, since they may be away.
   */
  async reconcile(): Promise<void> {
    this.#share.forgetReleased();
    this.#topics.shareOut();
    this.#discoverSoon();
    await this.#share.untilStopped();
  }

  /**
   * Stops some partitions cleanly; resolves when nothing of them is under way, with how those were left of which that is
   * certain. They stay stopped until `reconcile`.
   */
  release(partitions: readonly TopicPartition[]): Promise<ReleasedPartition[]> {
    return this.#share.release(partitions);
  }

  /** The mirror of this topic was deleted: another one under its name is met for the first time. */
  forget(topic: string): void {
    this.#topics.forget(topic);
  }

  /** Takes other options while it runs, and looks at once (`reconcile`). */
  alter(changes: Partial<AlterableLinkOptions>): Promise<void> {
    this.#alterable = withDefaults({ ...this.#alterable, ...changes });
    return this.reconcile();
  }

  status(): LinkStatus {
    const { name, source, destination, mirror } = this.#options;
    return {
      topics: this.#topics.status((topic) => this.#settings.contestOf(topic)),
      discoveryError: this.#discoveryError,
      ...{ name, source: source.name, destination: destination.name },
      partitions: mirror.status(),
      heldBytes: mirror.heldBytes,
      heldBytesMax: mirror.heldBytesMax,
      reading: mirror.reading,
    };
  }

  /** The partitions alone; which of them, see `LinkMirror.status`. */
  partitions(which: 'all' | 'stirred'): readonly PartitionStatus[] {
    return this.#options.mirror.status(which);
  }

  /** Without the partitions, of which there may be thousands. */
  topicsStatus(): Pick<LinkStatus, 'topics' | 'discoveryError'> & { missingTopics: readonly string[] } {
    return {
      missingTopics: this.#topics.missing,
      topics: this.#topics.status((topic) => this.#settings.contestOf(topic)),
      discoveryError: this.#discoveryError,
    };
  }

  #schedule(): void {
    if (this.#isStopped) return;
    const { discoverEveryMs, startGuard, nowMs } = this.#options;
    const { everyMs: settingsEveryMs } = this.#alterable.configs;
    // Nobody can read a guarded mirror, so its end is not to be waited for.
    const lookEveryMs = Math.min(discoverEveryMs, settingsEveryMs);
    const everyMs = startGuard.guardedCount > 0 ? Math.min(guardedEveryMs, lookEveryMs) : lookEveryMs;
    this.#timer = setTimeout(() => {
      const isDue = nowMs() - this.#discoveredAtMs >= discoverEveryMs;
      void this.#lookNow(() => (isDue ? this.#discover() : this.#lookAtSettings())).finally(() =>
        this.#schedule(),
      );
    }, everyMs);
  }

  /** Once, however often it is asked for before the look under way has ended. */
  #discoverSoon(): void {
    if (this.#timer === null || this.#isDiscoveryQueued) return;
    this.#isDiscoveryQueued = true;
    void this.#lookNow(() => {
      this.#isDiscoveryQueued = false;
      return this.#discover();
    });
  }

  /** One look at a time; a failure is shown, and the next look tries again. */
  #lookNow(look: () => Promise<void>): Promise<void> {
    this.#look = this.#look
      .then(() => (this.#isStopped ? undefined : look()))
      .then(
        () => {
          this.#discoveryError = null;
        },
        (error: Error) => {
          this.#discoveryError = error.message;
        },
      );
    return this.#look;
  }

  async #discover(): Promise<void> {
    const { source, destination, nowMs } = this.#options;
    this.#discoveredAtMs = nowMs();
    const [sourceTopics, destinationTopics] = await Promise.all([
      source.listTopics(),
      destination.listTopics(),
    ]);
    const breaks = this.#breaks();
    await this.#topics.look(sourceTopics, destinationTopics, breaks);
    await this.#settings.look(this.#topics.mirrored, breaks);
    await this.#options.mirror.followLeaders(breaks);
  }

  #lookAtSettings(): Promise<void> {
    return this.#settings.look(this.#topics.mirrored, this.#breaks());
  }

  #breaks(): Breaks {
    const { lookSpanMs } = this.#options;
    return new Breaks(lookSpanMs === undefined ? {} : { spanMs: lookSpanMs });
  }
}

function withDefaults(options: AlterableLinkOptions): Required<AlterableLinkOptions> {
  const { selects, namedTopics, startAt = earliest, configs = configsDefault } = options;
  return { selects, namedTopics, startAt, configs };
}
