// Reads Kafka's primitive types from a buffer. Whatever a peer declares is checked against the bytes that are
// left before anything is allocated or walked.
import { LockstepError } from '../errors.ts';

/**
 * The most memory that the arrays of one message may take once decoded, about. An element takes up to 40 times its
 * bytes, so a frame within the connection's limit could otherwise fill the heap. The metadata of a million
 * partitions takes half of this.
 */
const memoryBytesMax = 512 * 1024 * 1024;

export class Reader {
  readonly buffer: Buffer;
  position: number;
  #memoryBytes = 0;

  constructor(buffer: Buffer, start = 0) {
    this.buffer = buffer;
    this.position = start;
  }

  get remainingBytes(): number {
    return this.buffer.length - this.position;
  }

  /** To be called before the elements of an array are made. @throws LockstepError FRAME_INVALID */
  countMemory(sizeBytes: number, name: string): void {
    this.#memoryBytes += sizeBytes;
    if (this.#memoryBytes > memoryBytesMax)
      throw invalidFrame(`with ${name} it would take more than ${memoryBytesMax} bytes of memory`);
  }

  int8(): number {
    const value = this.buffer.readInt8(this.position);
    this.position += 1;
    return value;
  }

  int16(): number {
    const value = this.buffer.readInt16BE(this.position);
    this.position += 2;
    return value;
  }

  uint16(): number {
    const value = this.buffer.readUInt16BE(this.position);
    this.position += 2;
    return value;
  }

  int32(): number {
    const value = this.buffer.readInt32BE(this.position);
    this.position += 4;
    return value;
  }

  uint32(): number {
    const value = this.buffer.readUInt32BE(this.position);
    this.position += 4;
    return value;
  }

  int64(): bigint {
    const value = this.buffer.readBigInt64BE(this.position);
    this.position += 8;
    return value;
  }

  float64(): number {
    const value = this.buffer.readDoubleBE(this.position);
    this.position += 8;
    return value;
  }

  /** An unsigned varint of at most 32 bits. */
  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.buffer.readUInt8(this.position);
      this.position += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffffffff) break;
        return value;
      }
    }
    throw invalidFrame(`a varint of more than 32 bits at byte ${this.position}`);
  }

  /** The next `lengthBytes`, not copied. */
  slice(lengthBytes: number): Buffer {
    if (lengthBytes < 0 || lengthBytes > this.remainingBytes) {
      throw invalidFrame(
        `a length of ${lengthBytes} at byte ${this.position}, where ${this.remainingBytes} are left`,
      );
    }
    const start = this.position;
    this.position += lengthBytes;
    return this.buffer.subarray(start, this.position);
  }

  text(lengthBytes: number): string {
    if (lengthBytes < 0 || lengthBytes > this.remainingBytes) {
      throw invalidFrame(
        `a length of ${lengthBytes} at byte ${this.position}, where ${this.remainingBytes} are left`,
      );
    }
    const start = this.position;
    this.position += lengthBytes;
    return this.buffer.toString('utf8', start, this.position);
  }

  uuid(): string {
    return this.slice(16).toString('base64url');
  }
}

export function invalidFrame(what: string, cause?: unknown): LockstepError {
  return new LockstepError(
    'FRAME_INVALID',
    `The message can't be read: ${what}.`,
    cause === undefined ? {} : { cause },
  );
}
