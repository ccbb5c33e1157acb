// Watches the ends of the source's logs until they stand still: nobody writes any more.

import type { MoveRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { plural } from '../../units.ts';
import { type EndsByPartition, endsOf, grown, partitionsOf } from '../ends.ts';
import { movedMirrors, nameList, sidesOf } from '../moved.ts';
import type { MoveContext } from '../types.ts';
import { waitUntil } from '../wait-until.ts';

export interface Stood {
  readonly ends: EndsByPartition;
  /** When the logs were last seen to have grown, by our clock, ms; null: they stood still from the first look on. */
  readonly lastGrewAtMs: number | null;
}

export interface WatchOptions {
  /** Writes count as stopped when nothing has grown for so long, ms. */
  readonly quietMs: number;
  readonly timeoutMs: number;
}

/** @throws LockstepError when writes go on, naming topics. */
export async function untilQuiet(
  context: MoveContext,
  move: MoveRecord,
  { quietMs, timeoutMs }: WatchOptions,
): Promise<Stood> {
  const { group, home, nowMs, signal, say } = context;
  const { from } = sidesOf(context, move);
  const partitions = partitionsOf(movedMirrors(group, home, move), 'sourceTopic');
  let ends = await endsOf(from.cluster, partitions);
  let stoodSinceMs = performance.now();
  let lastGrewAtMs: number | null = null;
  let writing: readonly string[] = [];
  const isQuiet = async (): Promise<boolean> => {
    // Asked before it is answered: what is written meanwhile must not count as quiet.
    const askedMs = performance.now();
    const now = await endsOf(from.cluster, partitions);
    const grew = grown(ends, now);
    ends = now;
    if (grew.size > 0) {
      stoodSinceMs = performance.now();
      lastGrewAtMs = nowMs();
      writing = writers(grew);
    }
    return askedMs - stoodSinceMs >= quietMs;
  };
  const stopped = await waitUntil(isQuiet, {
    ...{ patienceMs: timeoutMs, everyMs: Math.min(100, quietMs / 4), signal, say },
    waitsFor: () =>
      writing.length === 0 ? '' : `still written to: ${nameList(writing, 5)}; stop their producers`,
  });
  if (stopped) return { ends, lastGrewAtMs };
  throw new LockstepError(
    'REQUEST_TIMED_OUT',
    `writes go on at ${from.name}: ${nameList(writing, 5)}; stop the producers of ${plural(writing.length, 'topic')}, and type the same again`,
  );
}

/** Topics, those that grew most first. */
function writers(grew: ReadonlyMap<string, bigint>): string[] {
  const byTopic = new Map<string, bigint>();
  for (const [name, offsets] of grew) {
    const topic = name.slice(0, name.lastIndexOf('/'));
    byTopic.set(topic, (byTopic.get(topic) ?? 0n) + offsets);
  }
  return [...byTopic].sort(([, a], [, b]) => (a < b ? 1 : -1)).map(([topic]) => topic);
}
