// How many connections read one source broker, and how many fetches are under way on each. Pure: figures in, plan out.
//
// Over a long way one connection carries no more than the broker's send buffer in each round trip, whatever the network
// could do (100 KiB and 80 ms: 1.28 MB/s). Two things help, and which of them does is found out, not assumed:
//
//   two fetches on one connection   the broker begins to send the second answer while the request for the next one is
//                                   still on its way: nothing stands still for a round trip between two answers. A third
//                                   where answers come so fast that the second is over when that request arrives
//   more connections                each has a window of its own. Tried by doubling, while there is a backlog that our
//                                   side does not hold up: kept if the rate grew at least half as much as hoped for,
//                                   given back if not, and tried again after a pause that grows
//
// Nearby (below `roundTripMsMin`) neither gives anything, and one connection with one fetch is what there is.

/** What one broker's readers saw. */
export interface LaneFigures {
  /** By a clock that never goes back. */
  readonly nowMs: number;
  /** Read off the connections so far. */
  readonly readBytes: number;
  /** Partitions that catch up. */
  readonly behindCount: number;
  /** Of the time since the last look, how much of it lanes with a backlog spent waiting for answers, 0 to 1. */
  readonly waitingShare: number;
  /** Every lane is connected, and reads what it is to read. */
  readonly isSettled: boolean;
  /** The shortest seen. */
  readonly roundTripMs: number;
}

export interface LanePlan {
  readonly connections: number;
  /** Fetches under way on each, 1 to 3. */
  readonly depth: number;
}

/** A link's `fetchConnections`. */
export type FetchConnections = 'auto' | number;

/** From here on a way counts as long, ms: within a data centre it takes less, and one connection carries all there is. */
export const roundTripMsMin = 2;
/** Connections to one broker that are opened without being asked for. */
export const autoConnectionsMax = 8;
/** Below that our side, or the destination, is what holds things up. */
const waitingShareMin = 0.7;
/** How long a rate is measured before it is believed, ms. */
const measuredMs = 3_000;
/** What a change takes until its figures count, ms, once all lanes read what they are to read. */
const settlingMs = 1_000;
/** A change that does not settle is judged all the same, ms. */
const settlingMsMax = 15_000;
/** Of the growth hoped for; less is not worth a connection. */
const gainShareMin = 0.5;
const pauseMsMin = 60_000;
const pauseMsMax = 600_000;
/** A connection that brings this much in a round trip is quick: an answer has 4 MiB at most. */
const quickBytesMin = 2 ** 20;
/** Looks in a row without a backlog for it before another fetch on a connection is given up. */
const depthLooks = 3;

interface Measuring {
  readonly fromMs: number;
  readonly fromBytes: number;
}

interface Trial {
  readonly former: number;
  /** Bytes per ms. */
  readonly formerRate: number;
  readonly sinceMs: number;
}

