// Takes promotions on, step by step. Everything stands in the mirrors' records, so another leader goes on where this one
// stopped.
//
//   Draining   the lag is zero, writes have stopped, replicas have all  ──► last sync of the groups ──► Closing
//              past the deadline                                        ──► Mirroring, with the reason
//   Closing    agents shut out by a marker, withheld rights granted      ──► Promoted (or forgotten)
import type { Cluster } from '../../client/index.ts';
import { type MirrorRecord, mirrorKey } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { nextMirrorState } from '../../link/index.ts';
import { type Closed, closeMirror } from './close-mirror.ts';
import { type DrainLook, lookAtEnds, messageOf, notDrained, quietMs } from './drained.ts';

/** What a promotion needs of a link. */
export interface PromotableLink {
  /** Null while it can't be reached. */
  readonly source: Cluster | null;
  /** The link's producer id; null when the source was never reached, so that nothing was ever copied. */
  readonly producerId: bigint | null;
  shiftOf(topic: string, partition: number): bigint;
  /** What was last seen of the source; offsets are the mirror's. */
  seen(topic: string, partition: number): { readonly sourceEnd: bigint; readonly atMs: number } | null;
  /** Last sync of the groups, for these source topics. */
  syncGroups(topics: readonly string[]): Promise<void>;
  /** Grants what was withheld on these mirror topics. */
  releaseRights(mirrorTopics: readonly string[]): Promise<void>;
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
const replicationTimeoutMs = { planned: 10_000, now: 2_000 } as const;
const retryMs = 1_000;
/** One mirror that hangs must not hold up the others for ever. */
const groupSyncTimeoutMs = 10_000;

export class Promotions {
  readonly #options: PromotionsOptions;
  /** Mirrors that are being taken on now. */
  readonly #busy = new Set<string>();
  /** The look that a later one is compared with. */
  readonly #looks = new Map<string, DrainLook>();
  readonly #notBefore = new Map<string, number>();

  constructor(options: PromotionsOptions) {
    this.#options = options;
  }

  /** Starts what can be done now; the steps end by themselves and write what they did. */
  step(mirrors: Iterable<MirrorRecord>): void {
    const { nowMs } = this.#options;
    for (const mirror of mirrors) {
      if (mirror.state !== 'Draining' && mirror.state !== 'Closing') continue;
      const key = mirrorKey(mirror);
      if (this.#busy.has(key) || (this.#notBefore.get(key) ?? 0) > nowMs()) continue;
      this.#busy.add(key);
      const step = mirror.state === 'Draining' ? this.#drain(mirror) : this.#close(mirror);
      void step.catch((error: unknown) => this.#failed(mirror, error)).finally(() => this.#busy.delete(key));
    }
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
      const before = this.#looks.get(key) ?? null;
      waitsFor = notDrained(look, before);
      if (before === null || look.atMs - before.atMs >= quietMs) this.#looks.set(key, look);
    }
    if (waitsFor === null) {
      this.#looks.delete(key);
      await withTimeout(
        link!.syncGroups([mirror.sourceTopic]),
        groupSyncTimeoutMs,
        'the last sync of the groups',
      );
      return replace(mirror, this.#to(mirror, 'drained', null));
    }
    if (nowMs() >= (mirror.promotion?.deadlineMs ?? 0)) {
      this.#looks.delete(key);
      onNotice(mirror.link, 'warning', `mirror ${mirror.mirrorTopic}: not promoted in time: ${waitsFor}`);
      return replace(mirror, this.#to(mirror, 'timedOut', `not promoted in time: ${waitsFor}`));
    }
    this.#notBefore.set(key, nowMs() + stopGraceMs);
    if (mirror.reason !== waitsFor) await replace(mirror, { ...mirror, reason: waitsFor });
  }

  async #close(mirror: MirrorRecord): Promise<void> {
    const { destination, nowMs, replace, onNotice } = this.#options;
    const key = mirrorKey(mirror);
    const waitMs = mirror.sinceMs + stopGraceMs - nowMs();
    if (waitMs > 0) {
      this.#notBefore.set(key, nowMs() + waitMs);
      return;
    }
    const { promotion } = mirror;
    const link = this.#options.link(mirror.link);
    const closed: Closed =
      link === undefined || link.producerId === null
        ? { partitions: [], unfenced: 'the source was never reached, so nothing was copied' }
        : await closeMirror(mirror, {
            destination,
            producerId: link.producerId,
            replicationTimeoutMs: replicationTimeoutMs[promotion?.kind ?? 'now'],
            seen: (partition) => link.seen(mirror.sourceTopic, partition),
          });
    await link?.releaseRights([mirror.mirrorTopic]);
    const unfenced =
      closed.unfenced === null ? null : `agents that are frozen now were not shut out: ${closed.unfenced}`;
    const behind = closed.partitions
      .filter(({ isReplicated }) => !isReplicated)
      .map(({ partition }) => partition);
    if (behind.length > 0)
      onNotice(
        mirror.link,
        'warning',
        `mirror ${mirror.mirrorTopic}: replicas lack the tail of partition ${behind.join(', ')}`,
      );
    this.#notBefore.delete(key);
    if (promotion?.isForgotten === true) {
      onNotice(mirror.link, 'info', `mirror ${mirror.mirrorTopic}: deleted; the topic stays`);
      return replace(mirror, null);
    }
    onNotice(
      mirror.link,
      'info',
      `mirror ${mirror.mirrorTopic}: promoted${unfenced === null ? '' : `; ${unfenced}`}`,
    );
    const record = this.#to(mirror, 'closed', unfenced);
    const { partitions } = closed;
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

  async #failed(mirror: MirrorRecord, error: unknown): Promise<void> {
    const { nowMs, replace } = this.#options;
    const reason = messageOf(error);
    const key = mirrorKey(mirror);
    this.#notBefore.set(key, nowMs() + retryMs);
    const isLate = mirror.state === 'Draining' && nowMs() >= (mirror.promotion?.deadlineMs ?? 0);
    const next = isLate
      ? this.#to(mirror, 'timedOut', `not promoted in time: ${reason}`)
      : { ...mirror, reason };
    if (!isLate && mirror.reason === reason) return;
    // The one who leads now reads the same state; a pen that was taken away ends elsewhere.
    await replace(mirror, next).catch(() => {});
  }
}

async function withTimeout(work: Promise<void>, ms: number, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new LockstepError('REQUEST_TIMED_OUT', `${what} took longer than ${ms} ms`)),
      ms,
    );
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
