// Looks at both regions and says what a restore would do, without changing anything.
//
//   1. topics by name and id on both sides, and where the new primary's mirrors were cut
//   2. the ends of all lost partitions, once their replicas are in sync
//   3. where the logs part
//   4. what it takes: bytes, disks
import { listTopics } from '../../client/index.ts';
import { Slots } from '../../slots.ts';
import { clusterLogs, type LogSource } from '../../verify/index.ts';
import { type BothSides, partitionsOf } from './both-sides.ts';
import { gapsHoldCopies, isDiverged, isMirrored, knownCut, type RestoreGround } from './ground.ts';
import { keyOf, lostLogs } from './lost-logs.ts';
import { findParting, type LostLog } from './parting.ts';
import { quarantineName } from './quarantine.ts';
import { reading } from './reading.ts';
import { beginOf, type CostFacts, costFactsOf, costOfTopic } from './topic-costs.ts';
import type { PartitionPlan, RestorePlan, TopicFate, TopicPlan } from './types.ts';

export interface LookOptions {
  /** Names the quarantine topics. */
  readonly atMs: number;
  /** How many offsets in front of the cut are compared at first; null: all. */
  readonly windowOffsets: bigint | null;
  readonly onPartition?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export const windowOffsetsDefault = 10_000n;
/** Each reads from both sides and holds a few megabytes. */
const partitionsAtOnceMax = 4;

export async function lookForRestore(ground: RestoreGround, options: LookOptions): Promise<RestorePlan> {
  const { lost, home, topics } = ground;
  const [lostTopics, homeTopics] = await Promise.all([listTopics(lost.cluster), listTopics(home.cluster)]);
  const both = topics.map((topic) => ({ topic, lost: lostTopics.get(topic), home: homeTopics.get(topic) }));
  const ends = await lostLogs(
    lost.cluster,
    both.flatMap((found) => (found.home === undefined ? [] : partitionsOf(found.topic, found.lost))),
  );
  const lostSource = clusterLogs(lost.cluster);
  const homeSource = clusterLogs(home.cluster);
  try {
    const partitions = await partitionPlans(ground, both, { ends, lostSource, homeSource }, options);
    const copied = both.filter((found) => isCopied(fateOf(found, partitions.get(found.topic) ?? [])));
    const facts = await costFactsOf(ground, copied);
    const plans = both.map((found) =>
      topicPlan(
        { ...found, cuts: knownCut(ground, found.topic, { lost: '', home: '' }).cuts },
        partitions.get(found.topic) ?? [],
        facts,
        options,
      ),
    );
    return {
      ...{ region: lost.name, home: home.name, topics: plans },
      onlyHere: [...lostTopics.keys()].filter((topic) => !homeTopics.has(topic) && isMirrored(ground, topic)),
      usableBytes: facts.usableBytes,
    };
  } finally {
    lostSource.close();
    homeSource.close();
  }
}

interface Logs {
  readonly ends: ReadonlyMap<string, LostLog>;
  readonly lostSource: LogSource;
  readonly homeSource: LogSource;
}

async function partitionPlans(
  ground: RestoreGround,
  both: readonly BothSides[],
  { ends, lostSource, homeSource }: Logs,
  options: LookOptions,
): Promise<ReadonlyMap<string, readonly PartitionPlan[]>> {
  const { windowOffsets, onPartition, signal } = options;
  const slots = new Slots(partitionsAtOnceMax);
  let done = 0;
  type Planned = [topic: string, partitions: readonly PartitionPlan[]];
  const plans = both.map(async ({ topic, lost, home }): Promise<Planned> => {
    if (lost === undefined || home === undefined) return [topic, []];
    const { cuts, isSameTopic } = knownCut(ground, topic, { lost: lost.topicId, home: home.topicId });
    const own = partitionsOf(topic, lost).map((at) =>
      slots.use(async (): Promise<PartitionPlan> => {
        signal?.throwIfAborted();
        const log = ends.get(keyOf(at))!;
        const { partition } = at;
        try {
          if (!isSameTopic) return whole(log, 'recreated');
          if (partition >= home.partitions.length) return whole(log, 'onlyHere');
          const logs = {
            lost: lostSource.partitionLog(topic, partition),
            home: homeSource.partitionLog(topic, partition),
          };
          return await reading(`${topic}-${partition}`, () =>
            findParting(logs, log, {
              cutOffset: cuts?.[partition] ?? null,
              gapsHoldCopies: gapsHoldCopies(ground),
              wasContinued: isDiverged(ground, topic),
              windowOffsets,
              ...(signal && { signal }),
            }),
          );
        } finally {
          done += 1;
          onPartition?.(done, ends.size);
        }
      }),
    );
    return [topic, await Promise.all(own)];
  });
  return new Map(await Promise.all(plans));
}

/** Nothing of the log is the new primary's. */
function whole({ partition, logStart, logEnd }: LostLog, standing: 'recreated' | 'onlyHere'): PartitionPlan {
  return {
    ...{ partition, standing, logStart, logEnd },
    ...{ partingOffset: logStart, olderEnd: logStart, cutOffset: null, compared: null },
  };
}

function isCopied(fate: TopicFate): boolean {
  return fate === 'copyAgain' || fate === 'copyAnew';
}

function fateOf({ lost, home }: BothSides, partitions: readonly PartitionPlan[]): TopicFate {
  if (home === undefined) return 'leaveAlone';
  if (lost === undefined) return 'copyAnew';
  return partitions.every(({ standing }) => standing === 'continues') ? 'continue' : 'copyAgain';
}

function topicPlan(
  found: BothSides & { readonly cuts: readonly bigint[] | null },
  partitions: readonly PartitionPlan[],
  facts: CostFacts,
  { atMs }: LookOptions,
): TopicPlan {
  const { topic, lost, home } = found;
  const fate = fateOf(found, partitions);
  const homePartitionCount = home?.partitions.length ?? 0;
  const beginsAt = Array.from({ length: isCopied(fate) ? homePartitionCount : 0 }, (_, partition) =>
    beginOf(partitions[partition], found.cuts?.[partition], facts.homeLogs.get(keyOf({ topic, partition }))),
  );
  return {
    ...{ topic, fate, partitions, homePartitionCount, beginsAt },
    topicId: lost?.topicId ?? null,
    homeTopicId: home?.topicId ?? null,
    isCompacted: facts.compacted.has(topic),
    savedTo: fate === 'copyAgain' ? quarantineName(topic, atMs) : null,
    cost: costOfTopic(found, partitions, beginsAt, facts),
  };
}
