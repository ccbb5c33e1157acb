// Before a topic is taken over that Lockstep has had before: its former life is closed, so that an agent which is frozen
// now can't write behind the point that is about to be found. `--back` has done that; where MirrorMaker 2 was started
// without it, this does.
import { closeMirrors } from '../agent/index.ts';
import { describeProducers, unwrap } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import { closingEpoch, isLockstepProducerId, isSameLife, linkProducerId } from '../mirror/index.ts';
import { requireNoAgent, requireStopped } from './connect-members.ts';
import type { MigrationOptions, MigrationPlan, TopicPlan } from './types.ts';

/** How long replicas may take to have the closing, ms. */
const replicationTimeoutMs = 30_000;

/**
 * Resolves with whether anything was closed: then the logs end higher, and have to be compared anew.
 * @throws LockstepError AGENT_RUNS, MIRROR_MAKER_RUNS; what closing says.
 */
export async function closeFormer(options: MigrationOptions, plan: MigrationPlan): Promise<boolean> {
  const { destination, source, link, connect } = options;
  const topics: TopicPlan[] = [];
  for (const topic of plan.topics)
    if (topic.decision === 'continue' && (await mayBeWritten(options, topic))) topics.push(topic);
  if (topics.length === 0) return false;
  await requireStopped(destination, connect);
  await requireNoAgent(destination, 'a topic that Lockstep had before is taken over again');
  const producerIdOf = (incarnation: number): bigint =>
    linkProducerId({ sourceClusterId: source.clusterId, linkName: link.name, incarnation });
  const mirrors = topics.map(({ topic, remoteTopic, remoteTopicId, sourceTopicId, partitions, life }) => ({
    ...{ v: 1, link: link.name, sourceTopic: topic, mirrorTopic: remoteTopic, sourceTopicId },
    ...{ mirrorTopicId: remoteTopicId!, partitionCount: partitions.length, incarnation: life - 1 },
    ...{ state: 'Mirroring' as const, sinceMs: 0, reason: null },
  }));
  const closed = await closeMirrors(mirrors, { destination, producerIdOf, replicationTimeoutMs });
  for (const answer of closed.values()) if (answer instanceof LockstepError) throw answer;
  return [...closed.values()].some(
    (answer) => !(answer instanceof LockstepError) && answer.unfenced === null,
  );
}

async function mayBeWritten(options: MigrationOptions, topic: TopicPlan): Promise<boolean> {
  const { destination, source, link, mirrors } = options;
  const places = topic.partitions.map(({ partition }) => ({ topic: topic.remoteTopic, partition }));
  const described = await describeProducers(destination, places);
  const sourceClusterId = source.clusterId;
  const known = mirrors.find(
    (mirror) => mirror.link === link.name && mirror.mirrorTopicId === topic.remoteTopicId,
  );
  const life = topic.life - 1;
  const former: FormerLife = {
    life,
    producerId: linkProducerId({ sourceClusterId, linkName: link.name, incarnation: life }),
    wasMet: (known?.incarnation ?? 0) >= life,
  };
  return described.some(({ outcome }) => isLeftOpen(unwrap(outcome).producers, former));
}

/** The life before the one that begins. */
export interface FormerLife {
  readonly life: number;
  /** At rotation 0. */
  readonly producerId: bigint;
  /** An agent has met the mirror in it. */
  readonly wasMet: boolean;
}

/**
 * Whether a partition was not closed for that life, as far as its leader remembers. Lives before it were closed when they
 * ended, and say nothing of it. Brokers forget by the records' own timestamps, so of a life that an agent was in silence
 * says nothing either; in the first one a link may have had another name, and an agent meets what it never writes.
 */
export function isLeftOpen(
  producers: readonly { readonly producerId: bigint; readonly producerEpoch: number }[],
  { life, producerId: formerId, wasMet }: FormerLife,
): boolean {
  const isLater = life > 0;
  const own = producers.filter(({ producerId }) =>
    isLater ? isSameLife(producerId, formerId) : isLockstepProducerId(producerId),
  );
  if (own.some(({ producerEpoch }) => producerEpoch === closingEpoch)) return false;
  return own.length > 0 || (isLater && wasMet);
}
