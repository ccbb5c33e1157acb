// Heartbeats and checkpoints in the bytes of MirrorMaker 2: org.apache.kafka.connect.mirror.Heartbeat and Checkpoint
// (connect-mirror-client 4.3.1), version 0. Texts have an int16 length; numbers are big-endian.
//
//   heartbeat   key    source alias, destination alias
//               value  int16 version, int64 timestamp (ms)
//   checkpoint  key    group, topic, int32 partition
//               value  int16 version, int64 offset at the source, int64 offset here, metadata
import { LockstepError } from '../../errors.ts';

export interface InternalRecord {
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface Heartbeat {
  readonly sourceAlias: string;
  readonly destinationAlias: string;
  readonly timestampMs: number;
}

/** A group's position at the source, and what it is at the destination. */
export interface Checkpoint {
  readonly group: string;
  /** At the destination. */
  readonly topic: string;
  readonly partition: number;
  readonly upstreamOffset: bigint;
  readonly offset: bigint;
  /** What its consumer committed with it. */
  readonly metadata: string;
}

const version = 0;
const textBytesMax = 32_767;

export function heartbeatRecord({ sourceAlias, destinationAlias, timestampMs }: Heartbeat): InternalRecord {
  return {
    key: Buffer.concat([text(sourceAlias), text(destinationAlias)]),
    value: Buffer.concat([int16(version), int64(BigInt(timestampMs))]),
  };
}

export function checkpointRecord(checkpoint: Checkpoint): InternalRecord {
  const { group, topic, partition, upstreamOffset, offset, metadata } = checkpoint;
  return {
    key: Buffer.concat([text(group), text(topic), int32(partition)]),
    value: Buffer.concat([int16(version), int64(upstreamOffset), int64(offset), text(metadata)]),
  };
}

/** @throws LockstepError CODEC_INPUT_INVALID for one that the format can't hold. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  if (bytes.length > textBytesMax)
    throw new LockstepError(
      'CODEC_INPUT_INVALID',
      `a text of ${bytes.length} bytes; heartbeats and checkpoints hold at most ${textBytesMax}`,
    );
  return Buffer.concat([int16(bytes.length), bytes]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}
