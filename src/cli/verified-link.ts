// A link as `lockstep verify` needs it: both clusters connected, the topics there are now, and what the link's options
// say about where records may stand.
import type { Cluster } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import type { readPlacements } from '../link/index.ts';
import {
  type LinkConfig,
  literalTopics,
  matchesTopic,
  mirrorNameOf,
  type Topology,
} from '../topology/index.ts';
import type { TopicPair } from '../verify/index.ts';

/** Idle memory for answers, over both clusters: what is held at most with large batches, since what is not kept is garbage for long. */
const frameBytesKeptMax = 32 * 1024 * 1024;

export interface VerifiedLink {
  readonly source: Cluster;
  readonly destination: Cluster;
  readonly gapsHoldCopies: boolean;
  /** The topics there are now. Also looks up again what partitions are shifted by. */
  topics(): Promise<TopicPair[]>;
  shiftOf(topic: string, partition: number): bigint;
  /** The source's first offset that is mirrored. */
  startOf(topic: string, partition: number): bigint;
  /** MirrorMaker 2 has copied what the mirror holds below that. */
  isTakenOver(topic: string, partition: number): boolean;
  close(): void;
}

export interface OpenLinkOptions {
  readonly link: LinkConfig;
  readonly topology: Topology;
  /** Only this topic. */
  readonly topic?: string | undefined;
}

export async function openVerifiedLink({ link, topology, topic }: OpenLinkOptions): Promise<VerifiedLink> {
  const { Cluster, FramePool } = await import('../client/index.ts');
  const framePool = new FramePool({ keptBytesMax: frameBytesKeptMax });
  const clusters: Cluster[] = [];
  const close = () => {
    for (const cluster of clusters) cluster.close();
  };
  try {
    for (const name of [link.source, link.destination]) {
      const config = topology.clusters[name];
      if (config === undefined)
        throw new LockstepError('INTERNAL', `link ${link.name} names no cluster ${name}`);
      clusters.push(await Cluster.connect(config, { framePool }));
    }
  } catch (error) {
    close();
    throw error;
  }
  const [source, destination] = clusters as [Cluster, Cluster];
  const mirrorName = (name: string): string => mirrorNameOf(link, name);
  let placementOf: PlacementOf = () => nowhereElse;
  return {
    source,
    destination,
    gapsHoldCopies: link.compactionGaps === 'copies',
    async topics() {
      placementOf = await placementsOf(link, destination, mirrorName);
      const names = await topicsOf(link, source, topic);
      return names.map((name) => ({ source: name, destination: mirrorName(name) }));
    },
    shiftOf: (name, partition) => placementOf(name, partition).shift,
    startOf: (name, partition) => placementOf(name, partition).startOffset,
    isTakenOver: (name, partition) => placementOf(name, partition).isTaken === true,
    close,
  };
}

type PlacementOf = Awaited<ReturnType<typeof readPlacements>>;
/** All of the source, offset for offset. */
const nowhereElse: ReturnType<PlacementOf> = { shift: 0n, startOffset: 0n };

/** Where mirrors lie that are shifted or do not begin at the source's start, as the link asks or did so once. */
async function placementsOf(
  link: LinkConfig,
  destination: Cluster,
  mirrorName: (topic: string) => string,
): Promise<PlacementOf> {
  const [{ readPlacements }, { LazyControlTopic }] = await Promise.all([
    import('../link/index.ts'),
    import('../control/index.ts'),
  ]);
  const store = new LazyControlTopic(destination, { onWarning: () => {} });
  try {
    return await readPlacements({ destination, store, link: link.name, mirrorName });
  } catch (error) {
    // Who may only read mirrors can't see the state of links; a link that mirrors all, unshifted, has none.
    const isRefused = error instanceof LockstepError && error.code === 'NOT_AUTHORIZED';
    if (isRefused && link.start !== 'shifted' && link.startAt.kind === 'earliest') return () => nowhereElse;
    throw error;
  } finally {
    await store.close();
  }
}

/** Topics of the source that the link takes, and those that the file names and the source lacks. */
async function topicsOf(link: LinkConfig, source: Cluster, only: string | undefined): Promise<string[]> {
  if (only !== undefined) return [only];
  const { topics } = await source.metadata();
  const found = [...topics.keys()].filter((name) => matchesTopic(link, name));
  const named = literalTopics(link).filter((name) => matchesTopic(link, name));
  return [...new Set([...found, ...named])].sort();
}
