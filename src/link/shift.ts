// Mode `shifted`: destination offset = source offset - k. Where a source partition starts at S when it is mirrored
// for the first time, k is S, and stays so for the life of the mirror partition: whoever translates an offset, now or
// after a failover, has to find the same k. So it is written down, and acknowledged, before the first record is copied.
// Where the link starts at a later offset than the source's start (start-at.ts), that offset is k. A mirror that was taken
// over from MirrorMaker 2 has shifts of its own (takeover.ts), whatever the link's mode.
import { LockstepError } from '../errors.ts';
import { later } from '../offsets.ts';
import type { LinkCluster, LinkDestination, LogRange } from './clusters.ts';
import type { Placement } from './known-topic.ts';
import type { Notice } from './notice.ts';
import { type StartedTopic, Starts } from './start-at.ts';
import { jsonOf, type StateStore, unreadableRecord, valueHeld } from './state-store.ts';
import { type Takeover, takeoverOf } from './takeover.ts';

/** What the state topic holds of one partition. */
export interface ShiftRecord {
  readonly version: 1;
  /** Source offset - destination offset; never negative. */
  readonly k: bigint;
  readonly sourceTopicId: string;
  /** The mirror whose life it is about; another topic under the same name starts anew. */
  readonly destinationTopicId: string;
}

export interface ShiftsOptions {
  readonly link: string;
  readonly start: 'fill' | 'shifted';
  readonly store: StateStore;
  readonly source: LinkCluster;
  readonly destination: LinkDestination;
  readonly onNotice: (notice: Notice) => void;
  readonly nowMs: () => number;
}

/** Where each partition of a mirror lies, by partition. */
export type PlacementsFound =
  | {
      readonly kind: 'placed';
      readonly placements: readonly Placement[];
      /** The life that begins with its taking over; 0 where nobody took it over. */
      readonly takeoverLife: number;
    }
  /** Another agent has to decide first. */
  | { readonly kind: 'waiting'; readonly reason: string }
  /** The source topic turned out to be another one than the mirror's records came from. */
  | { readonly kind: 'sourceRecreated'; readonly reason: string };

export class Shifts {
  readonly #options: ShiftsOptions;
  readonly #starts: Starts;

  constructor(options: ShiftsOptions) {
    this.#options = options;
    this.#starts = new Starts(options);
  }

  /**
   * Where each partition lies; decides about those that are mirrored for the first time.
   * @throws LockstepError KAFKA_ERROR, retriable, when a partition's logs can't be looked at now.
   */
  async of(topic: StartedTopic): Promise<PlacementsFound> {
    const { link, start, store } = this.#options;
    await this.#refresh(topic);
    const takeover = takeoverOf(store, {
      ...{ link, topic: topic.topic },
      mirrorTopicId: topic.destinationTopicId,
    });
    if (takeover !== null && takeover.sourceTopicId !== topic.sourceTopicId) {
      const reason = `its topic id was ${takeover.sourceTopicId} when its mirror was taken over, and is ${topic.sourceTopicId}`;
      return { kind: 'sourceRecreated', reason };
    }
    const found = await this.#starts.of(topic);
    if (found.kind !== 'found') return found;
    const { starts } = found;
    const isValid = isAbout(topic.destinationTopicId);
    const known: (ShiftRecord | null)[] = [];
    for (const partition of starts.keys()) {
      const key = shiftKey(link, topic.topic, partition);
      known.push(parseShift(await valueHeld(store, key, isValid)));
    }
    const former = known.find((record) => record !== null && record.sourceTopicId !== topic.sourceTopicId);
    if (former != null) {
      const reason = `its topic id was ${former.sourceTopicId} when it was mirrored first, and is ${topic.sourceTopicId}`;
      return { kind: 'sourceRecreated', reason };
    }
    const shifts =
      start === 'fill' || known.every((record, partition) => record !== null || isTaken(takeover, partition))
        ? known.map((record) => record?.k ?? 0n)
        : await this.#shifts(topic, starts, known, takeover);
    const placements = shifts.map((shift, partition) => {
      const taken = takeover?.partitions[partition];
      if (taken === undefined) return { shift, startOffset: starts[partition]! };
      return { shift: taken.shift, startOffset: taken.start, witness: taken.witness };
    });
    return { kind: 'placed', placements, takeoverLife: takeover?.life ?? 0 };
  }

