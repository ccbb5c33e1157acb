// What is asked every few seconds seldom has another answer: the metadata of ten thousand partitions makes forty thousand
// objects that say what was known already. An answer whose bytes are those of the one before is not decoded.
import { createHash } from 'node:crypto';

/** Stands for an answer that is the same as the one before. */
export const unchanged = Symbol('unchanged');

/** In front of each answer; counts up. */
const correlationIdBytes = 4;

/**
 * For one request (and its retries). `value` is that of the answer: whoever has taken that answer in gives it to the next
 * request that asks the same, as `former`.
 */
export class AnswerDigest {
  readonly #former: string | null;
  #value: string | null = null;

  constructor(former: string | null) {
    this.#former = former;
  }

  /** Null before the answer. */
  get value(): string | null {
    return this.#value;
  }

  /** Looks at an answer's frame, which the pipeline does. One that throttles is never the same: it says how long anew. */
  isUnchanged(version: number, frame: Buffer): boolean {
    const hash = createHash('sha1').update(frame.subarray(correlationIdBytes));
    this.#value = `${version} ${hash.digest('base64')}`;
    return this.#value === this.#former;
  }

  /** Is not to be recognised. */
  forget(): void {
    this.#value = null;
  }
}
