// How the end of a remote topic's partition lies in its source: pure, by content alone.
//
// The problem: MirrorMaker 2 writes down how far it has come after it has copied, so that after a crash it copies some
// records again. The remote log is a chain of runs, each a stretch of the source, and a later run may end before an
// earlier one did:
//
//   source   1  2  3  4  5  6  7  8  9 ...
//   remote   1  2  3  4  5  6 │ 3  4              two runs; everything up to 6 is there, so the copy goes on at 7
//
// The answer: from the end of the remote log backwards, each record is looked for in the source, and where it stands more
// than once there, the place at which most of the records before it fit is taken. Two places that fit alike are told apart
// by nobody: then nothing is said. What MirrorMaker 2 left out rightly (aborted records, where it reads read_committed)
// and what compaction took is allowed for.

/** A record as it takes part in the comparison. */
export interface SeenRecord {
  readonly offset: bigint;
  /** ms. */
  readonly timestamp: bigint;
  /** Of timestamp, key, value and headers. */
  readonly digest: string;
  /** Of the key; null where it has none. */
  readonly key: string | null;
  /** Of a transaction that was aborted: MirrorMaker 2 has copied it unless it reads read_committed. */
  readonly isAborted: boolean;
}

export interface AlignInput {
  /** Consecutive records of the remote log up to its end, without markers. */
  readonly remote: readonly SeenRecord[];
  /** Consecutive records of the source without markers: at least all from the first one that `remote` may hold. */
  readonly source: readonly SeenRecord[];
  /** The topic is compacted at either side: records may be missing whose key comes again. */
  readonly isCompacted: boolean;
  /** `remote` begins where the remote log does, so nothing stands before it. */
  readonly isWholeRemote: boolean;
}

/** Where the records of the remote log stand in the source. */
export interface Alignment {
  /** By index in `remote`: the index in `source`; null where the source does not hold the record (any more). */
  readonly places: readonly (number | null)[];
  /** The index in `source` of the furthest record that was copied. */
  readonly furthest: number;
  /** From this index in `source` on up to `furthest`, everything that should be in `remote` is. */
  readonly coveredFrom: number;
  /** How often MirrorMaker 2 went back in this stretch. */
  readonly runCount: number;
  /** Records of this stretch that stand in the remote log again. */
  readonly doubledCount: number;
  /** Aborted records of the source that were copied. */
  readonly abortedCount: number;
}

/**
 * `unclear`: more of the logs may tell. `refused`: it can't be continued, however much is looked at.
 */
