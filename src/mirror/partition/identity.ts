// Who writes a mirror partition, as the broker sees it: producer id, epoch and sequence, from the place in the log.
//
// The broker accepts from one producer id only the sequence that follows the last one, answers one of the last five
// batches sent again with its first offset, and refuses the rest (ProducerAppendInfo). The mirror turns this into
// compare-and-append: all workers of a link, now and later, use the same producer ids, and epoch and sequence of a
// record follow from its place in the log. Two workers that hold the same source can then only append the right
// batch at the right offset, or be told that it is there already, or be refused; it does not matter which of them is
// frozen, late or dead.
//
//   offset      0 ........ 99   100 101   102 ....... 480   481   482 ...
//               run             hole      run             hole  run
//   epoch       0               1         2               3     4
//   sequence    0 ........ 99   -         0 .......... 378  -     0 ...
//
// Runs of data have even epochs and holes odd ones. So the broker refuses (47) late data of a run as soon as a marker
// stands behind it, and late markers of a hole as soon as data stands behind them, whoever sends them. A run must not
// begin with a new epoch without a hole: until its first batch is in, a late batch of the run before would go in
// between (ARCHITECTURE.md, "Why takeover keeps the epoch").
//
// Markers have no sequence, so nothing compares them with the place they are meant for. What tells old requests from
// new ones is the *generation*: it grows each time a worker starts on a partition and travels as the marker's
// coordinator epoch, of which the broker refuses a lower one than it has seen (52).
//
// The producer id is chosen rather than allocated, so that every worker arrives at it without asking anybody:
//
//   bit 63   62   61 ............ 44   43 ................... 20   19 ....... 0
//   ┌────┬─────┬────────────────────┬───────────────────────────┬─────────────┐
//   │  0 │  1  │ tag of the source: │ hash(source, link) + life │  rotation   │
//   │    │     │ hash(cluster id)   │        modulo 2^24        │             │
//   └────┴─────┴────────────────────┴───────────────────────────┴─────────────┘
//
// Real producers' ids start at 0, so bit 62 keeps us apart from them. The tag says, of every batch that a mirror holds,
// which cluster it was read from: whoever reads it and would write it to that very cluster has met a loop
// (docs/loops.md). Epochs have 15 bits; when they are used up the next hole takes the next rotation. The highest rotation
// is that of fillers.
//
// A promotion closes these ids for good. Where the direction turns back later, the mirror lives again, and each of its
// lives (*incarnations*) has an id of its own: it is added to the link's hash, so that they never meet. A later life goes on with nothing but its own: what stands before
// its first run was written by others, and former ones are shut out by the closing marker.
import { createHash } from 'node:crypto';

/** The identity that a data append carries. */
export interface WriterIdentity {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly sequence: number;
}

/** Where a log stands in its runs: all that the identity of the next append follows from. */
export interface RunPosition extends WriterIdentity {
  /** The epoch is that of the run in front of the hole; data then opens the next run. */
  readonly isBehindHole: boolean;
}

/** A batch of the mirror as far as it tells who comes next. */
export interface LastWrite {
  readonly producerId: bigint;
  readonly epoch: number;
  /** -1 for a marker. */
  readonly lastSequence: number;
}

/** A producer id that the destination's leader remembers on one partition. */
export type RememberedId = Pick<LastWrite, 'producerId' | 'epoch'>;

/** What the destination's leader remembers of a producer id on one partition. */
export interface ProducerEntry extends LastWrite {
  /** -1 where no marker was written. */
  readonly coordinatorEpoch: number;
}

const lockstepBit = 1n << 62n;
const rotationBits = 0xf_ffffn;
const linkShift = 20n;
const linkBits = 0xff_ffffn;
const tagShift = 44n;
const tagBits = 0x3_ffffn;
const sequenceCount = 1n << 31n;
/** The last run's epoch in a rotation. */
export const epochMax = 32_764;
/** Never used for copying: it closes a mirror for good. */
export const closingEpoch = 32_767;
/** Coordinator epochs are 32 bits wide. */
export const generationMax = 2 ** 31 - 1;
/** Generations grow by 16 in 4 s, so that they fit into 31 bits until 2037; the low bits tell workers of one moment apart. */
const generation = { zeroMs: Date.UTC(2020, 0, 1), unitMs: 4_000, perUnit: 16 } as const;

/** As whom a worker writes: a link, in one of the mirror's lives. */
export interface MirrorLife {
  /** At any rotation. */
  readonly producerId: bigint;
  /** Default 0: the first life. Later ones begin in a log that others have written. */
  readonly incarnation?: number;
}

/**
 * The producer id of one link, at rotation 0: the same for every worker that copies `linkName` from `sourceClusterId` in
 * the same life of the mirror.
 */
export function linkProducerId(link: {
  sourceClusterId: string;
  linkName: string;
  incarnation?: number;
}): bigint {
  const { sourceClusterId, linkName, incarnation = 0 } = link;
  const hash = sha256(`${sourceClusterId}\n${linkName}`) & linkBits;
  const life = (hash + BigInt(incarnation)) & linkBits;
  return lockstepBit | (clusterTag(sourceClusterId) << tagShift) | (life << linkShift);
}

