// Whether the event loop turns: a process whose loop is blocked lives and does nothing. A timer that comes late tells
// by how much; a blocked loop does not even answer, and the probe's own time-out says the rest.

const tickMs = 500;
const rememberedMs = 10_000;
/** Longer is no busy moment any more. */
const delayMsMax = 5_000;

export class EventLoopWatch {
  readonly #nowMs: () => number;
  readonly #delays: number[] = [];
  readonly #timer: NodeJS.Timeout;
  #dueAtMs: number;

  /** `nowMs`: a clock that never goes back. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#dueAtMs = nowMs() + tickMs;
    this.#timer = setInterval(() => this.#tick(), tickMs);
    this.#timer.unref();
  }

  /** The longest delay of the last ten seconds, in ms, the present one included. */
  get delayMs(): number {
    return Math.round(Math.max(0, this.#nowMs() - this.#dueAtMs, ...this.#delays));
  }

  get isTurning(): boolean {
    return this.delayMs <= delayMsMax;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const nowMs = this.#nowMs();
    this.#delays.push(Math.max(0, nowMs - this.#dueAtMs));
    if (this.#delays.length > rememberedMs / tickMs) this.#delays.shift();
    this.#dueAtMs = nowMs + tickMs;
  }
}
