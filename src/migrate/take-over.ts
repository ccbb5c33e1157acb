// Writes down what was found, topic by topic, so that agents go on there.
//
//   1. MirrorMaker 2 does not run, and each remote log still ends where it did when it was compared.
//   2. The record of each topic is written; the first one of its number holds.
//   3. Both are looked at again: what came in between was written under a plan that did not know it, and the next run of
//      the command supersedes it.
//
// Killed anywhere, the same command again finds what stands and does the rest.
import { logEndOffset } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import { formatTakeover, isTakeoverOf, takeoverKey } from '../link/index.ts';
import { requireNoAgent, requireStopped } from './connect-members.ts';
import { newestWriter } from './newest-writer.ts';
import type { MigrationOptions, MigrationPlan, TopicPlan } from './types.ts';

/** @throws LockstepError MIRROR_MAKER_RUNS, AGENT_RUNS, MIRROR_MOVED with what to do; nothing is half done of a topic. */
export async function takeOver(options: MigrationOptions, plan: MigrationPlan): Promise<void> {
  const { destination, link, store, connect } = options;
  const topics = plan.topics.filter(({ decision }) => decision === 'continue');
  if (topics.length === 0) return;
  // An agent that copies in a former life would not hear in time that another one has begun.
  if (topics.some(({ life }) => life > 1))
    await requireNoAgent(destination, 'a topic that Lockstep had before is taken over again');
  await requireStopped(destination, connect);
  for (const topic of topics) await requireUnmoved(options, topic);
  for (const topic of topics) {
    const record = formatTakeover({
      life: topic.life,
      sourceTopicId: topic.sourceTopicId,
      destinationTopicId: topic.remoteTopicId!,
      partitions: topic.partitions.map(({ start, shift, witness }) => ({ start, shift, witness })),
    });
    const key = takeoverKey(link.name, topic.topic, topic.life);
    const held = await store.putIfAbsent(key, record, isTakeoverOf(topic.remoteTopicId!));
    if (held !== record) throw moved(topic, 'it was taken over by another run of this command meanwhile');
  }
  await requireStopped(destination, connect);
  for (const topic of topics) await requireUnmoved(options, topic, true);
}

/** Each partition ends where it did. With `mayHaveBegun` an agent of ours may have appended since. */
async function requireUnmoved(
  { destination, signal }: MigrationOptions,
  topic: TopicPlan,
  mayHaveBegun = false,
): Promise<void> {
  for (const { partition, remoteEnd } of topic.partitions) {
    const at = { topic: topic.remoteTopic, partition };
    const { logEndOffset: end } = await logEndOffset(destination, at);
    if (end === remoteEnd || (mayHaveBegun && (await newestWriter(destination, at, signal)) === 'lockstep'))
      continue;
    throw moved(
      topic,
      `partition ${partition} ended at ${remoteEnd} when it was compared, and ends at ${end} now`,
    );
  }
}

function moved({ remoteTopic }: TopicPlan, what: string): LockstepError {
  const text = `topic ${remoteTopic}: ${what}; somebody else writes to it. See that MirrorMaker 2 is stopped, and type the same again`;
  return new LockstepError('MIRROR_MOVED', text, { detail: { topic: remoteTopic } });
}
