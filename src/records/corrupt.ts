// How this room says that bytes are not what they claim to be: where, and never what they contain.

import { LockstepError } from '../errors.ts';

/**
 * @param baseOffset of the batch.
 * @param position of the bad byte in the batch's records, behind the header, after decompression.
 */
export function corruptBatch(
  baseOffset: bigint,
  position: number,
  what: string,
  cause?: unknown,
): LockstepError {
  return new LockstepError(
    'BATCH_CORRUPT',
    `Corrupt record batch with base offset ${baseOffset}, at byte ${position} of its records: ${what}.`,
    { detail: { baseOffset, position }, ...(cause === undefined ? {} : { cause }) },
  );
}

/** What a decoder found wrong, before it is known which batch it is. */
export class InvalidBytes extends Error {
  readonly position: number;

  constructor(position: number, what: string) {
    super(what);
    this.position = position;
  }
}
