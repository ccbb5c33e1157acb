// A clock that a test moves by hand: timers fire in order, at their exact time, and nothing waits.
import type { Clock } from '../../src/client/index.ts';

export interface ManualClock extends Clock {
  /** Moves the time on and fires what falls due; promises that follow run before this resolves. */
  advance(ms: number): Promise<void>;
  /** Timers not fired and not cancelled. */
  readonly timerCount: number;
}

export function manualClock(): ManualClock {
  let nowMs = 0;
  let nextId = 0;
  const timers = new Map<number, { atMs: number; run: () => void }>();
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    nowMs: () => nowMs,
    after(delayMs, run) {
      const id = nextId;
      nextId += 1;
      timers.set(id, { atMs: nowMs + delayMs, run });
      return () => timers.delete(id);
    },
    get timerCount() {
      return timers.size;
    },
    async advance(ms) {
      const endMs = nowMs + ms;
      await settle();
      for (;;) {
        const due = [...timers]
          .filter(([, timer]) => timer.atMs <= endMs)
          .sort((a, b) => a[1].atMs - b[1].atMs || a[0] - b[0])[0];
        if (due === undefined) break;
        nowMs = Math.max(nowMs, due[1].atMs);
        timers.delete(due[0]);
        due[1].run();
        await settle();
      }
      nowMs = endMs;
      await settle();
    },
  };
}
