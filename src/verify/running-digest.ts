// A digest over the records that consumers see, in their order: SHA-256 over, for each record, offset and timestamp
// (8 bytes each), the length of what follows (4 bytes), and key, value and headers as Kafka writes them in their
// shortest form. So it does not depend on batches, codecs or producers. Two logs with equal digests hold the same
// records at the same offsets since the digests began, and anybody can compute it from what a consumer reads.

import { createHash, type Hash } from 'node:crypto';
import { encodeTail, parseTail, type RawRecord } from '../records/index.ts';

/** Records are gathered, because calling the hash for each costs more than hashing. */
const gatheredBytesMax = 64 * 1024;
const prefixBytes = 20;

export class RunningDigest {
  readonly #hash: Hash;
  /** Made when first used: there may be thousands of partitions without new records. */
  #gathered: Buffer | null = null;
  #gatheredBytes = 0;

  constructor(hash: Hash = createHash('sha256')) {
    this.#hash = hash;
  }

  /** One that goes on from here on its own. */
  copy(): RunningDigest {
    this.#flush();
    this.#gathered = null;
    return new RunningDigest(this.#hash.copy());
  }

  /** @throws LockstepError BATCH_CORRUPT for a record that can't be read */
  add({ offset, timestamp, tail }: RawRecord): void {
    const shortest = shortestForm(offset, tail);
    this.#gathered ??= Buffer.allocUnsafe(gatheredBytesMax);
    if (this.#gatheredBytes + prefixBytes + shortest.length > gatheredBytesMax) this.#flush();
    const at = this.#gatheredBytes;
    this.#gathered.writeBigInt64BE(offset, at);
    this.#gathered.writeBigInt64BE(timestamp, at + 8);
    this.#gathered.writeInt32BE(shortest.length, at + 16);
    this.#gatheredBytes += prefixBytes;
    if (prefixBytes + shortest.length > gatheredBytesMax) {
      this.#flush();
      this.#hash.update(shortest);
    } else {
      this.#gatheredBytes += shortest.copy(this.#gathered, this.#gatheredBytes);
    }
  }

  /** The digest of all records so far, in hexadecimal. */
  value(): string {
    this.#flush();
    this.#gathered = null;
    return this.#hash.copy().digest('hex');
  }

  #flush(): void {
    if (this.#gathered !== null) this.#hash.update(this.#gathered.subarray(0, this.#gatheredBytes));
    this.#gatheredBytes = 0;
  }
}

/** A writer need not use the shortest form of a length; every longer one makes the tail longer. */
function shortestForm(offset: bigint, tail: Buffer): Buffer {
  const { key, value, headers } = parseTail(offset, tail);
  const shortest = encodeTail(key, value, headers);
  return shortest.length === tail.length ? tail : shortest;
}
