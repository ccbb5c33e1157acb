// The topics of one link: met, waited for, followed, and shared out. What is wrong with one of them never holds up the
// others.
import type { Breaks } from '../breaks.ts';
import { LockstepError } from '../errors.ts';
import type { LinkMirror, PartitionStart } from '../mirror/index.ts';
import { Slots } from '../slots.ts';
import type { LinkCluster, LinkDestination, TopicFacts } from './clusters.ts';
import { earlierLapOf } from './growing-name.ts';
import {
  isCopied,
  isGivenUp,
  isOfFormerLife,
  type KnownTopic,
  notOurs,
  shownState,
  type TopicWishes,
} from './known-topic.ts';
import type { Notice } from './notice.ts';
import { topicErrors } from './settings-look.ts';
import type { Share } from './share.ts';
import type { TopicPreparation } from './topic-preparation.ts';
import type { SettingsContest, TopicStatus } from './topic-status.ts';
import { VanishedTopics } from './vanished-topics.ts';

export interface LinkTopicsOptions {
  readonly source: LinkCluster;
  readonly destination: LinkDestination;
  readonly mirror: Pick<LinkMirror, 'topicRecreated'>;
  readonly preparation: TopicPreparation;
  readonly share: Share;
  /** What people want of a topic now. */
  readonly wishes: (topic: string) => TopicWishes;
  /** Topics are about to be met for the first time: what wishes go by is as new as the look then. */
  readonly beforeMeeting: () => Promise<void>;
  readonly namedTopics: () => readonly string[];
  readonly isStopped: () => boolean;
  readonly onNotice: (level: Notice['level'], text: string) => void;
}

/** A topic that can't be copied yet. */
interface WaitingTopic {
  readonly reason: string;
  /** Why its mirror could not be created or grown; null where something else is waited for. */
  readonly error: LockstepError | null;
  readonly facts: TopicFacts;
}

interface MadeStarts {
  readonly incarnation: number;
  readonly mayReturn: boolean;
  readonly starts: readonly PartitionStart[];
}

/** Topics that are met at the same time: as many as a request makes, and few enough that the first ones begin soon. */
const topicsAtOnce = 20;
/** A broker that has just started may not list every topic; only what is missing twice is gone. */
const missingLooksMax = 2;
/** One that is busy creating a thousand partitions lists them late; nobody has seen them there before. */
const unlistedLooksMax = 15;

export class LinkTopics {
  readonly #options: LinkTopicsOptions;
  readonly #topics = new Map<string, KnownTopic>();
  readonly #waiting = new Map<string, WaitingTopic>();
  readonly #vanished: VanishedTopics;
  /** By the placements of a topic: how its partitions begin. */
  readonly #starts = new WeakMap<KnownTopic['placements'], MadeStarts>();

  constructor(options: LinkTopicsOptions) {
    this.#options = options;
    this.#vanished = new VanishedTopics(options);
  }

  /** Why nothing at all can be copied; null where something can, or nothing was refused. */
  get refusal(): LockstepError | null {
    const [waiting] = this.#waiting.values();
    return this.#topics.size === 0 ? (waiting?.error ?? null) : null;
  }

  /** Topics that the link names one by one, and the source does not have. */
  get missing(): readonly string[] {
    return this.#vanished.missingOf(this.#options.namedTopics());
  }

  /** Those whose settings are followed. */
  get mirrored(): readonly KnownTopic[] {
    const { wishes } = this.#options;
    return [...this.#topics.values()].filter(
      (known) => shownState(known, wishes(known.topic)).state === 'Mirrored',
    );
  }

