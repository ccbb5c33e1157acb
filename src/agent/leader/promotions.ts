// Takes promotions on, step by step. Everything stands in the mirrors' records, so another leader goes on where this one
// stopped.
//
//   Draining   the lag is zero, writes have stopped, replicas have all  ──► last sync of the groups ──► Closing
//              past the deadline                                        ──► Mirroring, with the reason
//   Closing    agents shut out by a marker, withheld rights granted      ──► Promoted (or forgotten)
import { type Cluster, sleep, systemClock } from '../../client/index.ts';
import { type MirrorRecord, mirrorKey, type PromotedPartition } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { nextMirrorState } from '../../link/index.ts';
import { formatCount } from '../../units.ts';
import {
  type Closed,
  closeMirrors,
  isGone,
  promotedPartition,
  type SeenEnd,
  type SeenSource,
} from './close-mirrors.ts';
import {
  type DrainLook,
  isSameSource,
  lookAtEnds,
  messageOf,
  notDrained,
  quietMs,
  stoodStill,
} from './drained.ts';

/** What a promotion needs of a link. */
export interface PromotableLink {
  /** Null while it can't be reached. */
  readonly source: Cluster | null;
  /** The link's producer id in a life of a mirror; null when the source was never reached: nothing was ever copied. */
  producerIdOf(incarnation: number): bigint | null;
  shiftOf(topic: string, partition: number): bigint;
  /** What was last seen of the source; offsets are the mirror's. */
  seen(topic: string, partition: number): { readonly sourceEnd: bigint; readonly atMs: number } | null;
  /** Why a partition of this source topic is not copied any more, in words; null: it is. */
  stoppedBy(topic: string): string | null;
  /** Whether its agents have told that nothing of this source topic is copied any more. */
  isAtRest(topic: string): boolean;
  /** Last sync of the groups, for these source topics; resolves with what is not as at the source, null: all is. */
  syncGroups(topics: readonly string[]): Promise<string | null>;
  /** Grants what was withheld on these mirror topics; a source is waited for so long that may be gone. */
  releaseRights(mirrorTopics: readonly string[], sourcePatienceMs: number): Promise<void>;
}

export interface PromotionsOptions {
  readonly destination: Cluster;
  link(name: string): PromotableLink | undefined;
  /** Resolves when the fleet has it; does nothing where the mirror's state is another one by then. */
  replace(before: MirrorRecord, after: MirrorRecord | null): Promise<void>;
  readonly onNotice: (link: string, level: 'info' | 'warning', text: string) => void;
  readonly nowMs: () => number;
}

/** Agents hear of a state within milliseconds; what they have under way is let in, ms. */
const stopGraceMs = 250;
/** Topics that are drained at about the same time have their groups synced together, ms. Writes pause meanwhile. */
const gatherMs = 50;
const replicationTimeoutMs = { planned: 10_000, now: 2_000 } as const;
/** A promotion does not wait for a source that is gone: what it is asked, it is asked at the same time. */
const sourceLookMs = 1_500;
/** For its newest rules; of a planned promotion it is there. */
const rulesPatienceMs = 2_000;
const retryMs = 1_000;
/** The session of an agent, and a moment for it to stop. */
const restPatienceMs = 12_000;
/** A broker that has just started may not know every topic. */
const goneLooksMax = 3;
/** One mirror that hangs must not hold up the others for ever. */
const groupSyncTimeoutMs = 10_000;

export class Promotions {
  readonly #options: PromotionsOptions;
  /** Mirrors that are being taken on now. */
  readonly #busy = new Set<string>();
  /** The look that a later one is compared with. */
  readonly #looks = new Map<string, DrainLook>();
  readonly #notBefore = new Map<string, number>();
  /** Mirrors whose closing has been seen, and how often their topic was not there. */
  readonly #closing = new Map<string, { readonly seenAtMs: number; goneLooks: number }>();
  readonly #syncs = new Map<string, { readonly topics: string[]; readonly done: Promise<string | null> }>();

  constructor(options: PromotionsOptions) {
    this.#options = options;
  }

