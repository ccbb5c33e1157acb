// Tells the fleet how this agent's partitions stand: what changed, now and then. A partition's state is told at the next
// look, its figures every few seconds, and an idle one not at all.
import { recordVersion, type SeenSourceEnd, type StatusRecord, statusKey } from '../control/index.ts';
import { keyOf } from '../fleet/index.ts';
import type { LinkPartitions } from '../link/index.ts';
import type { PartitionStatus } from '../mirror/index.ts';
import { PartitionTable } from './partition-table.ts';

export interface StatusReportsOptions {
  readonly agentId: string;
  /** Figures alone are told no more often than this, in ms. */
  readonly figuresEveryMs: number;
  /** Whether another agent copies the partition now. */
  isElsewhere(partition: { link: string; topic: string; partition: number }): boolean;
  /** What the fleet knows of a partition now; by `keyOf` it. */
  known(name: string): StatusRecord | undefined;
}

interface Told {
  /** `keyOf` the partition. */
  readonly name: string;
  readonly record: StatusRecord;
  readonly status: PartitionStatus;
  /** The source's end as it was looked at since; a source that falls silent before the next word is not to take it along. */
  seen: Seen | null;
  /** The number of the look that it was seen by. */
  look: number;
}

/** The source's end, and the earlier look at it from which the next rate counts. */
interface Seen {
  readonly record: SeenSourceEnd;
  readonly rateFrom: { readonly end: bigint; readonly atMs: number };
}

/** What is to be written, look by look; pure but for its memory of what was told. */
export class StatusReports {
  readonly #options: StatusReportsOptions;
  readonly #told = new PartitionTable<Told>();
  #look = 0;

  constructor(options: StatusReportsOptions) {
    this.#options = options;
  }

  /**
   * Entries for the control topic. Partitions that another agent copies now are left to that one; of those that nobody
   * does, the last word is that they stopped. `isPart`: the others of these links are as they were.
   */
  look(
    links: readonly LinkPartitions[],
    nowMs: number,
    { isUrgent = false, isPart = false }: { isUrgent?: boolean; isPart?: boolean } = {},
  ): Map<string, StatusRecord> {
    const entries = new Map<string, StatusRecord>();
    const look = ++this.#look;
    let count = 0;
    for (const { name: link, partitions } of links) {
      for (const status of partitions) {
        count += 1;
        const { topic, partition } = status;
        const told = this.#told.get(link, topic, partition);
        if (told !== undefined) {
          told.look = look;
          if (isOldNews(told.status, status) && this.#isKnown(told)) continue;
          const isState = told.status.state !== status.state || told.status.reason !== status.reason;
          if (!isState && !isUrgent && nowMs - told.record.atMs < this.#options.figuresEveryMs) {
            if (status.sourceEnd !== null) told.seen = seenEnd(status, nowMs, told.seen);
            continue;
          }
        }
        const item = { link, topic, partition };
        const name = told?.name ?? keyOf(item);
        const former = told?.seen ?? asSeen(this.#options.known(name)?.sourceSeen);
        const seen = seenEnd(status, nowMs, former);
        const sourceSeen = seen?.record ?? null;
        const record = recordOf(status, { agent: this.#options.agentId, atMs: nowMs, sourceSeen });
        this.#told.set(item, { name, record, status, seen, look });
        entries.set(statusKey(item), record);
      }
    }
    if (isPart || count === this.#told.size) return entries;
    for (const [item, { record, look: seenAt }] of this.#told.entries()) {
      if (seenAt === look) continue;
      this.#told.delete(item);
      if (this.#options.isElsewhere(item)) continue;
      const stopped = { state: 'Stopped', reason: null, atMs: nowMs, sinceMs: nowMs };
      const { isHeldBack: _, ...last } = record;
      entries.set(statusKey(item), { ...last, ...stopped });
    }
    return entries;
  }

  /** Whether our word is the last one: an agent that was frozen may have told its own when it woke up. */
  #isKnown({ name, record }: Told): boolean {
    const known = this.#options.known(name);
    return known !== undefined && known.agent === record.agent && known.atMs === record.atMs;
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
    ...(status.isHeldBack && { isHeldBack: true }),
  };
}

/** A rate over less than this, in ms, says little. */
const rateOverMsMin = 1_000;

/** As another agent told it, or this one before. */
function asSeen(record: SeenSourceEnd | null | undefined): Seen | null {
  return record == null ? null : { record, rateFrom: { end: BigInt(record.end), atMs: record.atMs } };
}

/** What is known of the source's end; kept while the source is silent. */
function seenEnd(
  { sourceEnd, undecided, lastFetchAtMs }: PartitionStatus,
  nowMs: number,
  former: Seen | null,
): Seen | null {
  if (sourceEnd === null) return former;
  const atMs = lastFetchAtMs ?? nowMs;
  const since = former?.rateFrom ?? { end: sourceEnd, atMs };
  const overMs = atMs - since.atMs;
  const isRate = overMs >= rateOverMsMin;
  const perSecond = isRate
    ? Math.max(0, Number(sourceEnd - since.end) / (overMs / 1_000))
    : former?.record.perSecond;
  const record: SeenSourceEnd = {
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
  // Looks that follow each other closely count together: none of the records between them are left out.
  return { record, rateFrom: isRate ? { end: sourceEnd, atMs } : since };
}
