// What may be a topic's name, and which topics are somebody's bookkeeping.

/** A topic name's length bound (Kafka: Topic.MAX_NAME_LENGTH). */
export const topicNameCharsMax = 249;

/** Topics that belong to one cluster's brokers: a copy would be wrong, so not even the literal name is taken. */
const neverMirrored = new Set([
  '__consumer_offsets',
  '__transaction_state',
  '__share_group_state',
  '__cluster_metadata',
  '__remote_log_metadata',
  '__lockstep',
]);

/** Whether the name has the characters of a topic's name; its length is not looked at. */
export function isTopicName(name: string): boolean {
  return /^[A-Za-z0-9._-]+$/.test(name) && name !== '.' && name !== '..';
}

/** Whether a topic of this name can't be mirrored, nor be a mirror. */
export function isNeverMirrored(name: string): boolean {
  return neverMirrored.has(name);
}

/** Whether the topic is Kafka's, Lockstep's or MirrorMaker's own bookkeeping. */
export function isInternalTopic(name: string): boolean {
  if (name.startsWith('__')) return true;
  return name.endsWith('.internal') && (name.startsWith('mm2') || name.endsWith('.checkpoints.internal'));
}
