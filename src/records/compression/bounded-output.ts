// Where decompressors write. Nothing that compressed bytes declare is allocated before it is held against the
// bound and against what so many bytes can hold at most, so a small hostile batch cannot ask for gigabytes.

import { InvalidBytes } from '../corrupt.ts';

const nothing: Buffer = Buffer.alloc(0);

/** A growing buffer that never holds more than `bytesMax`. Nothing is allocated before there is something to write. */
export class BoundedOutput {
  bytes = nothing;
  length = 0;
  readonly bytesMax: number;
  readonly #expectedBytes: number;

  constructor(expectedBytes: number, bytesMax: number) {
    this.bytesMax = bytesMax;
    this.#expectedBytes = expectedBytes;
  }

  /** How much one block that may have up to `bytesMost` bytes can write here. */
  roomFor(bytesMost: number): number {
    return Math.min(bytesMost, this.bytesMax - this.length);
  }

  /** The same, and room for that is made. */
  makeRoom(bytesMost: number): number {
    const room = this.roomFor(bytesMost);
    if (this.bytes.length - this.length < room) {
      const wanted = Math.max(this.length + room, this.bytes.length * 2, this.#expectedBytes);
      const grown = Buffer.allocUnsafe(Math.min(this.bytesMax, wanted));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    return room;
  }

  /** Appends bytes that are already plain. */
  append(source: Buffer, from: number, end: number): void {
    if (this.makeRoom(end - from) < end - from) throw tooLarge(from, this.bytesMax);
    source.copy(this.bytes, this.length, from, end);
    this.length += end - from;
  }

  /** The same with memory that nobody else uses: where it is all there is, it is not copied. */
  appendOwned(source: Buffer): void {
    if (this.bytes !== nothing || source.length > this.bytesMax) return this.append(source, 0, source.length);
    this.bytes = source;
    this.length = source.length;
  }

  result(): Buffer {
    return this.bytes.subarray(0, this.length);
  }
}

export function tooLarge(position: number, bytesMax: number): InvalidBytes {
  return new InvalidBytes(position, `it decompresses to more than ${bytesMax} bytes, the most allowed`);
}

/** Copies `length` bytes from `distance` bytes back; where source and target overlap, the pattern repeats. */
export function copyBack(bytes: Buffer, at: number, distance: number, length: number): void {
  if (distance >= length && length > 24) {
    bytes.copyWithin(at, at - distance, at - distance + length);
    return;
  }
  for (let end = at + length; at < end; at++) bytes[at] = bytes[at - distance]!;
}

/** Copies bytes between buffers; a short loop beats a native call for the short runs that are usual here. */
export function copyAcross(from: Buffer, start: number, length: number, to: Buffer, at: number): void {
  if (length > 24) {
    from.copy(to, at, start, start + length);
    return;
  }
  for (let index = 0; index < length; index++) to[at + index] = from[start + index]!;
}
