// Who gets what, as a function of what members hold and what it costs.
//
// What a living member works on stays there. What nobody has goes to whoever has least. Only when the load is uneven
// beyond a tolerance are items taken away, a few in each round: they are stopped first, and given out in the round
// that follows (KIP-429). Nothing is remembered between rounds but whether the evening out is done.

export interface Claim {
  readonly memberId: string;
  /** Of the sharing out by which it holds what it holds: of two that claim an item, the later one has it. */
  readonly generation: number;
  readonly owned: readonly string[];
  /** Being stopped: nobody may have them in this round. */
  readonly releasing: readonly string[];
  /** Gets nothing more. */
  readonly isLeaving: boolean;
}

export interface ShareOptions {
  /** Everything there is to do. */
  readonly keys: readonly string[];
  readonly members: readonly Claim[];
  /** bytes/s by key; absent where unknown. */
  readonly load: ReadonlyMap<string, number>;
  /** The round before took items away to even the load out: go on until it is even. */
  readonly isSettling: boolean;
}

export interface Shares {
  /** Keys by member id, of every member. */
  readonly keys: ReadonlyMap<string, readonly string[]>;
  /** For the next round: items were taken away in this one. */
  readonly isSettling: boolean;
}

/** What a partition costs without any data, in bytes/s: a thousand idle ones cost as much as some MB/s. */
const baseCost = 10_000;
/** Evening out begins when heaviest and lightest member differ by more than this share of the average. */
const toleranceShare = 0.2;
/** Once begun it goes on down to this. */
const settledShare = 0.05;
/** Items taken away in one round: this share of all, and at least so many. */
const movesShareMax = 0.05;
const movesMin = 4;

interface Bin {
  readonly memberId: string;
  readonly kept: Map<string, number>;
  readonly given: string[];
  weight: number;
}

/** Shares out. The same input gives the same answer, in whatever order members and keys come. */
export function assign(options: ShareOptions): Shares {
  const keys = [...new Set(options.keys)].sort();
  const members = [...options.members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const weightOf = weigh(keys, options.load);
  const holders = holdersOf(members);

  const bins = new Map<string, Bin>();
  for (const { memberId } of members) bins.set(memberId, { memberId, kept: new Map(), given: [], weight: 0 });
  const free: string[] = [];
  for (const key of keys) {
    const holder = holders.get(key);
    if (holder === undefined) free.push(key);
    else if (holder !== null) keep(bins.get(holder)!, key, weightOf(key));
  }
  const takers = members.filter(({ isLeaving }) => !isLeaving).map(({ memberId }) => bins.get(memberId)!);
  if (takers.length > 0) give(free, takers, weightOf);

  const heaviestGiven = free.reduce((most, key) => Math.max(most, weightOf(key)), 0);
  const movedCount = evenOut(takers, {
    toleranceShare: options.isSettling ? settledShare : toleranceShare,
    // Something new is not a reason to move something else.
    toleranceMin: heaviestGiven,
    movesMax: movesMaxOf(keys.length),
  });
  return {
    keys: new Map([...bins.values()].map((bin) => [bin.memberId, [...bin.kept.keys(), ...bin.given].sort()])),
    isSettling: movedCount > 0,
  };
}

/** How many items of so many a round takes away at most. */
export function movesMaxOf(itemCount: number): number {
  return Math.max(movesMin, Math.ceil(itemCount * movesShareMax));
}

/** An item costs its load and something besides; one that nobody has measured counts as an average one. */
function weigh(keys: readonly string[], load: ReadonlyMap<string, number>): (key: string) => number {
  const known = keys.map((key) => load.get(key)).filter((cost) => cost !== undefined);
  const average = known.length === 0 ? 0 : known.reduce((sum, cost) => sum + cost, 0) / known.length;
  return (key) => baseCost + (load.get(key) ?? average);
}

/**
 * Who has an item: the later of two claims holds. null: nobody may have it yet, because somebody is still stopping it,
 * or because two claim it of one sharing out, which can't be, so that both have to let go first. Absent: it is free.
 */
function holdersOf(members: readonly Claim[]): ReadonlyMap<string, string | null> {
  const best = new Map<string, { memberId: string | null; generation: number }>();
  for (const { memberId, generation, owned } of members) {
    for (const key of owned) {
      const other = best.get(key);
      if (other === undefined || other.generation < generation) best.set(key, { memberId, generation });
      else if (other.generation === generation) best.set(key, { memberId: null, generation });
    }
  }
  const holders = new Map<string, string | null>();
  for (const { releasing } of members) for (const key of releasing) holders.set(key, null);
  for (const [key, { memberId }] of best) holders.set(key, memberId);
  return holders;
}

function keep(bin: Bin, key: string, weight: number): void {
  bin.kept.set(key, weight);
  bin.weight += weight;
}

/** Heaviest first, each to the one that has least. */
function give(free: readonly string[], takers: readonly Bin[], weightOf: (key: string) => number): void {
  const heaviestFirst = [...free].sort((a, b) => weightOf(b) - weightOf(a));
  for (const key of heaviestFirst) {
    const lightest = takers.reduce((least, bin) => (isLighter(bin, least) ? bin : least));
    lightest.given.push(key);
    lightest.weight += weightOf(key);
  }
}

function isLighter(one: Bin, other: Bin): boolean {
  if (one.weight !== other.weight) return one.weight < other.weight;
  return one.kept.size + one.given.length < other.kept.size + other.given.length;
}

/** Takes items away from those who have too much; returns how many. They count for the one that will get them. */
function evenOut(
  bins: readonly Bin[],
  limits: { toleranceShare: number; toleranceMin: number; movesMax: number },
): number {
  if (bins.length < 2) return 0;
  const average = bins.reduce((sum, { weight }) => sum + weight, 0) / bins.length;
  const tolerance = Math.max(average * limits.toleranceShare, limits.toleranceMin);
  const lightestFirst = new Map(
    bins.map((bin) => [bin, [...bin.kept].sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1))]),
  );
  let movedCount = 0;
  for (; movedCount < limits.movesMax; movedCount += 1) {
    const byWeight = [...bins].sort((a, b) => b.weight - a.weight);
    const to = byWeight.at(-1)!;
    const from = byWeight.find(
      (bin) =>
        bin.weight - to.weight > tolerance &&
        fitting(lightestFirst.get(bin)!, (bin.weight - to.weight) / 2) >= 0,
    );
    if (from === undefined) break;
    const candidates = lightestFirst.get(from)!;
    const [[key, weight]] = candidates.splice(fitting(candidates, (from.weight - to.weight) / 2), 1) as [
      [string, number],
    ];
    from.kept.delete(key);
    from.weight -= weight;
    to.weight += weight;
  }
  return movedCount;
}

/** The heaviest of them that is not above `weightMax`: few moves, and none that makes things worse. -1: none. */
function fitting(lightestFirst: readonly (readonly [string, number])[], weightMax: number): number {
  return lightestFirst.findLastIndex(([, weight]) => weight <= weightMax);
}
