// Who writes a mirror partition, as the broker sees it: producer id, epoch and sequence.
//
// The broker accepts from one producer id only the sequence that follows the last one, answers one of the
// last five batches sent again with its first offset, and refuses the rest (ProducerAppendInfo). The mirror
// turns this into compare-and-append: all workers of a link, now and later, use the same producer id and the
// same epoch, and the sequence of a record follows from its place in the log. Two workers that hold the same
// source can then only append the right batch at the right offset, or be told that it is there already, or be
// refused; it does not matter which of them is frozen, late or dead. A new worker must not raise the epoch:
// that starts the sequence again at 0, and until its first batch is in, a late batch of the former worker
// would go in between (the simulator shows it within seconds; see ARCHITECTURE.md, "Why takeover keeps the
// epoch").
//
// The producer id is chosen rather than allocated, so that every worker arrives at it without asking anybody:
//
//   bit 63   62   61 ................. 8   7 ...... 0
//   ┌────┬─────┬──────────────────────┬─────────────┐
//   │  0 │  1  │ hash(cluster, link)  │ 0, reserved │
//   └────┴─────┴──────────────────────┴─────────────┘
//
// Real producers' ids start at 0, so bit 62 keeps us apart from them.
import { createHash } from 'node:crypto';

/** The identity that an append carries. */
export interface WriterIdentity {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly sequence: number;
}

/** What the destination remembers of a producer's last write on one partition. */
export interface LastWrite {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly lastSequence: number;
}

const lockstepBit = 1n << 62n;
const reservedBits = 0xffn;
const hashBits = (1n << 62n) - 1n - reservedBits;
const sequenceCount = 1n << 31n;

/** The producer id of one link: the same for every worker that copies `linkName` from `sourceClusterId`. */
export function linkProducerId(link: { sourceClusterId: string; linkName: string }): bigint {
  const digest = createHash('sha256').update(`${link.sourceClusterId}\n${link.linkName}`).digest();
  return lockstepBit | (digest.readBigUInt64BE() & hashBits);
}

/** Whether some Lockstep link chose this producer id. */
export function isLockstepProducerId(producerId: bigint): boolean {
  return producerId >= lockstepBit;
}

/** The sequence of the record after `count` records from `sequence` on; wraps from 2^31-1 to 0 as Kafka's does. */
export function sequenceAfter(sequence: number, count: number): number {
  return Number((BigInt(sequence) + BigInt(count)) % sequenceCount);
}

/**
 * The sequence of the record at `offset`. As long as mirrors write nothing but data, starting where the source
 * starts, it holds for every record of every mirror; a batch that breaks it stands where it was not meant to.
 */
export function sequenceAt(offset: bigint): number {
  return Number(offset % sequenceCount);
}

/**
 * The identity of the append at `offset`, the destination's log end. It continues the last write: the leader's
 * own entry where there is one, since the guard compares with it, else the newest batch in the log (entries age
 * out). A log that tells neither starts at the sequence that its offset gives, which every worker can compute.
 */
export function identityAt(
  offset: bigint,
  known: { producerId: bigint; tail: LastWrite | null; entries: readonly LastWrite[] },
): WriterIdentity {
  const { producerId, tail, entries } = known;
  if (tail !== null && tail.producerId !== producerId && isLockstepProducerId(tail.producerId)) {
    // The link had another name, and an agent with the former one may still be there: what it goes on with, we go on
    // with, or both could append at the same place.
    return { producerId: tail.producerId, epoch: tail.epoch, sequence: sequenceAfter(tail.lastSequence, 1) };
  }
  const entry = entries.find((candidate) => candidate.producerId === producerId);
  const last = entry ?? (tail?.producerId === producerId ? tail : undefined);
  if (last === undefined) return { producerId, epoch: 0, sequence: sequenceAt(offset) };
  // An entry without a sequence (-1) was left by a marker: the sequence starts at 0.
  return { producerId, epoch: last.epoch, sequence: sequenceAfter(last.lastSequence, 1) };
}

/** The identity after an append of `recordCount` records. */
export function identityAfter(identity: WriterIdentity, recordCount: number): WriterIdentity {
  return { ...identity, sequence: sequenceAfter(identity.sequence, recordCount) };
}
