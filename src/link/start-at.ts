// Where a mirror begins that is not to hold all of the source's past: `startAt: latest`, or a timestamp.
//
// The problem: the offsets are decided when the mirror is created and hold for its life, but the agent may die between
// creating the topic and writing them down; and an empty mirror looks the same whether it was decided about or not. The
// answer: the topic itself is created with a mark (`startTags.undecided`), in one step, and nobody copies into a marked
// mirror before there is a record about it. A mirror without mark and record has always begun at the source's start.
// Who decides writes the offsets of all partitions in one record; the first one in the log holds.
import { LockstepError } from '../errors.ts';
import { plural } from '../units.ts';
import type { LinkCluster, LinkDestination } from './clusters.ts';
import type { Notice } from './notice.ts';
import { jsonOf, type StateStore, unreadableRecord, valueHeld } from './state-store.ts';

/** The first offset that is mirrored: the log's start, its end at creation, or that of the first record since a moment. */
export type StartAt =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'timestamp'; readonly timestampMs: bigint };

export const earliest: StartAt = { kind: 'earliest' };

export interface StartsOptions {
  readonly link: string;
  readonly store: StateStore;
  readonly source: LinkCluster;
  readonly destination: LinkDestination;
  readonly onNotice: (notice: Notice) => void;
  readonly nowMs: () => number;
}

/** A topic on both sides, and what is known of its mirror. */
export interface StartedTopic {
  readonly topic: string;
  readonly sourceTopicId: string;
  readonly destinationTopicId: string;
  /** At the source. */
  readonly partitionCount: number;
  /**
   * `created` just now, and `undecided` since somebody created it: to begin elsewhere than at the start. `begun`: a
   * mirror of ours that is not. `foreign`: somebody else's.
   */
  readonly origin: 'created' | 'undecided' | 'begun' | 'foreign';
  readonly startAt: StartAt;
  /** Whether it is ours to decide. */
  readonly isKeeper: boolean;
}

/** What the state topic holds of one mirror. Partitions that came later have no entry: they begin at their start. */
export interface StartRecord {
  readonly sourceTopicId: string;
  readonly destinationTopicId: string;
  readonly starts: readonly bigint[];
}

export type StartsFound =
  | { readonly kind: 'found'; readonly starts: readonly bigint[] }
  | { readonly kind: 'waiting'; readonly reason: string }
  | { readonly kind: 'sourceRecreated'; readonly reason: string };

export class Starts {
  readonly #options: StartsOptions;

  constructor(options: StartsOptions) {
    this.#options = options;
  }

  /**
   * The first source offset of each partition; the store has been refreshed.
   * @throws LockstepError KAFKA_ERROR, retriable, when a partition's leader does not answer now.
   */
  async of(topic: StartedTopic): Promise<StartsFound> {
    const { link, store } = this.#options;
    const isValid = isAbout(topic.destinationTopicId);
    const known = parseStart(await valueHeld(store, startKey(link, topic.topic), isValid));
    if (known !== null) return startsOf(topic, known);
    if (!(await this.#isUndecided(topic))) return { kind: 'found', starts: zeros(topic.partitionCount) };
    if (!topic.isKeeper)
      return { kind: 'waiting', reason: 'waits for the leading agent to decide where the mirror begins' };
    return startsOf(topic, await this.#decide(topic));
  }

  /** A mirror is decided about as long as it is empty. One that is not has begun, and its record may be lost. */
  async #isUndecided({ topic, partitionCount, origin, startAt }: StartedTopic): Promise<boolean> {
    if (origin === 'created' || origin === 'begun') return origin === 'created';
    if (origin === 'foreign' && startAt.kind === 'earliest') return false;
    const ranges = await this.#options.destination.logRanges(topic, partitionCount);
    const ends = Array.from({ length: partitionCount }, (_, partition) => ranges.get(partition)?.end);
    if (ends.some((end) => end !== undefined && end > 0n)) return false;
    if (ends.includes(undefined)) throw unanswered(`${topic}: no leader tells whether the mirror is empty`);
    return true;
  }

  async #decide(topic: StartedTopic): Promise<StartRecord> {
    const { link, store, source, destination, onNotice, nowMs } = this.#options;
    const { sourceTopicId, destinationTopicId, partitionCount, startAt } = topic;
    const offsets =
      startAt.kind === 'earliest' ? null : await source.startOffsets(topic.topic, partitionCount, startAt);
    const starts = zeros(partitionCount).map((zero, partition) => {
      const offset = offsets === null ? zero : offsets.get(partition);
      if (offset !== undefined) return offset;
      throw unanswered(
        `${topic.topic}-${partition}: no leader tells where a mirror that starts at ${startAt.kind} begins`,
      );
    });
    const wanted = formatStart({ sourceTopicId, destinationTopicId, starts });
    const held = await store.putIfAbsent(startKey(link, topic.topic), wanted, isAbout(destinationTopicId));
    const record = parseStart(held)!;
    const skipping = record.starts.filter((start) => start > 0n).length;
    if (skipping > 0) {
      const text = `topic ${topic.topic}: its mirror ${destination.mirrorName(topic.topic)} begins at ${startAt.kind} (above 0 in ${plural(skipping, 'partition')})`;
      onNotice({ atMs: nowMs(), level: 'info', text });
    }
    return record;
  }
}

function unanswered(what: string): LockstepError {
  return new LockstepError('KAFKA_ERROR', what, { retriable: true });
}

function startsOf(topic: StartedTopic, record: StartRecord): StartsFound {
  if (record.sourceTopicId !== topic.sourceTopicId) {
    const reason = `its topic id was ${record.sourceTopicId} when its mirror was created, and is ${topic.sourceTopicId}`;
    return { kind: 'sourceRecreated', reason };
  }
  return { kind: 'found', starts: zeros(topic.partitionCount).map((zero, i) => record.starts[i] ?? zero) };
}

function zeros(count: number): bigint[] {
  return Array.from({ length: count }, () => 0n);
}

/** None of the names has a slash. */
export function startKey(link: string, topic: string): string {
  return `start/${link}/${topic}`;
}

/** A record of this very mirror, not of a former one under the same name. */
export function isAbout(destinationTopicId: string): (value: string) => boolean {
  return (value) => parseStart(value)?.destinationTopicId === destinationTopicId;
}

/** The value below `startKey`. */
export function formatStart({ starts, ...ids }: StartRecord): string {
  return JSON.stringify({ version: 1, ...ids, starts: starts.map(String) });
}

/** @throws LockstepError CONFIG_INVALID for what this version can't read: a guess would be a wrong copy. */
export function parseStart(value: string | undefined): StartRecord | null {
  if (value === undefined) return null;
  const { version, sourceTopicId, destinationTopicId, starts } = jsonOf(value);
  const isReadable =
    version === 1 &&
    typeof sourceTopicId === 'string' &&
    typeof destinationTopicId === 'string' &&
    Array.isArray(starts) &&
    starts.every((start) => typeof start === 'string' && /^\d{1,19}$/.test(start));
  if (isReadable) return { sourceTopicId, destinationTopicId, starts: starts.map(BigInt) };
  throw unreadableRecord('start', version);
}
