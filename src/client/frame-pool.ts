// Memory for responses. Fresh large buffers cost more CPU than everything else a mirror does (page faults,
// garbage collection), so frames are cut from buffers that go round: taken for a response, given back by the
// one owner when the last byte was used. Buffers come in a few sizes; what is kept for reuse is bounded.
import { LockstepError } from '../errors.ts';

/** Buffers below this are not worth sharing out more finely, bytes. */
const sizeClassMin = 4096;

export interface FramePoolOptions {
  /** Bytes of idle buffers kept for reuse; beyond that those out of use are left to the garbage collector. Default 64 MiB. */
  readonly keptBytesMax?: number;
}

export interface FramePoolStatistics {
  /** Frames taken so far, and how many of them reused a buffer. */
  readonly takenCount: number;
  readonly reusedCount: number;
  /** Frames not given back yet, and the bytes of their buffers. */
  readonly outstandingCount: number;
  readonly outstandingBytes: number;
  /** The largest that `outstandingBytes` has been. */
  readonly outstandingBytesPeak: number;
  /** Idle bytes kept for reuse. */
  readonly keptBytes: number;
}

/** Bytes that belong to whoever holds the frame, until `release`. */
export interface Frame {
  /** The frame's content, without the length that preceded it. Not to be touched after `release`. */
  readonly bytes: Buffer;
  /**
   * Gives the bytes back, exactly once.
   * @throws LockstepError INTERNAL when called again: someone else may be using the bytes by then.
   */
  release(): void;
}

/** A frame that is being filled. */
export interface FillingFrame extends Frame {
  /** As `release`, but the bytes are never used again: a closing socket may still write to them. */
  abandon(): void;
}

/** Hands out frames and takes them back. One pool may serve many connections. */
export class FramePool {
  readonly keptBytesMax: number;
  readonly #idle = new Map<number, Buffer[]>();
  #takenCount = 0;
  #reusedCount = 0;
  #outstandingCount = 0;
  #outstandingBytes = 0;
  #outstandingBytesPeak = 0;
  #keptBytes = 0;

  constructor(options: FramePoolOptions = {}) {
    this.keptBytesMax = options.keptBytesMax ?? 64 * 1024 * 1024;
  }

  /** A frame of exactly `sizeBytes` with undefined content. */
  take(sizeBytes: number): FillingFrame {
    const classBytes = sizeClass(sizeBytes);
    const idle = this.#takeIdle(classBytes);
    const buffer = idle ?? Buffer.allocUnsafeSlow(classBytes);
    this.#takenCount += 1;
    if (idle !== undefined) this.#reusedCount += 1;
    this.#outstandingCount += 1;
    this.#outstandingBytes += buffer.length;
    if (this.#outstandingBytes > this.#outstandingBytesPeak)
      this.#outstandingBytesPeak = this.#outstandingBytes;
    return new PooledFrame(this, buffer, sizeBytes);
  }

  statistics(): FramePoolStatistics {
    return {
      takenCount: this.#takenCount,
      reusedCount: this.#reusedCount,
      outstandingCount: this.#outstandingCount,
      outstandingBytes: this.#outstandingBytes,
      outstandingBytesPeak: this.#outstandingBytesPeak,
      keptBytes: this.#keptBytes,
    };
  }

  /** @internal Only a frame calls this, once. */
  giveBack(buffer: Buffer, mayReuse: boolean): void {
    const classBytes = buffer.length;
    this.#outstandingCount -= 1;
    this.#outstandingBytes -= classBytes;
    if (!mayReuse || classBytes > this.keptBytesMax) return;
    this.#evict(this.keptBytesMax - classBytes);
    this.#keptBytes += classBytes;
    const idle = this.#idle.get(classBytes) ?? [];
    idle.push(buffer);
    // Classes stand in the order of their last use, so that those out of use go first.
    this.#idle.delete(classBytes);
    this.#idle.set(classBytes, idle);
  }

  /** A buffer of this class or, since the sizes of answers wander, of one up to twice as large. */
  #takeIdle(classBytes: number): Buffer | undefined {
    for (let candidate = classBytes; candidate <= 2 * classBytes; candidate = sizeClass(candidate + 1)) {
      const buffer = this.#idle.get(candidate)?.pop();
      if (buffer === undefined) continue;
      this.#keptBytes -= buffer.length;
      return buffer;
    }
    return undefined;
  }

  #evict(keptBytesMax: number): void {
    for (const [classBytes, idle] of this.#idle) {
      while (this.#keptBytes > keptBytesMax && idle.pop() !== undefined) this.#keptBytes -= classBytes;
      if (idle.length === 0) this.#idle.delete(classBytes);
      if (this.#keptBytes <= keptBytesMax) return;
    }
  }
}

class PooledFrame implements FillingFrame {
  readonly bytes: Buffer;
  readonly #pool: FramePool;
  #buffer: Buffer | null;

  constructor(pool: FramePool, buffer: Buffer, sizeBytes: number) {
    this.#pool = pool;
    this.#buffer = buffer;
    this.bytes = buffer.subarray(0, sizeBytes);
  }

  release(): void {
    this.#giveBack(true);
  }

  abandon(): void {
    this.#giveBack(false);
  }

  #giveBack(mayReuse: boolean): void {
    const buffer = this.#buffer;
    if (buffer === null) {
      throw new LockstepError(
        'INTERNAL',
        'A frame was released twice; its bytes may already serve another response.',
      );
    }
    this.#buffer = null;
    this.#pool.giveBack(buffer, mayReuse);
  }
}

/** A frame of its own memory, for responses whose parts are kept: releasing it does nothing. */
export function unpooledFrame(sizeBytes: number): FillingFrame {
  return { bytes: Buffer.allocUnsafe(sizeBytes), release: doNothing, abandon: doNothing };
}

function doNothing(): void {}

/** Four classes to each power of two: at most a fifth of a buffer lies idle while it is used. */
function sizeClass(sizeBytes: number): number {
  if (sizeBytes <= sizeClassMin) return sizeClassMin;
  const step = 2 ** (29 - Math.clz32(sizeBytes - 1));
  return Math.ceil(sizeBytes / step) * step;
}
