// Transactions that the cut went through: some of their records came over, others did not. Each partition tells its part
// only, so parts have to be recognised as one transaction.
//
// - A producer's transactions follow one another: one has its markers everywhere before the next one begins.
// - With KIP-890 each has an epoch of its own, and its markers the next one: producer id and epoch name it. (A Kafka 4
//   client on a Kafka 4 broker.)
// - Else its markers are written within moments: parts whose markers stand close together in time, each on another
//   partition, are taken for one. That is likely, not certain, and said so.
import type { TransactionPart } from './log-scan.ts';
import type { LostTransaction } from './types.ts';

/** A part, and where it stands; offsets as at the new primary. */
export interface PlacedPart extends TransactionPart {
  readonly topic: string;
  readonly partition: number;
  readonly cutOffset: bigint;
}

/** Markers of one transaction are written within this, ms, unless a broker is down. */
const markersApartMsMax = 2_000n;

interface Whole {
  readonly parts: readonly PlacedPart[];
  readonly matchedBy: 'epoch' | 'time';
}

export interface CutTransactions {
  readonly split: readonly LostTransaction[];
  /** Committed, and all of it is behind the cuts. */
  readonly lostCount: number;
}

/** Committed transactions by what the cuts did to them. `idOf`: transactional ids as far as the source tells. */
export function cutTransactions(
  parts: readonly PlacedPart[],
  idOf: ReadonlyMap<bigint, string>,
): CutTransactions {
  const split: LostTransaction[] = [];
  let lostCount = 0;
  for (const { parts: own, matchedBy } of wholes(parts.filter(({ end }) => end?.isCommit === true))) {
    const here = own.filter(({ from, cutOffset }) => from < cutOffset);
    const missing = own.filter(({ to, cutOffset }) => to >= cutOffset);
    if (missing.length === 0) continue;
    if (here.length === 0) {
      lostCount += 1;
      continue;
    }
    const { producerId } = own[0]!;
    split.push({
      kind: 'split',
      transactionalId: idOf.get(producerId) ?? null,
      producerId: String(producerId),
      outcome: 'committed',
      here: here.map(({ topic, partition }) => `${topic}-${partition}`),
      missing: missing.map(
        ({ topic, partition, from, cutOffset }) =>
          `${topic}-${partition} from ${from < cutOffset ? cutOffset : from}`,
      ),
      // One partition alone is no matter of matching.
      matchedBy: own.length === 1 ? 'epoch' : matchedBy,
    });
  }
  return { split, lostCount };
}

function wholes(parts: readonly PlacedPart[]): Whole[] {
  const own = (part: PlacedPart): boolean => part.end!.epoch === part.producerEpoch + 1;
  const named = Map.groupBy(parts.filter(own), (part) => `${part.producerId}/${part.producerEpoch}`);
  const byEpoch = Array.from(named.values(), (each): Whole => ({ parts: each, matchedBy: 'epoch' }));
  const others = Map.groupBy(
    parts.filter((part) => !own(part)),
    ({ producerId }) => producerId,
  );
  return [...byEpoch, ...[...others.values()].flatMap(byTime)];
}

function byTime(parts: readonly PlacedPart[]): Whole[] {
  const inOrder = [...parts].sort((a, b) => Number(a.end!.atMs - b.end!.atMs));
  const found: { parts: PlacedPart[]; places: Set<string> }[] = [];
  for (const part of inOrder) {
    const place = `${part.topic}-${part.partition}`;
    const current = found.at(-1);
    const fits =
      current !== undefined &&
      !current.places.has(place) &&
      current.parts[0]!.producerEpoch === part.producerEpoch &&
      part.end!.atMs - current.parts[0]!.end!.atMs <= markersApartMsMax;
    if (!fits) found.push({ parts: [part], places: new Set([place]) });
    else {
      current.parts.push(part);
      current.places.add(place);
    }
  }
  return found.map((each) => ({ parts: each.parts, matchedBy: 'time' }));
}
