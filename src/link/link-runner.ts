// One link at work: finds the source's topics that it selects, makes their mirrors, and follows what changes.
//
// Every `discoverEveryMs`, and when somebody asks (`reconcile`):
//   1. list the source's topics and keep the selected ones
//   2. create mirrors that are missing, add partitions that the source has more (the keeper alone)
//   3. check the settings of mirrors that were there before
//   4. notice topics that were deleted, or deleted and created again (their topic id is another one)
//   5. start the partitions that are ours, and stop the others
//   6. follow changed settings, end the guard of starts that are filled, say what the mirror lost
import { LockstepError } from '../errors.ts';
import type { LinkMirror, TopicPartition } from '../mirror/index.ts';
import type { LinkCluster, LinkDestination, TopicFacts } from './clusters.ts';
import {
  isCopied,
  isGivenUp,
  type KnownTopic,
  shownState,
  stopped,
  type TopicWishes,
} from './known-topic.ts';
import type { Notice } from './notice.ts';
import { SettingsLook, topicErrors } from './settings-look.ts';
import { Share } from './share.ts';
import type { Shifts } from './shift.ts';
import { earliest, type StartAt } from './start-at.ts';
import type { StartGuard } from './start-guard.ts';
import { TopicPreparation } from './topic-preparation.ts';
import type { LinkStatus, TopicStatus } from './topic-status.ts';
import { VanishedTopics } from './vanished-topics.ts';

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
  /** A cluster that does not answer at the start is tried again, as it is later. Default: it ends the start. */
  readonly mayStartWithoutSource?: boolean;
  readonly onNotice: (notice: Notice) => void;
  readonly nowMs: () => number;
}

/** A topic that can't be copied yet. */
interface WaitingTopic {
  readonly reason: string;
  /** Why its mirror could not be created or grown; null where something else is waited for. */
  readonly error: LockstepError | null;
  readonly facts: TopicFacts;
}

/** A broker that has just started may not list every topic; only what is missing twice is gone. */
const missingLooksMax = 2;
/** How often guarded topics are looked at, in ms. */
const guardedEveryMs = 1_000;
const stopDeadlineMs = 15_000;
/** How long a stop waits for a look at the topics that is under way. */
const stopPatienceMs = 1_000;
/** How long a start waits for the first look where it may do without. */
const startPatienceMs = 2_000;
const configsDefault = { everyMs: 30_000, also: [] };

export class LinkRunner {
  readonly #options: LinkRunnerOptions;
  #alterable: Required<AlterableLinkOptions>;
  readonly #topics = new Map<string, KnownTopic>();
  readonly #waiting = new Map<string, WaitingTopic>();
  readonly #preparation: TopicPreparation;
  readonly #settings: SettingsLook;
  readonly #share: Share;
  readonly #vanished: VanishedTopics;
  #discoveredAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;
  /** The look under way; the next one waits for it. */
  #look: Promise<void> = Promise.resolve();
  #isDiscoveryQueued = false;
  #discoveryError: string | null = null;

