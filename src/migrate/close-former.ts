// Before a topic is taken over that Lockstep has had before: its former life is closed, so that an agent which is frozen
// now can't write behind the point that is about to be found. `--back` has done that; where MirrorMaker 2 was started
// without it, this does.
import { closeMirrors } from '../agent/index.ts';
import { describeProducers, unwrap } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import { closingEpoch, isLockstepProducerId, linkProducerId } from '../mirror/index.ts';
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

/** Whether brokers remember a Lockstep that was not closed there. */
async function mayBeWritten({ destination }: MigrationOptions, topic: TopicPlan): Promise<boolean> {
  const places = topic.partitions.map(({ partition }) => ({ topic: topic.remoteTopic, partition }));
  const described = await describeProducers(destination, places);
  return described.some(({ outcome }) => {
    const own = unwrap(outcome).producers.filter(({ producerId }) => isLockstepProducerId(producerId));
    const isClosed = own.some(({ producerEpoch }) => producerEpoch === closingEpoch);
    return own.length > 0 && !isClosed;
  });
}
