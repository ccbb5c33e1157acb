// The public door of the room: what others read from MirrorMaker 2.
export {
  CheckpointEmitter,
  type CheckpointEmitterOptions,
  type SeenPositions,
} from './checkpoint-emitter.ts';
export {
  type Beat,
  HeartbeatEmitter,
  type HeartbeatEmitterOptions,
  heartbeatsTopicName,
} from './heartbeat-emitter.ts';
export { InternalTopic } from './internal-topic.ts';
export { type Checkpoint, checkpointRecord, type Heartbeat, heartbeatRecord } from './records.ts';
export {
  type CheckpointStatus,
  type HeartbeatStatus,
  type TellingState,
  type TellingStatus,
  tellingStates,
} from './types.ts';
