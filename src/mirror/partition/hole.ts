// How a hole gets its markers. Markers have no compare-and-append, and their answers prove little: refused ones are
// answered with 0 when a neighbour of the same producer id was written, and REQUEST_TIMED_OUT comes although the log
// has grown. So the log end is read before anything follows, and no request is ever sent again blindly.
//
//   claiming ──pause──► looking ──log end unmoved──► writing ──answered──► checking ──log end as meant──► done
//      (once for each generation)                       ▲                     │  │
//                                                       └──── fewer written ──┘  └─ replicas behind: look again
//
// A look is worth nothing once it is old: a claim whose request could not be sent at once looks again.
// Whatever is unclear goes through the machine's recovery, which reads the log and takes a new generation: requests
// of the old one are refused from the first marker of the new one on.
import type { LogEnds } from './state.ts';

/** A hole that is being filled. It begins at the mirror's end. */
export interface FillingHole {
  /** The first offset behind the hole. */
  readonly end: bigint;
  readonly phase: 'claiming' | 'looking' | 'writing' | 'checking';
  /** Markers in the request under way, or just answered. */
  readonly sentCount: number;
}

/** What an event means for the hole. */
export type HoleDecision =
  | { readonly next: 'pause'; readonly hole: FillingHole; readonly kind: 'claim' | 'replicas' }
  | { readonly next: 'readLogEnd'; readonly hole: FillingHole }
  /** Offsets below `mirrorEnd` are in; `hole.sentCount` markers more are to be written. */
  | { readonly next: 'write'; readonly hole: FillingHole; readonly mirrorEnd: bigint }
  | { readonly next: 'done'; readonly mirrorEnd: bigint }
  | { readonly next: 'recover'; readonly reason: string }
  | { readonly next: 'notAuthorized'; readonly reason: string }
  | { readonly next: 'diverged'; readonly reason: string };

/** Markers between two looks at the log end; a broker writes about 30,000 a second. */
const markersPerWriteMax = 5_000;

const noError = 0;
const requestTimedOut = 7;
const topicAuthorizationFailed = 29;
const clusterAuthorizationFailed = 31;
const transactionalIdAuthorizationFailed = 53;
const missingRights = new Set([
  topicAuthorizationFailed,
  clusterAuthorizationFailed,
  transactionalIdAuthorizationFailed,
]);
const fencedCodes = new Set([47, 52, 90]);

/** The first thing to do at a hole; who has not written a marker in this generation yet looks before it leaps. */
export function enterHole(hole: { mirrorEnd: bigint; end: bigint; isClaimed: boolean }): HoleDecision {
  const { mirrorEnd, end, isClaimed } = hole;
  if (isClaimed) return write(end, mirrorEnd);
  return { next: 'pause', kind: 'claim', hole: { end, phase: 'claiming', sentCount: 0 } };
}

/** A pause is over. */
export function holeTimer(hole: FillingHole): HoleDecision {
  if (hole.phase === 'claiming') return { next: 'readLogEnd', hole: { ...hole, phase: 'looking' } };
  return { next: 'readLogEnd', hole };
}

/** The broker answered for all markers of the request. */
export function holeAnswered(hole: FillingHole, errorCode: number, reason: string): HoleDecision {
  if (errorCode === noError || errorCode === requestTimedOut) {
    return { next: 'readLogEnd', hole: { ...hole, phase: 'checking' } };
  }
  if (missingRights.has(errorCode)) {
    return { next: 'notAuthorized', reason: `filling a hole: ${reason}` };
  }
  const who = fencedCodes.has(errorCode)
    ? 'a worker that started later has written markers here'
    : 'markers were refused';
  return { next: 'recover', reason: `${who} (${reason})` };
}

/** The request was held back because the look before it had become too old: look again. */
export function holeNotSent(hole: FillingHole): HoleDecision {
  return { next: 'readLogEnd', hole: { ...hole, phase: 'looking' } };
}

/** The leader's log end was read. `mirrorEnd` is where the log ended before the request. */
export function holeLogEndRead(hole: FillingHole, mirrorEnd: bigint, ends: LogEnds): HoleDecision {
  const { logEnd, highWatermark } = ends;
  if (hole.phase === 'looking') {
    if (logEnd === mirrorEnd && highWatermark === logEnd) return write(hole.end, mirrorEnd);
    return {
      next: 'recover',
      reason: `before a hole at ${mirrorEnd} was filled the log end was ${logEnd} and the high watermark ${highWatermark}: another agent copies this partition, or replicas lag`,
    };
  }
  const meant = mirrorEnd + BigInt(hole.sentCount);
  if (logEnd > meant) {
    const reason = `${hole.sentCount} markers were sent for the hole at ${mirrorEnd}, and the log ends at ${logEnd} instead of ${meant}: something else writes to the mirror`;
    return { next: 'diverged', reason };
  }
  // What followers lack can vanish with the leader, and what comes next would land lower than meant.
  if (highWatermark < logEnd) return { next: 'pause', kind: 'replicas', hole };
  if (logEnd === hole.end) return { next: 'done', mirrorEnd: logEnd };
  if (logEnd > mirrorEnd) return write(hole.end, logEnd);
  return { next: 'recover', reason: `the broker wrote none of ${hole.sentCount} markers at ${mirrorEnd}` };
}

function write(end: bigint, mirrorEnd: bigint): HoleDecision {
  const missing = end - mirrorEnd;
  const sentCount = missing > markersPerWriteMax ? markersPerWriteMax : Number(missing);
  return { next: 'write', mirrorEnd, hole: { end, phase: 'writing', sentCount } };
}
