// A mirror topic that was not begun by Lockstep: MirrorMaker 2 has copied into it, and Lockstep goes on from a point on.
//
// The problem: what stands in the topic has other offsets than the source's, by amounts that change on the way, and its
// batches tell nothing. The answer: whoever takes it over has compared both logs by content, and writes down for each
// partition where the copy goes on (source offset, and by how much the offsets differ from there on) and a *witness*: the
// newest stretch that both logs hold alike. Agents copy such a mirror in a later life (the number of the taking over),
// and compare the witness before the first append. All of a topic stands in one record, so that it is taken over as a
// whole or not at all. A newer taking over has the next number; within a number the first record in the log holds.
//
//   remote   ... 96  97  98  99 │ 100 ...          takenAt 131 (source), shift 31: source 131 lands at 100
//   source   ... 127 128 129 130│ 131 ...          witness: source offsets 127 to 130, 31 lower in the remote topic
import type { TakeoverWitness } from '../mirror/index.ts';
import { jsonOf, type StateStore, unreadableRecord } from './state-store.ts';

/** Where one partition goes on. */
export interface TakenPartition {
  /** The first source offset that Lockstep copies. */
  readonly start: bigint;
  /** Source offset - offset at the mirror from there on; below 0 where the topic holds more than the source ever had. */
  readonly shift: bigint;
  /** Null where neither log holds a record: nothing is there to compare. */
  readonly witness: TakeoverWitness | null;
}

/** One taking over of a topic. */
export interface Takeover {
  /** From 1 on; the life of the mirror that begins with it. */
  readonly life: number;
  readonly sourceTopicId: string;
  readonly destinationTopicId: string;
  /** By partition. Those that came later begin at their start. */
  readonly partitions: readonly TakenPartition[];
}

type Values = Pick<StateStore, 'first'>;

/** None of the names has a slash. */
export function takeoverKey(link: string, topic: string, life: number): string {
  return `start/${link}/${topic}/${life}`;
}

/** The newest taking over of this very mirror topic; null where there was none. */
export function takeoverOf(
  store: Values,
  { link, topic, mirrorTopicId }: { link: string; topic: string; mirrorTopicId: string },
): Takeover | null {
  let newest: Takeover | null = null;
  for (let life = 1; ; life++) {
    const found = parseTakeover(
      store.first(takeoverKey(link, topic, life), isTakeoverOf(mirrorTopicId)),
      life,
    );
    if (found === null) return newest;
    newest = found;
  }
}

/** A record of this very mirror, not of a former one under the same name. */
export function isTakeoverOf(mirrorTopicId: string): (value: string) => boolean {
  return (value) => parseTakeover(value, 1)?.destinationTopicId === mirrorTopicId;
}

/** The value below `takeoverKey`. */
export function formatTakeover({ sourceTopicId, destinationTopicId, partitions }: Takeover): string {
  return JSON.stringify({
    version: 1,
    ...{ sourceTopicId, destinationTopicId },
    taken: partitions.map(({ start, shift, witness }) => ({
      start: String(start),
      shift: String(shift),
      ...(witness && { witness: { from: String(witness.from), shift: String(witness.shift) } }),
    })),
  });
}

/** @throws LockstepError CONFIG_INVALID for what this version can't read: a guess would be a wrong copy. */
export function parseTakeover(value: string | undefined, life: number): Takeover | null {
  if (value === undefined) return null;
  const { version, sourceTopicId, destinationTopicId, taken } = jsonOf(value);
  const partitions = Array.isArray(taken) ? taken.map(takenOf) : [null];
  if (
    version === 1 &&
    typeof sourceTopicId === 'string' &&
    typeof destinationTopicId === 'string' &&
    !partitions.includes(null)
  )
    return { life, sourceTopicId, destinationTopicId, partitions: partitions as TakenPartition[] };
  throw unreadableRecord('takeover', version);
}

function takenOf(entry: unknown): TakenPartition | null {
  const { start, shift, witness } = (entry ?? {}) as Record<string, unknown>;
  const at = { start: offsetOf(start, /^\d{1,19}$/), shift: offsetOf(shift, /^-?\d{1,19}$/) };
  if (at.start === null || at.shift === null) return null;
  // Where the copy goes on lies in the mirror's log.
  if (at.start < at.shift) return null;
  if (witness === undefined) return { start: at.start, shift: at.shift, witness: null };
  const { from, shift: by } = (witness ?? {}) as Record<string, unknown>;
  const seen = { from: offsetOf(from, /^\d{1,19}$/), shift: offsetOf(by, /^-?\d{1,19}$/) };
  if (seen.from === null || seen.shift === null) return null;
  return { start: at.start, shift: at.shift, witness: { from: seen.from, shift: seen.shift } };
}

function offsetOf(value: unknown, form: RegExp): bigint | null {
  return typeof value === 'string' && form.test(value) ? BigInt(value) : null;
}
