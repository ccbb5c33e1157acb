// What comparing tells batches apart by, of the models' batches: as batch headers have it.
import type { MirrorFingerprint, SourceView } from '../partition/tail.ts';
import type { LogBatch } from './broker-log.ts';
import type { MirrorContent } from './destination.ts';
import { noRecord, type SourceBatch } from './source-log.ts';

export function mirrorFingerprint(batch: LogBatch<MirrorContent>): MirrorFingerprint {
  const { baseOffset, count, producerId, epoch } = batch;
  const isControl = batch.kind === 'marker';
  return {
    baseOffset: BigInt(baseOffset),
    lastOffset: BigInt(baseOffset + count - 1),
    recordCount: count,
    sizeBytes: count,
    isControl,
    producerId,
    producerEpoch: epoch,
    lastSequence: isControl ? -1 : (batch.sequence + count - 1) % 2 ** 31,
    partitionLeaderEpoch: 0,
    normalisedChecksum: isControl ? 0 : checksumOf(batch.content.values),
  };
}

export function sourceFingerprint(batch: SourceBatch): NonNullable<SourceView['tail']> {
  const records = batch.values.filter((value) => value !== noRecord);
  return {
    baseOffset: BigInt(batch.baseOffset),
    lastOffset: BigInt(batch.lastOffset),
    recordCount: records.length,
    sizeBytes: records.length,
    isControl: batch.isControl,
    producerId: -1n,
    partitionLeaderEpoch: batch.leaderEpoch,
    normalisedChecksum: checksumOf(records),
  };
}

function checksumOf(values: readonly number[]): number {
  let sum = 7;
  for (const value of values) sum = (Math.imul(sum, 31) + value) | 0;
  return sum;
}