  /** Starts what can be done now; the steps end by themselves and write what they did. */
  step(mirrors: Iterable<MirrorRecord>): void {
    const due = [...mirrors].filter((mirror) => this.#isDue(mirror));
    for (const mirror of due)
      if (mirror.state === 'Draining') this.#begin([mirror], () => this.#drain(mirror));
    const closing = due.filter(({ state }) => state === 'Closing');
    // Together: hundreds of topics are closed with the requests of one.
    for (const [link, some] of Map.groupBy(closing, (mirror) => mirror.link))
      this.#begin(some, () => this.#close(link, some));
  }

  #isDue(mirror: MirrorRecord): boolean {
    const nowMs = this.#options.nowMs();
    const key = mirrorKey(mirror);
    if (mirror.state !== 'Closing') this.#closing.delete(key);
    else if (!this.#closing.has(key)) {
      // By our clock: another leader's, which wrote `sinceMs`, may be an hour away.
      this.#closing.set(key, { seenAtMs: nowMs, goneLooks: 0 });
      // Of a planned one nothing is under way: its source stands still, and everything is over there.
      if (mirror.promotion?.kind !== 'planned') this.#notBefore.set(key, nowMs + stopGraceMs);
    }
    if (this.#busy.has(key) || (this.#notBefore.get(key) ?? 0) > nowMs) return false;
    return mirror.state === 'Draining' || mirror.state === 'Closing';
  }

  #begin(mirrors: readonly MirrorRecord[], work: () => Promise<void>): void {
    const keys = mirrors.map(mirrorKey);
    for (const key of keys) this.#busy.add(key);
    void work()
      .catch((error: unknown) => this.#failed(mirrors, error))
      .finally(() => {
        for (const key of keys) this.#busy.delete(key);
      });
  }

  async #drain(mirror: MirrorRecord): Promise<void> {
    const { destination, nowMs, replace, onNotice } = this.#options;
    const key = mirrorKey(mirror);
    const link = this.#options.link(mirror.link);
    let waitsFor: string | null = 'the source can not be reached; promote --now goes on without it';
    if (link !== undefined && link.source !== null) {
      const look = await lookAtEnds(mirror, {
        source: link.source,
        destination,
        shiftOf: (partition) => link.shiftOf(mirror.sourceTopic, partition),
        nowMs,
      });
      const before = this.#looks.get(key) ?? stoodStill(mirror, look);
      waitsFor = link.stoppedBy(mirror.sourceTopic) ?? notDrained(look, before);
      if (before === null || look.atMs - before.atMs >= quietMs) this.#looks.set(key, look);
    }
    if (waitsFor === null) {
      this.#looks.delete(key);
      const synced = this.#syncGroups(mirror.link, link!, mirror.sourceTopic);
      const remark = await withTimeout(synced, groupSyncTimeoutMs, 'the last sync of the groups');
      const drained = this.#to(mirror, 'drained', null);
      return replace(
        mirror,
        remark === null ? drained : { ...drained, promotion: { ...mirror.promotion!, remark } },
      );
    }
    if (nowMs() >= (mirror.promotion?.deadlineMs ?? 0)) {
      this.#looks.delete(key);
      onNotice(mirror.link, 'warning', `mirror ${mirror.mirrorTopic}: not promoted in time: ${waitsFor}`);
      return replace(mirror, this.#to(mirror, 'timedOut', `not promoted in time: ${waitsFor}`));
    }
    this.#notBefore.set(key, nowMs() + stopGraceMs);
    if (mirror.reason !== waitsFor) await replace(mirror, { ...mirror, reason: waitsFor });
  }

  /** Of all topics of a link that are drained at about the same time at once. */
  #syncGroups(name: string, link: PromotableLink, topic: string): Promise<string | null> {
    const waiting = this.#syncs.get(name);
    if (waiting !== undefined) {
      waiting.topics.push(topic);
      return waiting.done;
    }
    const topics = [topic];
    const done = sleep(systemClock, gatherMs).then(() => {
      this.#syncs.delete(name);
      return link.syncGroups(topics);
    });
    this.#syncs.set(name, { topics, done });
    return done;
  }