  async #shifts(
    topic: StartedTopic,
    starts: readonly bigint[],
    known: readonly (ShiftRecord | null)[],
    takeover: Takeover | null,
  ): Promise<bigint[]> {
    const { source, destination } = this.#options;
    const [sources, mirrors] = await Promise.all([
      source.logRanges(topic.topic, topic.partitionCount),
      destination.logRanges(topic.topic, topic.partitionCount),
    ]);
    const shifts: bigint[] = [];
    for (const [partition, record] of known.entries()) {
      if (isTaken(takeover, partition)) {
        shifts.push(0n);
        continue;
      }
      const range = sources.get(partition);
      const mirrored = range && { ...range, start: later(range.start, starts[partition]!) };
      shifts.push(record?.k ?? (await this.#decide(topic, partition, mirrored, mirrors.get(partition))));
    }
    return shifts;
  }

  /**
   * A link that fills reads shifts only because it may have been declared `shifted` before; one that never was needs no
   * right to the topic and goes on without.
   */
  async #refresh({ origin, startAt }: StartedTopic): Promise<void> {
    const { start, store } = this.#options;
    try {
      await store.refresh();
    } catch (error) {
      const isDenied = error instanceof LockstepError && error.code === 'NOT_AUTHORIZED';
      const isNeeded =
        start === 'shifted' || origin === 'created' || origin === 'undecided' || startAt.kind !== 'earliest';
      if (isNeeded || !isDenied) throw error;
    }
  }

  async #decide(
    topic: StartedTopic,
    partition: number,
    source: LogRange | undefined,
    mirror: LogRange | undefined,
  ): Promise<bigint> {
    const name = `${topic.topic}-${partition}`;
    if (source === undefined || mirror === undefined) {
      throw new LockstepError(
        'KAFKA_ERROR',
        `${name}: no leader tells where the log starts, so no shift is decided`,
        {
          retriable: true,
        },
      );
    }
    // Mirrored before without a shift; or its shift is lost, and going on without it would be a wrong copy.
    if (mirror.end >= source.start && mirror.end > 0n) return 0n;
    if (mirror.end > 0n) throw lostShift(name, this.#options.link);
    const { link, store, onNotice, nowMs } = this.#options;
    const { sourceTopicId, destinationTopicId } = topic;
    // Written down for a start at 0, too: another agent that looks later might see a higher one.
    const wanted = formatShift({ version: 1, k: source.start, sourceTopicId, destinationTopicId });
    const isValid = isAbout(destinationTopicId);
    const held = await store.putIfAbsent(shiftKey(link, topic.topic, partition), wanted, isValid);
    const k = parseShift(held)!.k;
    if (k > 0n) {
      const text = `${name}: SHIFTED(${k}): the source starts at offset ${k}, so destination offset = source offset - ${k}`;
      onNotice({ atMs: nowMs(), level: 'info', text });
    }
    return k;
  }
}

/** What was decided when it was taken over holds. */
function isTaken(takeover: Takeover | null, partition: number): boolean {
  return takeover?.partitions[partition] !== undefined;
}

function lostShift(name: string, link: string): LockstepError {
  return new LockstepError(
    'CONFIG_INVALID',
    `${name}: the mirror has records, ends before the source starts, and __lockstep has no shift of link ${link} for ` +
      'it. If it was never shifted, set start: fill on the link; if the link was renamed, give it its former name; ' +
      'else delete the mirror topic to mirror it anew',
  );
}

/** A record of this very mirror, not of a former one under the same name. */
export function isAbout(destinationTopicId: string): (value: string) => boolean {
  return (value) => parseShift(value)?.destinationTopicId === destinationTopicId;
}

/** None of the names has a slash. */
export function shiftKey(link: string, topic: string, partition: number): string {
  return `shift/${link}/${topic}/${partition}`;
}

function formatShift(record: ShiftRecord): string {
  return JSON.stringify({ ...record, k: String(record.k) });
}

/** @throws LockstepError CONFIG_INVALID for what this version can't read: a guess would be a wrong copy. */
export function parseShift(value: string | undefined): ShiftRecord | null {
  if (value === undefined) return null;
  const fields = jsonOf(value);
  const { version, k, sourceTopicId, destinationTopicId } = fields;
  const isReadable =
    version === 1 &&
    typeof k === 'string' &&
    /^\d{1,19}$/.test(k) &&
    typeof sourceTopicId === 'string' &&
    typeof destinationTopicId === 'string';
  if (isReadable) return { version, k: BigInt(k), sourceTopicId, destinationTopicId };
  throw unreadableRecord('shift', version);
}
