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
import { within } from '../../patience.ts';
import { formatCount } from '../../units.ts';
import { type Closed, closeMirrors, isGone, promotedPartition } from './close-mirrors.ts';
import { type DrainLook, lookAtEnds, messageOf, notDrained, quietMs, stoodStill } from './drained.ts';
import type { PromotableLink } from './promotable-link.ts';
import { seenBefore, sourceAnswers, sourceEnds, sourceLookMs } from './source-look.ts';

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
      const remark = await within(synced, groupSyncTimeoutMs, 'the last sync of the groups');
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
      answers.then((does) => (does ? sourceEnds(link!, mirrors, { destination, nowMs }) : seenBefore(link))),
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
    const synced = within(link.syncGroups(topics), sourceLookMs, what).catch(messageOf);
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

/** Producers that had not stopped, after all: what they wrote meanwhile is at the source only. */
function writtenSince({ promotion }: MirrorRecord, partitions: readonly PromotedPartition[]): string | null {
  const missing = partitions.reduce((sum, each) => sum + BigInt(each.missingRecords ?? 0), 0n);
  if (promotion?.kind !== 'planned' || missing === 0n) return null;
  return `the source was written to meanwhile: ${formatCount(missing)} offsets are not in the mirror`;
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
