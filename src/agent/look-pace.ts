// How often every partition is looked at. Those that something happens to are looked at every second; a look at an idle one
// finds nothing as a rule, and thousands of them would cost an idle agent most of its time.

/** Of every partition, ms. */
const everyMsMin = 1_000;
/** As often as an agent tells that it lives, which takes a look at all of them. */
const everyMsMax = 5_000;
/** A look takes a microsecond or so each, most of it waiting for memory: at most a thousandth of a core. */
const everyMsEach = 0.5;

export class LookPace {
  #dueAtMs = Number.NEGATIVE_INFINITY;

  /** `nowMs`: of a clock that never goes back. */
  isDue(nowMs: number): boolean {
    return nowMs >= this.#dueAtMs;
  }

  /** All of them were looked at, so many. */
  looked(count: number, nowMs: number): void {
    this.#dueAtMs = nowMs + Math.min(everyMsMax, Math.max(everyMsMin, count * everyMsEach)) - slackMs;
  }
}

/** Timers that are to ring every second are a little early or late; ms. */
const slackMs = 100;
