// How a mirror's offsets lie to its source's, as the control topic has it: whoever copies a partition tells it.
import type { ControlTopic } from '../control/index.ts';
import type { WorkItem } from '../fleet/index.ts';
import { takeoverOf } from '../link/index.ts';

/** Source offset - offset at the mirror, as the agent that copies it told; null: not told yet. */
export function toldShift(control: ControlTopic, { link, topic, partition }: WorkItem): bigint | null {
  const status = control.state.statuses.get(`${link}/${topic}/${partition}`);
  return status === undefined ? null : BigInt(status.shift);
}

/** The source offset from which on the shift holds: above 0 where the mirror was taken over from MirrorMaker 2. */
export function takenAt(control: ControlTopic, { link, topic, partition }: WorkItem): bigint {
  const mirrorTopicId = control.state.mirrors.get(`${link}/${topic}`)?.mirrorTopicId;
  if (mirrorTopicId === undefined) return 0n;
  return takeoverOf(control, { link, topic, mirrorTopicId })?.partitions[partition]?.start ?? 0n;
}
