// Over how many lanes the quiet partitions of one broker are spread because they are many, and which of them move. Pure.
//
// A broker looks at every partition of a session for each fetch, five times where it has to wait, and holds on to what it
// made of each until a thousand fetches have ended (`fetch.purgatory.purge.interval.requests`): one record of a quiet
// partition cost a broker a hundred kilobytes of heap with a thousand in the session, and its collector stopped it for 10 to
// 40 ms twice a second. In a lane of two hundred and fifty it is a quarter of that.
//
// Where new records are spread thinly over all partitions, each lane would keep a core of the broker busy for itself. So
// lanes rest between two requests: all of them together are asked for as often as one lane could ask.

/** Wider lanes are worth another one. */
export const lanePartitionsMax = 250;
/** Beyond that lanes become wider: each has a connection, and with it memory of ours and of the broker. */
export const wideLanesMax = 8;
/**
 * How long a broker may wait for news of thousands, ms for each of them and at most: it looks at all of them once it has. Who
 * enters a lane waits as long.
 */
const waitMsEach = 0.2;
const waitMsMax = 2_000;
/** What a fetch takes a warm broker for each partition, ms; measured: 6 microseconds. */
const fetchMsEach = 0.005;
/** Lanes that differ less stay as they are: whoever moves is not heard of for up to one wait of the lane that it enters. */
const slackShare = 1 / 4;

/** `former`: how many there are; none is given up before half of the lanes would do. */
export function wideLaneCount(followedCount: number, former: number): number {
  const forWidth = (width: number): number =>
    Math.max(1, Math.min(wideLanesMax, Math.ceil(followedCount / width)));
  return Math.min(Math.max(former, forWidth(lanePartitionsMax)), forWidth(lanePartitionsMax / 2));
}

/** From one request of a lane to its next one, ms, where all lanes together follow so many. */
export function wideGapMs(followedCount: number): number {
  return followedCount * fetchMsEach;
}

/** How long a broker may wait for news, ms, where all lanes together follow so many; a link's own wait may be longer. */
export function wideWaitMs(followedCount: number): number {
  return Math.min(waitMsMax, Math.round(followedCount * waitMsEach));
}

/** One lane gives so many to another one. */
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