  constructor(options: LinkRunnerOptions) {
    this.#options = options;
    this.#alterable = withDefaults(options);
    const { mirror, shifts, startGuard, source, destination, replicationFactor, nowMs } = options;
    const { owns = () => true, isKeeper = () => true, onNotice } = options;
    this.#share = new Share({ mirror, owns });
    this.#preparation = new TopicPreparation({
      ...{ destination, shifts, startGuard, replicationFactor, isKeeper },
      startAt: () => this.#alterable.startAt,
      onNotice: (level, text) => this.#notice(level, text),
    });
    this.#settings = new SettingsLook({
      ...{ source, destination, mirror, startGuard, isKeeper, onNotice, nowMs },
      everyMs: () => this.#alterable.configs.everyMs,
      also: () => this.#alterable.configs.also,
      isStopped: () => this.#isStopped,
    });
    this.#vanished = new VanishedTopics({ source, onNotice: (level, text) => this.#notice(level, text) });
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
      const [error] = Array.from(this.#waiting.values(), (waiting) => waiting.error);
      if (this.#topics.size === 0 && error?.code === 'NOT_AUTHORIZED') throw error;
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
    this.#shareOut();
    this.#discoverSoon();
    await this.#share.untilStopped();
  }

  /** Stops some partitions cleanly; resolves when nothing of them is under way. They stay stopped until `reconcile`. */
  release(partitions: readonly TopicPartition[]): Promise<void> {
    return this.#share.release(partitions);
  }

  /** Takes other options while it runs, and looks at once (`reconcile`). */
  alter(changes: Partial<AlterableLinkOptions>): Promise<void> {
    this.#alterable = withDefaults({ ...this.#alterable, ...changes });
    return this.reconcile();
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
    const { destination } = this.#options;
    const topics = Array.from(this.#topics.values(), (known): TopicStatus => {
      const { topic, partitionCount, sourceId, destinationId } = known;
      const shown = shownState(known, this.#wishes(topic));
      return {
        ...{ topic, partitionCount },
        mirrorTopic: destination.mirrorName(topic),
        sourceTopicId: sourceId,
        mirrorTopicId: destinationId,
        state: shown.state,
        reason: shown.reason ?? this.#waiting.get(topic)?.reason ?? null,
        contest: this.#settings.contestOf(topic),
      };
    });
    for (const [topic, { facts, reason }] of this.#waiting) {
      if (this.#topics.has(topic)) continue;
      const { mayMirror } = this.#wishes(topic);
      topics.push({
        ...{ topic, partitionCount: facts.partitionCount },
        mirrorTopic: destination.mirrorName(topic),
        sourceTopicId: facts.topicId,
        mirrorTopicId: null,
        state: mayMirror ? 'Preparing' : 'Stopped',
        reason,
      });
    }
    return topics.sort((a, b) => (a.topic < b.topic ? -1 : 1));
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
    const listed = new Map(sourceTopics.map((facts) => [facts.topic, facts]));
    const mirrors = new Map(destinationTopics.map((facts) => [facts.topic, facts]));
    const mirrorOf = (topic: string) => mirrors.get(destination.mirrorName(topic));
    const { selects, namedTopics } = this.#alterable;
    await this.#vanished.look([...this.#topics.values()], listed);
    this.#vanished.tellMissing(namedTopics, (topic) => listed.has(topic) || this.#topics.has(topic));
    for (const topic of this.#waiting.keys()) {
      if (!listed.has(topic) || !selects(topic)) this.#waiting.delete(topic);
    }
    const selected = sourceTopics.filter(({ topic }) => selects(topic));
    await this.#lookAtTopics(selected, mirrorOf);
    await this.#lookAtSettings();
    this.#options.mirror.followLeaders();
  }

  async #lookAtTopics(
    selected: readonly TopicFacts[],
    mirrorOf: (topic: string) => TopicFacts | undefined,
  ): Promise<void> {
    const { source, destination } = this.#options;
    const unknown = selected
      .map(({ topic }) => topic)
      .filter((topic) => !this.#topics.has(topic) && this.#wishes(topic).mayMirror);
    const sourceSettings = await source.topicSettings(unknown);
    const mirrorSettings = await destination.topicSettings(
      unknown.filter((topic) => mirrorOf(topic) !== undefined),
    );
    for (const facts of selected) {
      if (this.#isStopped) return;
      const { topic } = facts;
      const known = this.#topics.get(topic);
      await this.#preparing(facts, async () => {
        if (!this.#wishes(topic).mayMirror) return known === undefined ? stopped : null;
        if (known !== undefined) return this.#follow(known, facts, mirrorOf(topic));
        const met = await this.#preparation.meet({
          ...{ facts, mirror: mirrorOf(topic) },
          sourceSettings: sourceSettings.get(topic),
          mirrorSettings: mirrorSettings.get(topic),
        });
        if (met === null) return null;
        if ('waitsFor' in met) return met.waitsFor;
        // Known only now: a topic whose preparation failed is prepared again at the next look.
        this.#topics.set(topic, met);
        if (met.condition?.state === 'SourceRecreated') this.#recreated(met, 'source', met.condition.reason);
        return null;
      });
      this.#shareOutTopic(topic);
    }
    this.#shareOut();
  }

  /** What a topic waits for, or what is wrong with it, must not hold up the others; it is tried again at the next look. */
  async #preparing(facts: TopicFacts, prepare: () => Promise<string | null>): Promise<void> {
    const { topic } = facts;
    try {
      const reason = await prepare();
      if (reason === null) this.#waiting.delete(topic);
      else this.#waiting.set(topic, { reason, error: null, facts });
    } catch (error) {
      if (!(error instanceof LockstepError) || !topicErrors.has(error.code)) throw error;
      this.#waiting.set(topic, { reason: error.message, error, facts });
    }
  }

  /** Looks at a topic again: its ids, and whether the source has more partitions now. */
  async #follow(known: KnownTopic, facts: TopicFacts, mirror: TopicFacts | undefined): Promise<null> {
    if (isGivenUp(known)) return null;
    if (facts.topicId !== known.sourceId) {
      const reason = `its topic id was ${known.sourceId} and is ${facts.topicId}`;
      return this.#recreated(known, 'source', reason);
    }
    known.missingLooks = mirror === undefined ? known.missingLooks + 1 : 0;
    const isGone = known.missingLooks >= missingLooksMax;
    if (isGone || (mirror !== undefined && mirror.topicId !== known.destinationId)) {
      const now = mirror === undefined ? 'it does not exist any more' : `its topic id is ${mirror.topicId}`;
      const reason = `its topic id was ${known.destinationId}, and now ${now}`;
      return this.#recreated(
        known,
        'destination',
        reason,
        mirror === undefined ? 'deleted' : 'created again',
      );
    }
    known.condition = null;
    if (facts.partitionCount > known.placements.length) await this.#preparation.grow(known, facts, mirror);
    return null;
  }

  #lookAtSettings(): Promise<void> {
    const mirrored = [...this.#topics.values()].filter(
      (known) => shownState(known, this.#wishes(known.topic)).state === 'Mirrored',
    );
    return this.#settings.look(mirrored);
  }

  #recreated(
    known: KnownTopic,
    side: 'source' | 'destination',
    reason: string,
    what: 'deleted' | 'created again' = 'created again',
  ): null {
    const { topic } = known;
    known.condition = { state: side === 'source' ? 'SourceRecreated' : 'DestinationRecreated', reason };
    this.#notice('warning', `topic ${topic} was ${what} at the ${side}: ${reason}`);
    this.#options.mirror.topicRecreated(topic, side, `the topic was ${what}: ${reason}`);
    return null;
  }

  #shareOut(): void {
    for (const topic of this.#topics.keys()) this.#shareOutTopic(topic);
  }

  /** Starts what is ours of a topic, and stops the rest. */
  #shareOutTopic(topic: string): void {
    const known = this.#topics.get(topic);
    if (known === undefined || this.#isStopped) return;
    this.#share.apply(topic, isCopied(known, this.#wishes(topic)) ? known.placements : []);
  }

  #wishes(topic: string): TopicWishes {
    const { mayMirror = () => true } = this.#options;
    return { isSelected: this.#alterable.selects(topic), mayMirror: mayMirror(topic) };
  }

  #notice(level: Notice['level'], text: string): void {
    this.#options.onNotice({ atMs: this.#options.nowMs(), level, text });
  }
}

/** Resolves when the work has ended, or after that long. */
async function orPatience(work: Promise<void>, patienceMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patienceMs);
  });
  await Promise.race([work, patience]);
  clearTimeout(timer);
}

function withDefaults(options: AlterableLinkOptions): Required<AlterableLinkOptions> {
  const { selects, namedTopics, startAt = earliest, configs = configsDefault } = options;
  return { selects, namedTopics, startAt, configs };
}