/** Decides, look for look, about one broker. */
export class FetchLanes {
  readonly #fixed: number | null;
  #connections: number;
  #depth = 1;
  #looksWithout = 0;
  #isQuick = false;
  #former: { readonly nowMs: number; readonly readBytes: number } | null = null;
  #measuring: Measuring | null = null;
  #settledAtMs: number | null = null;
  #trial: Trial | null = null;
  #failures = 0;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(connections: FetchConnections) {
    this.#fixed = connections === 'auto' ? null : connections;
    this.#connections = this.#fixed ?? 1;
  }

  get plan(): LanePlan {
    return { connections: this.#connections, depth: this.#depth };
  }

  next(figures: LaneFigures): LanePlan {
    const isLong = figures.roundTripMs >= roundTripMsMin;
    this.#lookAtRate(figures);
    if (this.#fixed === null) this.#connections = isLong ? this.#tried(figures) : 1;
    this.#depth = isLong ? this.#depthFor(figures) : 1;
    return this.plan;
  }

  /** Each fetch on a connection needs a partition with a backlog: one without it would only wait before the others. */
  #depthFor({ behindCount }: LaneFigures): number {
    const depth = Math.max(1, Math.min(this.#isQuick ? 3 : 2, Math.floor(behindCount / this.#connections)));
    if (depth >= this.#depth) {
      this.#looksWithout = 0;
      return depth;
    }
    this.#looksWithout += 1;
    return this.#looksWithout < depthLooks ? this.#depth : depth;
  }

  /** Whether an answer comes in hardly more than the time that the next request takes to get there. */
  #lookAtRate({ nowMs, readBytes, roundTripMs }: LaneFigures): void {
    const { nowMs: formerMs, readBytes: formerBytes } = this.#former ?? { nowMs, readBytes };
    this.#former = { nowMs, readBytes };
    if (nowMs === formerMs) return;
    const perTripBytes = (((readBytes - formerBytes) / (nowMs - formerMs)) * roundTripMs) / this.#connections;
    this.#isQuick = perTripBytes >= (this.#isQuick ? quickBytesMin / 2 : quickBytesMin);
  }

  #tried(figures: LaneFigures): number {
    const { nowMs, readBytes, behindCount, waitingShare, isSettled } = figures;
    const trial = this.#trial;
    if (behindCount === 0 || (waitingShare < waitingShareMin && trial === null)) {
      // Nothing to be learnt. What was only being tried is given back, and nothing is held against it.
      this.#measuring = null;
      this.#settledAtMs = null;
      this.#trial = null;
      return trial?.former ?? this.#connections;
    }
    if (this.#measuring === null) {
      if (isSettled) this.#settledAtMs ??= nowMs;
      const isDue = this.#settledAtMs !== null && nowMs - this.#settledAtMs >= settlingMs;
      const isLate = trial !== null && nowMs - trial.sinceMs >= settlingMsMax;
      if (isDue || isLate) this.#measuring = { fromMs: nowMs, fromBytes: readBytes };
      return this.#connections;
    }
    const passedMs = nowMs - this.#measuring.fromMs;
    if (passedMs < measuredMs) return this.#connections;
    const rate = (readBytes - this.#measuring.fromBytes) / passedMs;
    if (trial !== null) return this.#judged(trial, rate, figures);
    const more = Math.min(autoConnectionsMax, behindCount, this.#connections * 2);
    if (more > this.#connections && nowMs >= this.#notBeforeMs) return this.#begin(more, rate, nowMs);
    this.#measuring = { fromMs: nowMs, fromBytes: readBytes };
    return this.#connections;
  }

  #begin(connections: number, rate: number, nowMs: number): number {
    this.#trial = { former: this.#connections, formerRate: rate, sinceMs: nowMs };
    this.#measuring = null;
    this.#settledAtMs = null;
    return connections;
  }

  #judged({ former, formerRate }: Trial, rate: number, { nowMs, readBytes }: LaneFigures): number {
    const hopedFor = this.#connections / former - 1;
    const isWorthIt = rate >= formerRate * (1 + gainShareMin * hopedFor);
    this.#trial = null;
    if (isWorthIt) {
      this.#failures = 0;
      // What was measured is what the next trial is held against.
      this.#measuring = { fromMs: nowMs, fromBytes: readBytes };
      return this.#connections;
    }
    this.#measuring = null;
    this.#settledAtMs = null;
    this.#notBeforeMs = nowMs + Math.min(pauseMsMax, pauseMsMin * 2 ** this.#failures);
    this.#failures += 1;
    return former;
  }
}

/** A partition that is to move from one lane to another. */
export interface Move {
  readonly key: string;
  readonly to: number;
}

/** What one lane reads; `behind` of `keys` catch up. */
export interface LaneLoad {
  readonly keys: readonly string[];
  readonly behind: readonly string[];
  /** To be given up: everything leaves it. */
  readonly isLeaving: boolean;
}

/**
 * Which partitions move, so that lanes that stay have as many of those that catch up as the others, give or take one.
 * Few move: each leaves the session of a reader and enters another's.
 */
export function levelled(lanes: readonly LaneLoad[]): Move[] {
  const staying = lanes.flatMap((lane, index) => (lane.isLeaving ? [] : [index]));
  if (staying.length === 0) return [];
  const moves: Move[] = [];
  const behind = lanes.map((lane) => (lane.isLeaving ? [] : [...lane.behind]));
  const sizes = lanes.map((lane) => lane.keys.length);
  const least = (count: (index: number) => number): number =>
    staying.reduce((best, index) => (count(index) < count(best) ? index : best));
  const behindCount = (index: number): number => behind[index]!.length;
  for (const lane of lanes) {
    if (!lane.isLeaving) continue;
    const catchesUp = new Set(lane.behind);
    for (const key of lane.keys) {
      const to = least(catchesUp.has(key) ? behindCount : (index) => sizes[index]!);
      if (catchesUp.has(key)) behind[to]!.push(key);
      sizes[to]! += 1;
      moves.push({ key, to });
    }
  }
  for (;;) {
    const to = least(behindCount);
    const from = least((index) => -behindCount(index));
    if (behindCount(from) - behindCount(to) < 2) return moves;
    const key = behind[from]!.pop()!;
    behind[to]!.push(key);
    const known = moves.findIndex((move) => move.key === key);
    if (known >= 0) moves.splice(known, 1);
    moves.push({ key, to });
  }
}
