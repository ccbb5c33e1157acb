// Whether two batches are the same but for what a mirror rewrites in a header.

import type { BatchView } from './batch-view.ts';
import { normalisedChecksum } from './header.ts';
import { attributeBits, lastOffsetDeltaAt, producerIdAt, recordCountAt } from './layout.ts';

const rewrittenBits = attributeBits.transactional | attributeBits.deleteHorizon;

/**
 * True when both hold the same records at the same offsets in the same bytes: everything is equal but partition
 * leader epoch, producer id, producer epoch, base sequence and the two bits that a mirror clears. The checksums
 * are a quick answer when they differ; when they agree, the bytes themselves are compared.
 */
export function isSameBatch(one: BatchView, other: BatchView): boolean {
  const sizeBytes = one.sizeBytes;
  return (
    other.sizeBytes === sizeBytes &&
    one.magic === 2 &&
    other.magic === 2 &&
    one.baseOffset === other.baseOffset &&
    (one.attributes & ~rewrittenBits) === (other.attributes & ~rewrittenBits) &&
    normalisedChecksum(one) === normalisedChecksum(other) &&
    sameBytes(one, other, lastOffsetDeltaAt, producerIdAt) &&
    sameBytes(one, other, recordCountAt, sizeBytes)
  );
}

function sameBytes(one: BatchView, other: BatchView, from: number, end: number): boolean {
  const { buffer, start } = other;
  return one.buffer.compare(buffer, start + from, start + end, one.start + from, one.start + end) === 0;
}
