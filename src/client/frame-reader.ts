// Cuts a TCP stream into Kafka frames:
//
//   | length (int32, big endian) | length bytes | length | ...
//
// Bytes arrive in one buffer that the socket reuses, in pieces of any size, and are copied once, into the
// frame that `allocate` gave. The rest of a large frame skips that copy: once the frame has begun, the socket
// is given the frame's own memory to read into. Lengths are a peer's claim: checked before anything is
// allocated for them.
import { LockstepError } from '../errors.ts';
import type { FillingFrame, Frame } from './frame-pool.ts';

const lengthBytes = 4;
/** Below this a system call more costs more than the copy that it saves, bytes. */
const directBytesMin = 32 * 1024;

export interface FrameReaderOptions {
  /** Gives the memory for a frame whose length is known and whose bytes are about to come. */
  readonly allocate: (sizeBytes: number) => FillingFrame;
  /** Takes a whole frame; the frame is the taker's from here on. */
  readonly onFrame: (frame: Frame) => void;
}

export class FrameReader {
  /** Frames above this are refused. The connection raises it when it is open. */
  frameBytesMax: number;
  readonly #allocate: (sizeBytes: number) => FillingFrame;
  readonly #onFrame: (frame: Frame) => void;
  #length = 0;
  #lengthBytesRead = 0;
  #frame: FillingFrame | null = null;
  #filledBytes = 0;

  constructor(frameBytesMax: number, options: FrameReaderOptions) {
    this.frameBytesMax = frameBytesMax;
    this.#allocate = options.allocate;
    this.#onFrame = options.onFrame;
  }

  /**
   * Takes the next bytes of the stream; `source` may be reused as soon as this returns.
   * @throws LockstepError FRAME_INVALID on a negative or too large length; the stream can't be read any further.
   */
  push(source: Buffer, end: number): void {
    let position = 0;
    while (position < end) {
      if (this.#frame === null) {
        position = this.#readLength(source, position, end);
        if (this.#lengthBytesRead < lengthBytes) return;
        this.#frame = this.#begin();
      }
      const { bytes } = this.#frame;
      const pieceBytes = Math.min(bytes.length - this.#filledBytes, end - position);
      source.copy(bytes, this.#filledBytes, position, position + pieceBytes);
      this.#filledBytes += pieceBytes;
      position += pieceBytes;
      if (this.#filledBytes === bytes.length) this.#finish(this.#frame);
    }
  }

  /**
   * Memory for the very next bytes of the stream: the missing rest of a large frame, or null when they should go
   * to the shared buffer and `push`. What was read into it is told by `advance`.
   */
  directTarget(): Buffer | null {
    const frame = this.#frame;
    if (frame === null || frame.bytes.length - this.#filledBytes < directBytesMin) return null;
    return frame.bytes.subarray(this.#filledBytes);
  }

  /** So many bytes were read into the latest `directTarget`. */
  advance(sizeBytes: number): void {
    const frame = this.#frame!;
    this.#filledBytes += sizeBytes;
    if (this.#filledBytes === frame.bytes.length) this.#finish(frame);
  }

  /** How many bytes of an unfinished frame have come, its length included: 0 between frames. */
  get partialBytes(): number {
    return this.#lengthBytesRead + this.#filledBytes;
  }

  /** Gives back the unfinished frame, when the stream has ended. */
  discard(): void {
    this.#frame?.abandon();
    this.#reset();
  }

  #readLength(source: Buffer, start: number, end: number): number {
    if (this.#lengthBytesRead === 0 && end - start >= lengthBytes) {
      this.#length = source.readInt32BE(start);
      this.#lengthBytesRead = lengthBytes;
      return start + lengthBytes;
    }
    let position = start;
    while (position < end && this.#lengthBytesRead < lengthBytes) {
      this.#length = (this.#length << 8) | source[position]!;
      this.#lengthBytesRead += 1;
      position += 1;
    }
    return position;
  }

  #begin(): FillingFrame {
    // The smallest response is its correlation id.
    if (this.#length < 4 || this.#length > this.frameBytesMax) {
      throw new LockstepError(
        'FRAME_INVALID',
        `A response claims a length of ${this.#length} bytes; between 4 and ${this.frameBytesMax} were expected.`,
        { detail: { length: this.#length, frameBytesMax: this.frameBytesMax } },
      );
    }
    return this.#allocate(this.#length);
  }

  #finish(frame: Frame): void {
    this.#reset();
    this.#onFrame(frame);
  }

  #reset(): void {
    this.#frame = null;
    this.#filledBytes = 0;
    this.#length = 0;
    this.#lengthBytesRead = 0;
  }
}
