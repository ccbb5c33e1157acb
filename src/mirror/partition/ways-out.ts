// What a person can do about each state that does not end by itself, with the command where there is one, in one or
// two sentences; docs/states.md says more. `{topic}` and the like stand for what only whoever prints it knows.
import type { StopKind } from './state.ts';

/** States that end by themselves, and that somebody should know of when they last. */
export type LastingState =
  | 'LoopDetected'
  | 'NotAuthorized'
  | 'Recovering'
  | 'Settling'
  | 'WaitingAtHole'
  | 'WaitingForReplicas'
  | 'WaitingForTransaction';

/** What the placeholders stand for. */
export interface Place {
  readonly link: string;
  /** Its name at the source. */
  readonly topic: string;
  /** Its name at the destination. */
  readonly mirror: string;
  readonly partition: number;
  /** lockstep.yaml, as it was given. */
  readonly file: string;
  /** Bootstrap addresses, with the settings that Kafka's tools need there. */
  readonly source: string;
  readonly destination: string;
}

const deleteMirror = 'kafka-topics.sh --bootstrap-server {destination} --delete --topic {mirror}';
const startAgain = 'lockstep run {file}';
const restart = `stop this agent and start it again: ${startAgain}`;
const deleteAndRestart = `stop this agent, then: ${deleteMirror}; then start it again: ${startAgain}`;
const verify = 'lockstep verify {file} --topic {topic}';

export const waysOut: Readonly<Record<StopKind | LastingState, string>> = {
  Diverged: `Nothing is written any more. See where: ${verify}; and who else may write: kafka-acls.sh --bootstrap-server {destination} --list --topic {mirror}. Then withdraw that right. In a replication group lockstep status {file} shows the restore that keeps it and mends the mirror. Elsewhere keep what you need, then ${deleteAndRestart}.`,
  ForeignData: `Nothing was touched. If MirrorMaker 2 copied them, Lockstep goes on behind it: lockstep migrate {file}. If nobody needs this destination topic, ${deleteAndRestart}. Else mirror another topic.`,
  SourceTruncated: `The mirror holds records that the source lost, and is left as it is. See which: ${verify}. To mirror the source as it is now, keep what you need, ${deleteAndRestart}.`,
  SourceRecreated: `The mirror of the former topic is left as it is. To mirror the new one, ${deleteAndRestart}.`,
  DestinationRecreated: `Nothing is written any more. To have the mirror made and filled from the source, ${restart}.`,
  RetentionOvertook: `To go on behind the gap, set retentionOvertook: jump on link {link} in {file}, then ${restart}. To keep what is mirrored, leave it; the source no longer has what is missing.`,
  StartTooFar: `Set a higher fillOffsetsMax, or start: shifted (other offsets than the source's), on link {link} in {file}, then ${restart}.`,
  HoleTooLong: `What is before it is identical. Set a higher fillOffsetsMax, or compactionGaps: copies for a gap that compaction left, on link {link} in {file}, then ${restart}.`,
  Blocked: `Change the setting of the mirror that the reason speaks of, for example: kafka-configs.sh --bootstrap-server {destination} --alter --entity-type topics --entity-name {mirror} --add-config max.message.bytes=10485760. A raised max.message.bytes is noticed within moments; after any other change, ${restart}.`,
  Fenced:
    'Nothing has to be done if the promotion was meant. To mirror the topic anew, delete the mirror topic first. Else see who writes to the topic now: kafka-transactions.sh --bootstrap-server {destination} describe-producers --topic {mirror} --partition {partition}.',
  Stopped: `Nothing has to be done; to go on: ${startAgain}.`,
  OldRecordFormat:
    'What is before it is identical. Copy the topic into a new one with a client of today and mirror that, or let go of the old records: kafka-delete-records.sh --bootstrap-server {source} --offset-json-file FILE.',
  NotAuthorized:
    'It is asked again every 10 s. Fetching needs Read on the topic at the source, appending Write on it at the destination, markers Alter on the destination cluster; for example: kafka-acls.sh --bootstrap-server {destination} --add --allow-principal User:NAME --operation Write --topic {mirror}. All that lack: lockstep doctor {file}.',
  LoopDetected:
    'Nothing of it was copied. Leave the mirrors out of a link of the circle: lockstep links alter {link} --exclude-topics ...; or delete or promote the other link. It is asked again every 15 s, and goes on by itself. Who writes at the source: kafka-transactions.sh --bootstrap-server {source} describe-producers --topic {topic} --partition {partition}.',
  Recovering: `It is tried again by itself, every few seconds. If the reason stays: lockstep doctor {file}.`,
  Settling: `Nothing has to be done while another agent of this link runs: this one takes over when that one ends. Else see who writes: kafka-transactions.sh --bootstrap-server {destination} describe-producers --topic {mirror} --partition {partition}.`,
  WaitingAtHole:
    'Nothing has to be done: the next record at the source ends it, and what consumers can read is mirrored.',
  WaitingForReplicas:
    'It goes on when the followers have caught up. See which do not: kafka-topics.sh --bootstrap-server {destination} --describe --topic {mirror} --under-replicated-partitions.',
  WaitingForTransaction:
    'Nothing has to be done while the transaction is alive. Those that hang: kafka-transactions.sh --bootstrap-server {source} find-hanging --topic {topic} --partition {partition}.',
};

/** What to do about a partition in this state; null where there is nothing to say. */
export function wayOut(state: string, place: Place): string | null {
  if (!Object.hasOwn(waysOut, state)) return null;
  return waysOut[state as keyof typeof waysOut].replaceAll(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(place, name) ? String(place[name as keyof Place]) : whole,
  );
}