export type AlignVerdict =
  | { readonly kind: 'aligned'; readonly alignment: Alignment }
  | { readonly kind: 'unclear'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** Places that one record is tried at, and how far each is followed. */
const placesMax = 256;
const stepsMax = 2_000;

export function align(input: AlignInput): AlignVerdict {
  const { remote, source } = input;
  const last = remote.at(-1);
  if (last === undefined) return { kind: 'unclear', reason: 'the remote topic holds no record there' };
  const byDigest = new Map<string, number[]>();
  for (const [index, { digest }] of source.entries()) {
    const places = byDigest.get(digest);
    if (places === undefined) byDigest.set(digest, [index]);
    else places.push(index);
  }
  if (!byDigest.has(last.digest)) {
    return {
      kind: 'refused',
      reason: `the newest record of the remote topic (offset ${last.offset}) does not stand at the source: it was deleted there, changed on the way (transforms), or somebody else wrote it`,
    };
  }
  const walker = new Walker(input);
  const places: (number | null)[] = remote.map(() => null);
  let runCount = 0;
  for (let index = remote.length - 1; index >= 0; ) {
    const candidates = byDigest.get(remote[index]!.digest);
    if (candidates === undefined) {
      index -= 1;
      continue;
    }
    if (candidates.length > placesMax) return unclear(remote[index]!, candidates.length);
    const lengths = candidates.map((place) => walker.follow(index, place, stepsMax));
    const longest = Math.max(...lengths);
    if (lengths.filter((length) => length === longest).length > 1)
      return unclear(remote[index]!, candidates.length);
    walker.follow(index, candidates[lengths.indexOf(longest)]!, Number.POSITIVE_INFINITY, places);
    runCount += 1;
    while (index >= 0 && places[index] !== null) index -= 1;
  }
  return judge(input, places, runCount);
}

function unclear({ offset }: SeenRecord, count: number): AlignVerdict {
  const reason = `the record at offset ${offset} of the remote topic stands at ${count} places of the source, and those around it do not tell which it is`;
  return { kind: 'unclear', reason };
}

/** Follows both logs backwards from a pair of records that are alike. */
class Walker {
  readonly #input: AlignInput;
  /** By key: the last index at which it stands. */
  readonly #lastAtSource: ReadonlyMap<string, number>;
  readonly #lastAtRemote: ReadonlyMap<string, number>;

  constructor(input: AlignInput) {
    this.#input = input;
    this.#lastAtSource = lastByKey(input.source);
    this.#lastAtRemote = lastByKey(input.remote);
  }

  /** How many records fit in a row, at most `countMax`; notes their places where `places` is given. */
  follow(index: number, place: number, countMax: number, places?: (number | null)[]): number {
    const { remote, source } = this.#input;
    let [at, from] = [index, place];
    let count = 0;
    while (at >= 0 && from >= 0 && count < countMax && (places === undefined || places[at] === null)) {
      if (remote[at]!.digest === source[from]!.digest) {
        if (places !== undefined) places[at] = from;
        count += 1;
        at -= 1;
        from -= 1;
      } else if (source[from]!.isAborted || this.mayBeCompactedAtRemote(from)) from -= 1;
      else if (this.mayBeCompactedAtSource(at)) at -= 1;
      else break;
    }
    return count;
  }

  /** The remote log may have lost what the source still has. */
  mayBeCompactedAtRemote(place: number): boolean {
    const { source, isCompacted } = this.#input;
    const { key } = source[place]!;
    return isCompacted && key !== null && this.#lastAtSource.get(key)! > place;
  }

  mayBeCompactedAtSource(index: number): boolean {
    const { remote, isCompacted } = this.#input;
    const { key } = remote[index]!;
    if (!isCompacted || key === null) return false;
    return this.#lastAtSource.has(key) || this.#lastAtRemote.get(key)! > index;
  }
}

function lastByKey(records: readonly SeenRecord[]): Map<string, number> {
  const last = new Map<string, number>();
  for (const [index, { key }] of records.entries()) if (key !== null) last.set(key, index);
  return last;
}

function judge(input: AlignInput, places: readonly (number | null)[], runCount: number): AlignVerdict {
  const { remote, source, isCompacted } = input;
  const walker = new Walker(input);
  const firstKnown = places.findIndex((place) => place !== null);
  const stranger = places.findIndex(
    (place, index) => place === null && index > firstKnown && !walker.mayBeCompactedAtSource(index),
  );
  if (stranger >= 0) {
    return {
      kind: 'refused',
      reason: `the record at offset ${remote[stranger]!.offset} of the remote topic does not stand at the source, while older ones do: it was changed on the way, or somebody else wrote it`,
    };
  }
  const copied = new Set(places.filter((place) => place !== null));
  // One by one: hundreds of thousands are more than a call takes as arguments.
  let [lowest, furthest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const place of copied) [lowest, furthest] = [Math.min(lowest, place), Math.max(furthest, place)];
  let coveredFrom = furthest;
  for (let place = furthest; place >= lowest; place--) {
    const isThere =
      copied.has(place) || source[place]!.isAborted || (isCompacted && walker.mayBeCompactedAtRemote(place));
    if (!isThere) break;
    coveredFrom = place;
  }
  if (coveredFrom > lowest) {
    const { offset } = source[coveredFrom - 1]!;
    const reason = `the record at offset ${offset} of the source is not in the remote topic, while older and newer ones are`;
    return input.isWholeRemote ? { kind: 'refused', reason } : { kind: 'unclear', reason };
  }
  const abortedCount = [...copied].filter((place) => source[place]!.isAborted).length;
  const known = places.filter((place) => place !== null).length;
  return {
    kind: 'aligned',
    alignment: {
      ...{ places, furthest, coveredFrom, runCount, abortedCount },
      doubledCount: known - copied.size,
    },
  };
}

/**
 * Where a consumer that has read the source up to (not with) `place` goes on in the remote log, as an index in `remote`:
 * the last one that holds the next record, and from which on everything up to `furthest` still comes. So each record comes
 * in the source's order, and again only where no start could avoid it. `remote.length`: at its end. Null where the
 * stretch does not reach back so far.
 */
export function positionAt({ places, furthest, coveredFrom }: Alignment, place: number): number | null {
  if (place > furthest) return places.length;
  if (place < coveredFrom) return null;
  const copied = new Set(places);
  // Nobody waits for what never came.
  const copiedFrom = (at: number, step: 1 | -1): number => {
    let found = at;
    while (found >= coveredFrom && found <= furthest && !copied.has(found)) found += step;
    return found;
  };
  const first = copiedFrom(place, 1);
  if (first > furthest) return places.length;
  const seen = new Set<number>();
  /** The furthest record that has not been met. */
  let missing = furthest;
  for (let index = places.length - 1; index >= 0; index--) {
    const at = places[index];
    if (at === null || at === undefined) continue;
    seen.add(at);
    while (missing >= coveredFrom && seen.has(missing)) missing = copiedFrom(missing - 1, -1);
    if (at === first && missing < first) return index;
  }
  return null;
}