/** Lives of a mirror in which its link is looked for; roles turn a few times in years. */
const livesMax = 1_024n;

/** Whether this id is that of the link, at any rotation and in one of its first thousand lives. */
export function isIdOfLink(
  producerId: bigint,
  link: { readonly sourceClusterId: string; readonly linkName: string },
): boolean {
  const first = linkProducerId(link);
  if (sourceTagOf(producerId) !== sourceTagOf(first)) return false;
  return (((producerId >> linkShift) - (first >> linkShift)) & linkBits) < livesMax;
}

/** What the producer ids of all links that read from this cluster have in common: 18 bits of its id's hash. */
export function clusterTag(clusterId: string): bigint {
  return sha256(clusterId) & tagBits;
}

/** The tag of the cluster that a batch was read from, as its producer id names it; null where no mirror wrote it. */
export function sourceTagOf(producerId: bigint): bigint | null {
  return isLockstepProducerId(producerId) ? (producerId >> tagShift) & tagBits : null;
}

function sha256(text: string): bigint {
  return createHash('sha256').update(text).digest().readBigUInt64BE();
}

/** Whether some Lockstep link chose this producer id. */
export function isLockstepProducerId(producerId: bigint): boolean {
  return producerId >= lockstepBit;
}

/** The same link's producer id at rotation 0. */
export function unrotated(producerId: bigint): bigint {
  return producerId & ~rotationBits;
}

/** Whether both are ids of one link in one life of its mirror, at any rotation. */
export function isSameLife(producerId: bigint, other: bigint): boolean {
  return unrotated(producerId) === unrotated(other);
}

export function isLaterLife({ incarnation = 0 }: MirrorLife): boolean {
  return incarnation > 0;
}

/**
 * Whether a life goes on with what this id wrote. The first one does with that of any link: it may have had another
 * name. Later ones do with their own alone.
 */
export function isContinued(producerId: bigint, life: MirrorLife): boolean {
  if (isLaterLife(life)) return unrotated(producerId) === unrotated(life.producerId);
  return isLockstepProducerId(producerId);
}

/**
 * Of the ids that the leader remembers, the one that the link writes with; rotation 0 where it remembers none. Closing
 * takes that one and the next, so of a mirror that is closed already, or in part, it is the first that is closed.
 */
function linkRotation(producerId: bigint, remembered: readonly RememberedId[]): bigint {
  const own = remembered.filter(
    (write) => unrotated(write.producerId) === unrotated(producerId) && !isFillerProducerId(write.producerId),
  );
  const closed = own.filter(({ epoch }) => epoch === closingEpoch).map((write) => write.producerId);
  if (closed.length > 0) return closed.reduce((first, id) => (id < first ? id : first));
  return own.reduce((newest, write) => (write.producerId > newest ? write.producerId : newest), producerId);
}

/**
 * Of each link that the leader remembers the newest id, and that of ours: a mirror that was taken over from a link with
 * another name goes on under that one's ids (`positionAt`). In a later life ours alone.
 */
export function writersOf(life: MirrorLife, remembered: readonly RememberedId[]): bigint[] {
  const continued = remembered.filter(({ producerId }) => isContinued(producerId, life));
  const links = new Set([life, ...continued].map(({ producerId }) => unrotated(producerId)));
  return [...links].map((link) => linkRotation(link, remembered));
}

/** Batches that stand for offsets below the source's start are written under a rotation of their own. */
export function isFillerProducerId(producerId: bigint): boolean {
  return isLockstepProducerId(producerId) && (producerId & rotationBits) === rotationBits;
}

/** The identity of a filler batch at `offset`. */
export function fillerIdentityAt(producerId: bigint, offset: bigint): WriterIdentity {
  return { producerId: producerId | rotationBits, epoch: 0, sequence: sequenceAt(offset) };
}

/** The sequence of the record after `count` records from `sequence` on; wraps from 2^31-1 to 0 as Kafka's does. */
export function sequenceAfter(sequence: number, count: number): number {
  return Number((BigInt(sequence) + BigInt(count)) % sequenceCount);
}

/** The sequence of the record at `offset` in the first run of a rotation, and of a filler. */
export function sequenceAt(offset: bigint): number {
  return Number(offset % sequenceCount);
}

/** What is known of a log that `positionAt` judges. */
export interface KnownWrites extends MirrorLife {
  /** The newest batch; null when none can be read. */
  readonly tail: (LastWrite & { readonly isControl: boolean }) | null;
  /** The newest data batch, where the newest batch is a marker; null when it was not found. */
  readonly newestData: LastWrite | null;
  readonly entries: readonly ProducerEntry[];
}

/**
 * Where the log that ends at `offset` stands. The newest batch tells; where none can be read, the leader's entry of
 * our producer id. A log that tells neither is at the start of a first run, as every worker can compute.
 */
