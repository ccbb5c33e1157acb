// Mode `shifted`: destination offset = source offset - k. Where a source partition starts at S when it is mirrored
// for the first time, k is S, and stays so for the life of the mirror partition: whoever translates an offset, now or
// after a failover, has to find the same k. So it is written down, and acknowledged, before the first record is copied.
import type { Cluster } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import type { LinkCluster, LogRange } from './clusters.ts';
import type { Notice } from './notice.ts';
import { StateTopic, stateTopic } from './state-topic.ts';

/** The functions of `StateTopic` that shifts need. */
export interface ShiftStore {
  refresh(): Promise<void>;
  first(key: string, isValid: (value: string) => boolean): string | undefined;
  putIfAbsent(key: string, value: string, isValid: (value: string) => boolean): Promise<string>;
}

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
  readonly store: ShiftStore;
  readonly source: LinkCluster;
  readonly destination: LinkCluster;
  readonly onNotice: (notice: Notice) => void;
  readonly nowMs: () => number;
}

/** A topic on both sides. */
export interface ShiftedTopic {
  readonly topic: string;
  readonly sourceTopicId: string;
  readonly destinationTopicId: string;
  readonly partitionCount: number;
}

/** The source topic may turn out to be another one than the mirror's records came from. */
export type ShiftsFound =
  | { readonly shifts: readonly bigint[]; readonly sourceRecreated: null }
  | { readonly shifts: null; readonly sourceRecreated: string };

export class Shifts {
  readonly #options: ShiftsOptions;

  constructor(options: ShiftsOptions) {
    this.#options = options;
  }

  /**
   * k of each partition, in their order; decides about those that are mirrored for the first time.
   * @throws LockstepError KAFKA_ERROR, retriable, when a partition's logs can't be looked at now.
   */
  async of(topic: ShiftedTopic): Promise<ShiftsFound> {
    const { link, start, store } = this.#options;
    await this.#refresh();
    const isValid = isAbout(topic.destinationTopicId);
    const known = Array.from({ length: topic.partitionCount }, (_, partition) =>
      parseShift(store.first(keyOf(link, topic.topic, partition), isValid)),
    );
    const former = known.find((record) => record !== null && record.sourceTopicId !== topic.sourceTopicId);
    if (former != null) {
      const reason = `its topic id was ${former.sourceTopicId} when it was mirrored first, and is ${topic.sourceTopicId}`;
      return { shifts: null, sourceRecreated: reason };
    }
    if (start === 'fill' || !known.includes(null)) {
      return { shifts: known.map((record) => record?.k ?? 0n), sourceRecreated: null };
    }
    const { source, destination } = this.#options;
    const [sources, mirrors] = await Promise.all([
      source.logRanges(topic.topic, topic.partitionCount),
      destination.logRanges(topic.topic, topic.partitionCount),
    ]);
    const shifts: bigint[] = [];
    for (const [partition, record] of known.entries()) {
      shifts.push(
        record?.k ?? (await this.#decide(topic, partition, sources.get(partition), mirrors.get(partition))),
      );
    }
    return { shifts, sourceRecreated: null };
  }

  /**
   * A link that fills reads shifts only because it may have been declared `shifted` before; one that never was needs no
   * right to the topic and goes on without.
   */
  async #refresh(): Promise<void> {
    const { start, store } = this.#options;
    try {
      await store.refresh();
    } catch (error) {
      const isDenied = error instanceof LockstepError && error.code === 'NOT_AUTHORIZED';
      if (start === 'shifted' || !isDenied) throw error;
    }
  }

  async #decide(
    topic: ShiftedTopic,
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
    const held = await store.putIfAbsent(keyOf(link, topic.topic, partition), wanted, isValid);
    const k = parseShift(held)!.k;
    if (k > 0n) {
      const text = `${name}: SHIFTED(${k}): the source starts at offset ${k}, so destination offset = source offset - ${k}`;
      onNotice({ atMs: nowMs(), level: 'info', text });
    }
    return k;
  }
}

function lostShift(name: string, link: string): LockstepError {
  return new LockstepError(
    'CONFIG_INVALID',
    `${name}: the mirror has records, ends before the source starts, and ${stateTopic} has no shift of link ${link} for ` +
      'it. If it was never shifted, set start: fill on the link; if the link was renamed, give it its former name; ' +
      'else delete the mirror topic to mirror it anew',
  );
}

/** Source offset - destination offset of each partition that a link mirrors; 0 where it is not shifted. */
export async function readShifts(
  cluster: Cluster,
  link: string,
): Promise<(topic: string, partition: number) => bigint> {
  const state = new StateTopic(cluster);
  await state.refresh();
  const { topics } = await cluster.metadata();
  return (topic, partition) => {
    const topicId = topics.get(topic)?.topicId;
    if (topicId === undefined) return 0n;
    return parseShift(state.first(keyOf(link, topic, partition), isAbout(topicId)))?.k ?? 0n;
  };
}

/** A record of this very mirror, not of a former one under the same name. */
function isAbout(destinationTopicId: string): (value: string) => boolean {
  return (value) => parseShift(value)?.destinationTopicId === destinationTopicId;
}

/** None of the names has a slash. */
function keyOf(link: string, topic: string, partition: number): string {
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
  throw new LockstepError(
    'CONFIG_INVALID',
    `topic ${stateTopic}: a shift was written that this Lockstep can't read (version ${String(version)}); use the newer one`,
  );
}

function jsonOf(value: string): Record<string, unknown> {
  try {
    return (JSON.parse(value) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}