  /** Takes in what both clusters list. @throws LockstepError when one of them does not answer. */
  async look(
    sourceTopics: readonly TopicFacts[],
    destinationTopics: readonly TopicFacts[],
    breaks: Breaks,
  ): Promise<void> {
    const { destination, wishes, namedTopics } = this.#options;
    const listed = new Map(sourceTopics.map((facts) => [facts.topic, facts]));
    const mirrors = new Map(destinationTopics.map((facts) => [facts.topic, facts]));
    await this.#vanished.look([...this.#topics.values()], listed);
    this.#vanished.tellMissing(namedTopics(), (topic) => listed.has(topic) || this.#topics.has(topic));
    for (const topic of this.#waiting.keys())
      if (!listed.has(topic) || !wishes(topic).isSelected) this.#waiting.delete(topic);
    await this.#lookAtTopics(
      sourceTopics.filter(({ topic }) => wishes(topic).isSelected),
      (topic) => mirrors.get(destination.mirrorName(topic)),
      (name) => mirrors.has(name),
    );
    for (const topic of [...this.#topics.keys()]) {
      if (breaks.isDue) await breaks.take();
      this.#shareOutTopic(topic);
    }
  }

  /** Nothing is known of the topic any more: if it is to be mirrored again, it is met for the first time. */
  forget(topic: string): void {
    this.#options.share.apply(topic, []);
    this.#topics.delete(topic);
    this.#waiting.delete(topic);
  }

  /** Starts what is ours of all topics, and stops the rest. */
  shareOut(): void {
    for (const topic of this.#topics.keys()) this.#shareOutTopic(topic);
  }

  status(contestOf: (topic: string) => SettingsContest | null): TopicStatus[] {
    const { destination, wishes } = this.#options;
    const topics = Array.from(this.#topics.values(), (known): TopicStatus => {
      const { topic, partitionCount, sourceId, destinationId } = known;
      const shown = shownState(known, wishes(topic));
      return {
        ...{ topic, partitionCount },
        mirrorTopic: destination.mirrorName(topic),
        sourceTopicId: sourceId,
        mirrorTopicId: destinationId,
        incarnation: known.incarnation,
        state: shown.state,
        reason: shown.reason ?? this.#waiting.get(topic)?.reason ?? null,
        contest: contestOf(topic),
      };
    });
    for (const [topic, { facts, reason }] of this.#waiting) {
      if (this.#topics.has(topic)) continue;
      const { mayMirror, hold } = wishes(topic);
      topics.push({
        ...{ topic, partitionCount: facts.partitionCount },
        mirrorTopic: destination.mirrorName(topic),
        sourceTopicId: facts.topicId,
        mirrorTopicId: null,
        ...(hold ?? { state: mayMirror ? 'Preparing' : 'Stopped', reason }),
      });
    }
    return topics.sort((a, b) => (a.topic < b.topic ? -1 : 1));
  }

  async #lookAtTopics(
    selected: readonly TopicFacts[],
    mirrorOf: (topic: string) => TopicFacts | undefined,
    isThere: (name: string) => boolean,
  ): Promise<void> {
    const { source, destination, preparation, wishes } = this.#options;
    for (const known of [...this.#topics.values()])
      if (isOfFormerLife(known, wishes(known.topic))) this.forget(known.topic);
    const unknown = selected
      .map(({ topic }) => topic)
      .filter((topic) => this.#known(topic) === undefined && wishes(topic).mayMirror);
    if (unknown.length > 0) await this.#options.beforeMeeting();
    const sourceSettings = await source.topicSettings(unknown);
    const mirrorSettings = await destination.topicSettings(
      unknown.filter((topic) => mirrorOf(topic) !== undefined),
    );
    const lookAt = async (facts: TopicFacts): Promise<void> => {
      if (this.#options.isStopped()) return;
      const { topic } = facts;
      const known = this.#known(topic);
      const placedBefore = known?.placements;
      await this.#preparing(facts, async () => {
        if (!wishes(topic).mayMirror) return known === undefined ? notOurs : null;
        if (known !== undefined) return this.#follow(known, facts, mirrorOf(topic));
        const lap = mirrorOf(topic) === undefined ? await this.#emptyLap(facts, isThere) : null;
        if (lap !== null) return lap;
        const met = await preparation.meet({
          ...{ facts, mirror: mirrorOf(topic), incarnation: wishes(topic).incarnation },
          mayReturn: wishes(topic).mayReturn === true,
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
      // At once, where there is anything new: others may take long.
      if (this.#topics.get(topic)?.placements !== placedBefore) this.#shareOutTopic(topic);
    };
    // Some at a time: topics that are to be made are made together, and one that is slow holds up few others.
    const slots = new Slots(topicsAtOnce);
    const looks = await Promise.allSettled(selected.map((facts) => slots.use(() => lookAt(facts))));
    const failed = looks.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }

  /** Why a mirror is not made yet: it may be one of a mirror that this link makes, and it is empty. */
  async #emptyLap(
    { topic, partitionCount }: TopicFacts,
    isThere: (name: string) => boolean,
  ): Promise<string | null> {
    const { source, destination } = this.#options;
    const earlier = earlierLapOf(topic, (name) => destination.mirrorName(name), isThere);
    if (earlier === null) return null;
    const ranges = [...(await source.logRanges(topic, partitionCount)).values()];
    if (ranges.some(({ end }) => end > 0n)) return null;
    return `it is empty, and may be a mirror of ${earlier} that comes back by another link; its mirror is made with its first record`;
  }

  /** A topic that is met already; one whose mirror was refused is met again, since a person may have mended it. */
  #known(topic: string): KnownTopic | undefined {
    const known = this.#topics.get(topic);
    return known?.condition?.state === 'Refused' ? undefined : known;
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
      const isNew = this.#waiting.get(topic)?.reason !== error.message;
      this.#waiting.set(topic, { reason: error.message, error, facts });
      if (isNew) this.#options.onNotice('warning', `topic ${topic}: ${error.message}`);
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
    known.wasListed ||= mirror !== undefined;
    const isGone = known.missingLooks >= (known.wasListed ? missingLooksMax : unlistedLooksMax);
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
    if (facts.partitionCount > known.placements.length)
      await this.#options.preparation.grow(known, facts, mirror);
    return null;
  }

  #recreated(
    known: KnownTopic,
    side: 'source' | 'destination',
    reason: string,
    what: 'deleted' | 'created again' = 'created again',
  ): null {
    const { topic } = known;
    known.condition = { state: side === 'source' ? 'SourceRecreated' : 'DestinationRecreated', reason };
    this.#options.onNotice('warning', `topic ${topic} was ${what} at the ${side}: ${reason}`);
    this.#options.mirror.topicRecreated(topic, side, `the topic was ${what}: ${reason}`);
    return null;
  }

  /** Starts what is ours of a topic, and stops the rest. */
  #shareOutTopic(topic: string): void {
    const known = this.#topics.get(topic);
    if (known === undefined || this.#options.isStopped()) return;
    const { share } = this.#options;
    const wishes = this.#options.wishes(topic);
    if (isOfFormerLife(known, wishes)) return this.forget(topic);
    share.apply(topic, isCopied(known, wishes) ? this.#startsOf(known, wishes) : []);
  }

  /** The same as before while nothing has changed: there may be thousands. */
  #startsOf({ placements, incarnation }: KnownTopic, wishes: TopicWishes): readonly PartitionStart[] {
    const mayReturn = wishes.mayReturn === true;
    const made = this.#starts.get(placements);
    if (made?.incarnation === incarnation && made.mayReturn === mayReturn) return made.starts;
    const returning = mayReturn ? { mayReturn } : {};
    const starts = placements.map((placement) => ({ ...placement, incarnation, ...returning }));
    this.#starts.set(placements, { incarnation, mayReturn, starts });
    return starts;
  }
}