export function positionAt(offset: bigint, known: KnownWrites): RunPosition {
  const { tail, newestData } = known;
  const continues = (write: LastWrite | null): boolean =>
    write !== null && isContinued(write.producerId, known);
  // A link that had another name: an agent with the former one may still be there, so we go on with what it goes on with.
  const writer = [tail, newestData].find(continues);
  const link = unrotated(writer?.producerId ?? known.producerId);
  const firstRun: RunPosition = {
    producerId: link,
    epoch: 0,
    sequence: sequenceAt(offset),
    isBehindHole: false,
  };
  const entries = known.entries.filter(
    (entry) => unrotated(entry.producerId) === link && !isFillerProducerId(entry.producerId),
  );
  if (tail === null) {
    const entry = newest(entries);
    if (entry === undefined) return firstRun;
    return isHoleEpoch(entry.epoch) ? behindHole(entry, entry.epoch - 1) : behindData(entry, offset);
  }
  if (isFillerProducerId(tail.producerId)) return firstRun;
  if (!tail.isControl) {
    if (isLaterLife(known) && !continues(tail)) return firstRun;
    const entry = entries.find(
      ({ producerId, epoch }) => producerId === tail.producerId && epoch === tail.epoch,
    );
    return behindData(entry ?? tail, offset);
  }
  if (continues(tail)) return behindHole(tail, tail.epoch - 1);
  // Markers of the fallback by empty transactions carry the coordinator's ids: the run in front of them tells.
  const run = (isLaterLife(known) && !continues(newestData) ? null : newestData) ?? newest(entries);
  // As whoever of this life filled that hole goes on, if it was by empty transactions: nothing else of it can be seen.
  if (run === undefined && isLaterLife(known)) return behindHole(firstRun, 0);
  if (run === undefined || isFillerProducerId(run.producerId)) return firstRun;
  return behindHole(run, isHoleEpoch(run.epoch) ? run.epoch - 1 : run.epoch);
}

function isHoleEpoch(epoch: number): boolean {
  return epoch % 2 === 1;
}

function behindHole({ producerId }: { producerId: bigint }, epoch: number): RunPosition {
  return { producerId, epoch, sequence: 0, isBehindHole: true };
}

function behindData({ producerId, epoch, lastSequence }: LastWrite, offset: bigint): RunPosition {
  const sequence = lastSequence < 0 ? sequenceAt(offset) : sequenceAfter(lastSequence, 1);
  return { producerId, epoch, sequence, isBehindHole: false };
}

function newest(entries: readonly ProducerEntry[]): ProducerEntry | undefined {
  return entries.toSorted((a, b) =>
    a.producerId === b.producerId ? b.epoch - a.epoch : a.producerId < b.producerId ? 1 : -1,
  )[0];
}

/** The identity of a data append at the log's end. */
export function identityOf(position: RunPosition): WriterIdentity {
  const { producerId, epoch, sequence, isBehindHole } = position;
  if (!isBehindHole) return { producerId, epoch, sequence };
  const hole = markersOf(position);
  return { producerId: hole.producerId, epoch: hole.epoch + 1, sequence: 0 };
}

/**
 * The identity of markers at the log's end. When the epochs are used up it is the markers that begin the next rotation,
 * not the data: so late ones are refused as everywhere, by the epoch of the data behind them.
 */
export function markersOf({ producerId, epoch }: RunPosition): { producerId: bigint; epoch: number } {
  if (epoch < epochMax) return { producerId, epoch: epoch + 1 };
  return { producerId: producerId + 1n, epoch: 1 };
}

/** Where the log stands after an append of `recordCount` records under `identity`. */
export function positionAfter(identity: WriterIdentity, recordCount: number): RunPosition {
  return { ...identity, sequence: sequenceAfter(identity.sequence, recordCount), isBehindHole: false };
}

/** Where the log stands after markers. */
export function positionBehindHole(position: RunPosition): RunPosition {
  const hole = markersOf(position);
  return behindHole(hole, hole.epoch - 1);
}

/**
 * The generation of a worker that starts now: above all that wrote markers before it, and growing with time.
 * @param random in [0, 1). Brokers take markers of equal generations, so workers that start together should differ.
 */
export function generationAfter(
  entries: readonly ProducerEntry[],
  { nowMs, random }: { nowMs: number; random: number },
): number {
  const { zeroMs, unitMs, perUnit } = generation;
  const seen = Math.max(-1, ...entries.map((entry) => entry.coordinatorEpoch));
  const now = Math.floor((nowMs - zeroMs) / unitMs) * perUnit;
  return Math.min(Math.max(seen + 1, now) + Math.floor(random * perUnit), generationMax);
}

/** Whether a marker with the closing epoch has ended this life of the mirror: it is not copied into the log any more. */
export function isClosed(
  entries: readonly ProducerEntry[],
  tail: LastWrite | null,
  life: MirrorLife,
): boolean {
  return [...entries, ...(tail === null ? [] : [tail])].some(
    ({ producerId, epoch }) => isContinued(producerId, life) && epoch === closingEpoch,
  );
}