  async #close(name: string, mirrors: readonly MirrorRecord[]): Promise<void> {
    const { destination, nowMs } = this.#options;
    const beganMs = nowMs();
    const link = this.#options.link(name);
    const isPlanned = mirrors.every(({ promotion }) => promotion?.kind === 'planned');
    const answers = link === undefined ? Promise.resolve(false) : sourceAnswers(link, mirrors, { isPlanned });
    let isSourceGone = false;
    void answers.then((does) => {
      isSourceGone = !does;
    });
    const lastSync = link === undefined ? null : this.#syncGroupsNow(link, mirrors, answers);
    const outcomes: ReadonlyMap<string, Closed | LockstepError> =
      link === undefined || !wasReached(link)
        ? new Map()
        : await closeMirrors(mirrors, {
            destination,
            producerIdOf: (incarnation) => link.producerIdOf(incarnation)!,
            replicationTimeoutMs: replicationTimeoutMs[isPlanned ? 'planned' : 'now'],
          });
    const closed = new Map<MirrorRecord, Closed>();
    const failed = new Map<MirrorRecord, LockstepError>();
    for (const mirror of mirrors) {
      const outcome = outcomes.get(mirror.mirrorTopic) ?? neverCopied;
      if (!(outcome instanceof LockstepError)) {
        if (outcome.unfenced !== null && this.#mayStillBeCopied(mirror, link))
          failed.set(mirror, notAtRest());
        else closed.set(mirror, outcome);
      } else if (this.#isGone(mirror, outcome)) closed.set(mirror, gone(outcome));
      else if (mirror.promotion?.isForgotten === true && outcome.code === 'NOT_AUTHORIZED')
        closed.set(mirror, { partitions: [], unfenced: outcome.message });
      else failed.set(mirror, outcome);
    }
    const sourceMs = isSourceGone ? 0 : Math.max(0, sourceLookMs - (nowMs() - beganMs));
    const patienceMs = isPlanned ? rulesPatienceMs : sourceMs;
    const [seen, unsynced] = await Promise.all([
      // Only now, behind all cuts. A source that hangs has shown it while the partitions were closed.
      answers.then((does) => (does ? this.#lookAtSource(link!, mirrors) : seenBefore(link))),
      lastSync,
      // Who writes waits for nothing else.
      link?.releaseRights(
        [...closed.keys()].map(({ mirrorTopic }) => mirrorTopic),
        patienceMs,
      ),
    ]);
    await Promise.all([
      ...[...closed].map(([mirror, { partitions, unfenced }]) => {
        const promoted = partitions.map((each) =>
          promotedPartition(each, seen(mirror.sourceTopic, each.partition)),
        );
        return this.#ended(mirror, { partitions: promoted, unfenced }, unsynced);
      }),
      ...[...failed].map(([mirror, error]) => this.#failed([mirror], error)),
    ]);
  }

  /**
   * A planned promotion has synced already. Whoever promotes at once gets what the source still tells within moments;
   * positions that were synced before stand anyway. Resolves with what to know of it.
   */
  async #syncGroupsNow(
    link: PromotableLink,
    mirrors: readonly MirrorRecord[],
    answers: Promise<boolean>,
  ): Promise<string | null> {
    const topics = mirrors
      .filter(({ promotion }) => promotion?.kind === 'now' && promotion.isForgotten !== true)
      .map(({ sourceTopic }) => sourceTopic);
    if (topics.length === 0) return null;
    const what = 'the last sync of the groups';
    const synced = withTimeout(link.syncGroups(topics), sourceLookMs, what).catch(messageOf);
    const isGone = answers.then((does) => (does ? synced : `${what}: the source does not answer`));
    return Promise.race([synced, isGone]);
  }

  /** Where no marker shuts agents out, they are waited for: as long as one that is lost takes to stop by itself. */
  #mayStillBeCopied(mirror: MirrorRecord, link: PromotableLink | undefined): boolean {
    if (link === undefined || !wasReached(link) || link.isAtRest(mirror.sourceTopic)) return false;
    const seenAtMs = this.#closing.get(mirrorKey(mirror))?.seenAtMs ?? 0;
    return this.#options.nowMs() - seenAtMs < restPatienceMs;
  }

  /** Whether there is nothing left to close: said several times in a row. */
  #isGone(mirror: MirrorRecord, error: LockstepError): boolean {
    const closing = this.#closing.get(mirrorKey(mirror));
    if (closing === undefined) return false;
    closing.goneLooks = isGone(error) ? closing.goneLooks + 1 : 0;
    return closing.goneLooks >= goneLooksMax;
  }

  /** Where the source ends now, if it still tells; else what was seen of it last. */
  async #lookAtSource(link: PromotableLink, mirrors: readonly MirrorRecord[]): Promise<SeenSource> {
    const { destination, nowMs } = this.#options;
    const { source } = link;
    const ends = new Map<string, SeenEnd>();
    const look = async (): Promise<void> => {
      if (source === null) return;
      const lookAt = async (mirror: MirrorRecord): Promise<void> => {
        const shiftOf = (partition: number) => link.shiftOf(mirror.sourceTopic, partition);
        const found = await lookAtEnds(mirror, { source, destination, shiftOf, nowMs });
        if (!isSameSource(found)) return;
        for (const { partition, sourceHighWatermark: sourceEnd } of found.ends)
          ends.set(`${mirror.sourceTopic}/${partition}`, { sourceEnd, atMs: found.atMs, isLive: true });
      };
      // A partition that does not answer says nothing about the other mirrors.
      await Promise.all(mirrors.map((mirror) => lookAt(mirror).catch(messageOf)));
    };
    await withTimeout(look(), sourceLookMs, 'a look at the source').catch(messageOf);
    return (topic, partition) => ends.get(`${topic}/${partition}`) ?? link.seen(topic, partition);
  }

