// Where the mirrors of a link lie, read from what was written down at the destination: for whoever compares or translates
// offsets and copies nothing.
import type { Cluster } from '../client/index.ts';
import type { PartitionPlacement } from '../mirror/index.ts';
import { isAbout, parseShift, shiftKey } from './shift.ts';
import { isAbout as isStartAbout, parseStart, startKey } from './start-at.ts';
import type { StateStore } from './state-store.ts';
import { takeoverOf } from './takeover.ts';

export interface ReadPlacementsOptions {
  readonly destination: Cluster;
  readonly store: Pick<StateStore, 'refresh' | 'first'>;
  readonly link: string;
  /** What a topic's mirror is called. Default: the same. */
  readonly mirrorName?: (topic: string) => string;
}

/** `isTaken`: what stands below was copied by MirrorMaker 2. */
export type ReadPlacement = Required<PartitionPlacement> & { readonly isTaken?: true };

/** Resolves with a function of a topic, by its name at the source, and a partition. */
export async function readPlacements(
  options: ReadPlacementsOptions,
): Promise<(topic: string, partition: number) => ReadPlacement> {
  const { destination, store, link, mirrorName = (topic) => topic } = options;
  await store.refresh();
  const { topics } = await destination.metadata();
  return (topic, partition) => {
    const topicId = topics.get(mirrorName(topic))?.topicId;
    if (topicId === undefined) return { shift: 0n, startOffset: 0n };
    const taken = takeoverOf(store, { link, topic, mirrorTopicId: topicId })?.partitions[partition];
    if (taken !== undefined) return { shift: taken.shift, startOffset: taken.start, isTaken: true };
    const shift = parseShift(store.first(shiftKey(link, topic, partition), isAbout(topicId)));
    const start = parseStart(store.first(startKey(link, topic), isStartAbout(topicId)));
    return { shift: shift?.k ?? 0n, startOffset: start?.starts[partition] ?? 0n };
  };
}
