// Batches made by Kafka's own classes, with what Kafka's own reader says they hold. See Golden.java.

import { readFileSync } from 'node:fs';
import { type BatchView, readRecords } from '../../src/records/index.ts';
import { described } from './arbitraries.ts';

export interface GoldenBatches {
  name: string;
  base64: string;
  batches: Record<string, unknown>[];
}

export function parseGolden(lines: string): GoldenBatches[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as GoldenBatches);
}

export function loadGolden(): GoldenBatches[] {
  return parseGolden(readFileSync(new URL('golden.jsonl', import.meta.url), 'utf8'));
}

/** A batch in the words of Golden.java. */
export function describedBatch(view: BatchView): Record<string, unknown> {
  return {
    baseOffset: String(view.baseOffset),
    lastOffset: String(view.lastOffset),
    nextOffset: String(view.nextOffset),
    sizeBytes: view.sizeBytes,
    partitionLeaderEpoch: view.partitionLeaderEpoch,
    magic: view.magic,
    crc: view.crc,
    compression: view.compression,
    isTransactional: view.isTransactional,
    isControl: view.isControl,
    timestampType: view.timestampType,
    hasDeleteHorizon: view.hasDeleteHorizon,
    maxTimestamp: String(view.maxTimestamp),
    producerId: String(view.producerId),
    producerEpoch: view.producerEpoch,
    baseSequence: view.baseSequence,
    recordCount: view.recordCount,
    records: Array.from(readRecords(view), described),
  };
}
