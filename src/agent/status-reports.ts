// Tells the fleet how this agent's partitions stand: what changed, now and then. A partition's state is told at the next
// look, its figures every few seconds, and an idle one not at all.
import { recordVersion, type SeenSourceEnd, type StatusRecord, statusKey } from '../control/index.ts';
import type { LinkStatus } from '../link/index.ts';
import type { PartitionStatus } from '../mirror/index.ts';

export interface StatusReportsOptions {
  readonly agentId: string;
  /** Figures alone are told no more often than this, in ms. */
  readonly figuresEveryMs: number;
  /** Whether another agent copies the partition now. */
  isElsewhere(partition: { link: string; topic: string; partition: number }): boolean;
  /** What the fleet knows of a partition now. */
  known(key: string): StatusRecord | undefined;
}

interface Told {
  readonly record: StatusRecord;
  readonly status: PartitionStatus;
  /** The source's end as it was looked at since; a source that falls silent before the next word is not to take it along. */
  seen: SeenSourceEnd | null;
}

/** What is to be written, look by look; pure but for its memory of what was told. */
export class StatusReports {
  readonly #options: StatusReportsOptions;
  readonly #told = new Map<string, Told>();

  constructor(options: StatusReportsOptions) {
    this.#options = options;
  }

  /**
   * Entries for the control topic. Partitions that another agent copies now are left to that one; of those that nobody
   * does, the last word is that they stopped.
   */
  look(
    links: readonly LinkStatus[],
    nowMs: number,
    { isUrgent = false }: { isUrgent?: boolean } = {},
  ): Map<string, StatusRecord> {
    const entries = new Map<string, StatusRecord>();
    const seen = new Set<string>();
    for (const link of links) {
      for (const partition of link.partitions) {
        const key = statusKey({ link: link.name, topic: partition.topic, partition: partition.partition });
        seen.add(key);
        const told = this.#told.get(key);
        if (told !== undefined) {
          if (isOldNews(told.status, partition) && this.#isKnown(key, told.record)) continue;
          const isState = told.status.state !== partition.state || told.status.reason !== partition.reason;
          if (!isState && !isUrgent && nowMs - told.record.atMs < this.#options.figuresEveryMs) {
            if (partition.sourceEnd !== null) told.seen = seenEnd(partition, nowMs, told.seen);
            continue;
          }
        }
        const former = told?.seen ?? this.#options.known(key)?.sourceSeen ?? null;
        const sourceSeen = seenEnd(partition, nowMs, former);
        const record = recordOf(partition, { agent: this.#options.agentId, atMs: nowMs, sourceSeen });
        this.#told.set(key, { record, status: partition, seen: sourceSeen });
        entries.set(key, record);
      }
    }
    for (const [key, { record }] of this.#told) {
      if (seen.has(key)) continue;
      this.#told.delete(key);
      const [, link, topic, partition] = key.split('/') as [string, string, string, string];
      if (this.#options.isElsewhere({ link, topic, partition: Number(partition) })) continue;
      entries.set(key, { ...record, atMs: nowMs, sinceMs: nowMs, state: 'Stopped', reason: null });
    }
    return entries;
  }

  /** Whether our word is the last one: an agent that was frozen may have told its own when it woke up. */
  #isKnown(key: string, told: StatusRecord): boolean {
    const known = this.#options.known(key);
    return known !== undefined && known.agent === told.agent && known.atMs === told.atMs;
  }
}

/** Times that go on by themselves are told with the rest. Thousands of partitions are compared every second. */
function isOldNews(told: PartitionStatus, now: PartitionStatus): boolean {
  return (
    told.mirrorEnd === now.mirrorEnd &&
    told.sourceEnd === now.sourceEnd &&
    told.undecided?.highWatermark === now.undecided?.highWatermark &&
    told.undecided?.holder?.producerId === now.undecided?.holder?.producerId &&
    told.state === now.state &&
    told.reason === now.reason &&
    told.sinceMs === now.sinceMs &&
    told.lagRecords === now.lagRecords &&
    told.lastError === now.lastError &&
    told.shift === now.shift
  );
}

function recordOf(
  status: PartitionStatus,
  { agent, atMs, sourceSeen }: { agent: string; atMs: number; sourceSeen: SeenSourceEnd | null },
): StatusRecord {
  const text = (offset: bigint | null): string | null => (offset === null ? null : String(offset));
  const sourceEnd = text(status.sourceEnd);
  return {
    v: recordVersion,
    agent,
    atMs,
    state: status.state,
    reason: status.reason,
    sinceMs: status.sinceMs,
    sourceEnd,
    sourceSeen,
    mirrorEnd: text(status.mirrorEnd),
    lagRecords: text(status.lagRecords),
    behindMs: status.behindMs,
    lastFetchAtMs: status.lastFetchAtMs,
    lastError: status.lastError,
    shift: String(status.shift),
  };
}

/** A rate over less than this, in ms, says little. */
const rateOverMsMin = 1_000;

/** What is known of the source's end; kept while the source is silent. */
function seenEnd(
  { sourceEnd, undecided, lastFetchAtMs }: PartitionStatus,
  nowMs: number,
  former: SeenSourceEnd | null,
): SeenSourceEnd | null {
  if (sourceEnd === null) return former;
  const atMs = lastFetchAtMs ?? nowMs;
  const overMs = former === null ? 0 : atMs - former.atMs;
  const perSecond =
    overMs < rateOverMsMin
      ? former?.perSecond
      : Math.max(0, Number(sourceEnd - BigInt(former!.end)) / (overMs / 1_000));
  return {
    end: String(sourceEnd),
    atMs,
    ...(perSecond !== undefined && { perSecond: Math.round(perSecond * 10) / 10 }),
    ...(undecided !== undefined && {
      undecided: {
        highWatermark: String(undecided.highWatermark),
        transactionalId: undecided.holder?.transactionalId ?? null,
        producerId: undecided.holder === null ? null : String(undecided.holder.producerId),
      },
    }),
  };
}
