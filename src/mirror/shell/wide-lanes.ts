// Over how many lanes partitions of one broker are spread because they are many, and which of them move. Pure.
//
// A broker looks at every partition of a session for each fetch, so that a new record of a quiet partition takes a look at
// all that its lane follows: of two hundred and fifty, not of a thousand. A lane costs a connection and two fetches a
// second; all in all a broker looks at as many partitions as before.

/** Wider lanes are worth another one. */
export const lanePartitionsMax = 250;
/** Beyond that lanes become wider: each has a connection, and with it memory of ours and of the broker. */
export const wideLanesMax = 4;
/** Lanes that differ less stay as they are: whoever moves is not heard of for up to one wait of the lane that it enters. */
const slackShare = 1 / 4;

export function wideLaneCount(followedCount: number): number {
  return Math.max(1, Math.min(wideLanesMax, Math.ceil(followedCount / lanePartitionsMax)));
}

/** One lane gives these to another one. */
export interface Evened {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** What moves, so that lanes of these sizes are alike; nothing where they are nearly so. */
export function evened(sizes: readonly number[]): Evened[] {
  const fair = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  if (sizes.every((size) => size <= Math.ceil(fair * (1 + slackShare)))) return [];
  const left = sizes.map((size) => size - Math.ceil(fair));
  const moves: Evened[] = [];
  for (const [from, surplus] of left.entries()) {
    let rest = surplus;
    for (let to = 0; to < left.length && rest > 0; to++) {
      const count = Math.min(rest, -left[to]!);
      if (count <= 0) continue;
      left[to]! += count;
      rest -= count;
      moves.push({ from, to, count });
    }
  }
  return moves;
}
