// Changes a batch's header in place and moves its checksum along, without reading the payload.
// The payload's checksum made by the first producer is thereby carried end to end: what memory or wire corrupts
// on the way, the destination broker refuses.

import type { BatchView } from './batch-view.ts';
import { byteTable, crc32c, shiftByZeroBytes } from './crc32c.ts';
import {
  attributeBits,
  attributesAt,
  baseOffsetAt,
  baseSequenceAt,
  crcAt,
  noProducerEpoch,
  noProducerId,
  noSequence,
  partitionLeaderEpochAt,
  producerEpochAt,
  producerIdAt,
  recordCountAt,
} from './layout.ts';

/** Header fields to set; absent ones stay. */
export interface HeaderChanges {
  baseOffset?: bigint;
  partitionLeaderEpoch?: number;
  attributes?: number;
  producerId?: bigint;
  producerEpoch?: number;
  baseSequence?: number;
}

/** The changeable bytes under the checksum, from the attributes to the base sequence, as they shall be. */
const wantedBytes = recordCountAt - attributesAt;
const wanted = new Uint8Array(wantedBytes);
const wantedView = new DataView(wanted.buffer);

/**
 * Sets header fields of a v2 batch in place; the checksum follows by the difference. It stays as right or as
 * wrong as it was: a corrupt payload is still refused by the next broker. Allocates nothing.
 */
export function rewriteHeader(view: BatchView, changes: HeaderChanges): void {
  const { buffer, start } = view;
  if (changes.baseOffset !== undefined) buffer.writeBigInt64BE(changes.baseOffset, start + baseOffsetAt);
  if (changes.partitionLeaderEpoch !== undefined) {
    buffer.writeInt32BE(changes.partitionLeaderEpoch, start + partitionLeaderEpochAt);
  }
  const sizeBytes = view.sizeBytes;
  const from = start + attributesAt;
  prepare(buffer, from, changes);
  const difference = wantedDifference(buffer, from, sizeBytes);
  for (let at = 0; at < wantedBytes; at++) buffer[from + at] = wanted[at]!;
  buffer.writeInt32BE(buffer.readInt32BE(start + crcAt) ^ difference, start + crcAt);
}

const normalised = { producerId: noProducerId, producerEpoch: noProducerEpoch, baseSequence: noSequence };

/**
 * The stored checksum as it would be without what a mirror rewrites: transactional and delete-horizon bit clear,
 * producer id, producer epoch and base sequence -1. Equal for a batch and its copy. Changes nothing.
 */
export function normalisedChecksum(view: BatchView): number {
  const { buffer, start } = view;
  const from = start + attributesAt;
  prepare(buffer, from, normalised);
  wanted[1]! &= ~(attributeBits.transactional | attributeBits.deleteHorizon);
  return (buffer.readInt32BE(start + crcAt) ^ wantedDifference(buffer, from, view.sizeBytes)) >>> 0;
}

/** Whether the stored checksum of a v2 batch is that of its bytes. Reads the whole batch. */
export function verifyChecksum(view: BatchView): boolean {
  return view.crc === batchChecksum(view);
}

/** The checksum that a v2 batch's bytes have, whatever its header says. Reads the whole batch. */
export function batchChecksum(view: BatchView): number {
  return crc32c(view.buffer.subarray(view.start + attributesAt, view.start + view.sizeBytes));
}

/** Fills `wanted` with the bytes at `from`, changed. */
function prepare(buffer: Buffer, from: number, changes: HeaderChanges): void {
  for (let at = 0; at < wantedBytes; at++) wanted[at] = buffer[from + at]!;
  if (changes.attributes !== undefined) wantedView.setInt16(0, changes.attributes);
  if (changes.producerId !== undefined) {
    wantedView.setBigInt64(producerIdAt - attributesAt, changes.producerId);
  }
  if (changes.producerEpoch !== undefined) {
    wantedView.setInt16(producerEpochAt - attributesAt, changes.producerEpoch);
  }
  if (changes.baseSequence !== undefined) {
    wantedView.setInt32(baseSequenceAt - attributesAt, changes.baseSequence);
  }
}

/** By how much the checksum of a batch of `sizeBytes` changes when the bytes at `from` become `wanted`. */
function wantedDifference(buffer: Buffer, from: number, sizeBytes: number): number {
  let state = 0;
  for (let at = 0; at < wantedBytes; at++) {
    state = byteTable[(state ^ wanted[at]! ^ buffer[from + at]!) & 0xff]! ^ (state >>> 8);
  }
  return shiftByZeroBytes(state, sizeBytes - recordCountAt);
}