  async #ended(
    mirror: MirrorRecord,
    {
      partitions,
      unfenced,
    }: Pick<Closed, 'unfenced'> & { readonly partitions: readonly PromotedPartition[] },
    unsynced: string | null,
  ): Promise<void> {
    const { replace, onNotice } = this.#options;
    const { promotion, mirrorTopic } = mirror;
    this.#notBefore.delete(mirrorKey(mirror));
    const behind = partitions.filter(({ isReplicated }) => !isReplicated).map(({ partition }) => partition);
    if (behind.length > 0)
      onNotice(
        mirror.link,
        'warning',
        `mirror ${mirrorTopic}: replicas lack the tail of partition ${behind.join(', ')}`,
      );
    if (promotion?.isForgotten === true) {
      onNotice(mirror.link, 'info', `mirror ${mirrorTopic}: deleted; the topic stays`);
      return replace(mirror, null);
    }
    const remarks = [promotion?.remark, unsynced, writtenSince(mirror, partitions), unfenced].filter(
      (text) => text != null,
    );
    const reason = remarks.length === 0 ? null : remarks.join('; ');
    onNotice(mirror.link, 'info', `mirror ${mirrorTopic}: promoted${reason === null ? '' : `; ${reason}`}`);
    const record = this.#to(mirror, 'closed', reason);
    await replace(
      mirror,
      promotion === undefined ? record : { ...record, promotion: { ...promotion, partitions } },
    );
  }

  #to(mirror: MirrorRecord, event: 'drained' | 'timedOut' | 'closed', reason: string | null): MirrorRecord {
    return {
      ...mirror,
      state: nextMirrorState(mirror.state, event)!,
      sinceMs: this.#options.nowMs(),
      reason,
    };
  }

  async #failed(mirrors: readonly MirrorRecord[], error: unknown): Promise<void> {
    const { nowMs, replace } = this.#options;
    const reason = messageOf(error);
    for (const mirror of mirrors) {
      this.#notBefore.set(mirrorKey(mirror), nowMs() + retryMs);
      const isLate = mirror.state === 'Draining' && nowMs() >= (mirror.promotion?.deadlineMs ?? 0);
      if (!isLate && mirror.reason === reason) continue;
      const next = isLate
        ? this.#to(mirror, 'timedOut', `not promoted in time: ${reason}`)
        : { ...mirror, reason };
      // The one who leads now reads the same state; a pen that was taken away ends elsewhere.
      await replace(mirror, next).catch(() => {});
    }
  }
}

/**
 * Whether a source that is promoted from still tells anything. One that hangs is given a while; one where nobody listens at
 * any address that is known has said so, and whoever promotes at once is not kept waiting for it.
 */
async function sourceAnswers(
  { source }: PromotableLink,
  mirrors: readonly MirrorRecord[],
  { isPlanned }: { readonly isPlanned: boolean },
): Promise<boolean> {
  if (source === null) return false;
  const topics = mirrors.slice(0, 1).map(({ sourceTopic }) => sourceTopic);
  const ask = () => source.refreshMetadata(topics);
  const asked = source.retry(() => (isPlanned ? ask() : ask().catch(refusedForGood)), {
    timeoutMs: sourceLookMs,
  });
  return withTimeout(asked, sourceLookMs, 'a question to the source').then(
    () => true,
    (error: unknown) => {
      messageOf(error);
      return false;
    },
  );
}

/** Not tried again. Connections that broke are another matter: behind them there may be a broker. */
function refusedForGood(error: unknown): never {
  if (!(error instanceof LockstepError) || error.code !== 'CLUSTER_UNREACHABLE') throw error;
  const { message, detail } = error;
  throw new LockstepError(error.code, message, { detail, cause: error, retriable: false });
}

/** Producers that had not stopped, after all: what they wrote meanwhile is at the source only. */
function writtenSince({ promotion }: MirrorRecord, partitions: readonly PromotedPartition[]): string | null {
  const missing = partitions.reduce((sum, each) => sum + BigInt(each.missingRecords ?? 0), 0n);
  if (promotion?.kind !== 'planned' || missing === 0n) return null;
  return `the source was written to meanwhile: ${formatCount(missing)} offsets are not in the mirror`;
}

function seenBefore(link: PromotableLink | undefined): SeenSource {
  return (topic, partition) => link?.seen(topic, partition) ?? null;
}

function gone({ message }: LockstepError): Closed {
  return { partitions: [], unfenced: `the mirror's topic was deleted, so nothing was closed: ${message}` };
}

function wasReached(link: PromotableLink): boolean {
  return link.producerIdOf(0) !== null;
}

const neverCopied: Closed = {
  partitions: [],
  unfenced: 'the source was never reached, so nothing was copied',
};

function notAtRest(): LockstepError {
  const text =
    'waits until its agents have stopped, since no marker shuts them out (needs Alter on the cluster)';
  return new LockstepError('NOT_AUTHORIZED', text, { retriable: true });
}

async function withTimeout<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new LockstepError('REQUEST_TIMED_OUT', `${what} took longer than ${ms} ms`)),
      ms,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
