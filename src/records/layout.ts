// Where the fields of a record batch of format v2 are (Kafka: DefaultRecordBatch).
//
//   0        8        12       16  17     21     23              27              35              43
//   | base   | batch  | leader | m | crc  | attr | last offset   | base          | max           |
//   | offset | length | epoch  |   |      |      | delta         | timestamp     | timestamp     |
//   43             51         53             57             61
//   | producer id  | prod.    | base         | record       | records, compressed as one block
//   |              | epoch    | sequence     | count        |
//
// The batch length counts what follows it. The checksum covers everything from the attributes (21) on, so base
// offset and partition leader epoch change without it.

export const baseOffsetAt = 0;
export const batchLengthAt = 8;
/** Bytes in front of what the batch length counts. */
export const logOverheadBytes = 12;
export const partitionLeaderEpochAt = 12;
export const magicAt = 16;
export const crcAt = 17;
export const attributesAt = 21;
export const lastOffsetDeltaAt = 23;
export const baseTimestampAt = 27;
export const maxTimestampAt = 35;
export const producerIdAt = 43;
export const producerEpochAt = 51;
export const baseSequenceAt = 53;
export const recordCountAt = 57;
/** Size of the v2 header: where the records start. */
export const headerBytes = 61;
/** The least a v0 message can declare: crc, magic, attributes, key length, value length (LegacyRecord). */
export const legacyBytesMin = 14;

export const attributeBits = {
  compression: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  deleteHorizon: 0x40,
} as const;

/** Compression codecs by their number in the attributes. */
export const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Compression = (typeof compressions)[number];

export type TimestampType = 'CreateTime' | 'LogAppendTime';

/** Stands for "none" in producer id, producer epoch, base sequence and timestamps. */
export const noProducerId = -1n;
export const noProducerEpoch = -1;
export const noSequence = -1;
export const noTimestamp = -1n;
