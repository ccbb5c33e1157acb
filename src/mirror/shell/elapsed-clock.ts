// Time that has passed, also while this machine was asleep or its virtual machine paused: the monotonic clock stands
// still then, and the wall clock can be set. What grows more between two looks counts.
import type { Clock } from '../../client/index.ts';

/** A clock for how old something is. It never goes back; a wall clock that is set forward makes it run ahead once. */
export function elapsedClock(monotonic: Pick<Clock, 'nowMs'>, wallMs: () => number): () => number {
  let lastMonotonicMs = monotonic.nowMs();
  let lastWallMs = wallMs();
  let elapsedMs = 0;
  return () => {
    const monotonicMs = monotonic.nowMs();
    const nowMs = wallMs();
    elapsedMs += Math.max(monotonicMs - lastMonotonicMs, nowMs - lastWallMs, 0);
    lastMonotonicMs = monotonicMs;
    lastWallMs = nowMs;
    return elapsedMs;
  };
}
