// The public door of the room: what others read from MirrorMaker 2.
export { CheckpointEmitter, type SeenPositions } from './checkpoint-emitter.ts';
export { type Beat, HeartbeatEmitter } from './heartbeat-emitter.ts';
export { InternalTopic } from './internal-topic.ts';
export type { Checkpoint } from './records.ts';
export type { CheckpointStatus, HeartbeatStatus } from './types.ts';
