// Whether the event loop turns: a process whose loop is blocked lives and does nothing. A timer that comes late tells
// by how much; a blocked loop does not even answer, and the probe's own time-out says the rest.

const tickMs = 500;
const rememberedMs = 10_000;

export class EventLoopWatch {
  readonly #delays: number[] = [];
  readonly #timer: NodeJS.Timeout;
  #dueAtMs = performance.now() + tickMs;

  constructor() {
    this.#timer = setInterval(() => this.#tick(), tickMs);
    this.#timer.unref();
  }

  /** The longest delay of the last ten seconds, in ms, the present one included. */
  get delayMs(): number {
    return Math.round(Math.max(0, performance.now() - this.#dueAtMs, ...this.#delays));
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const nowMs = performance.now();
    this.#delays.push(Math.max(0, nowMs - this.#dueAtMs));
    if (this.#delays.length > rememberedMs / tickMs) this.#delays.shift();
    this.#dueAtMs = nowMs + tickMs;
  }
}
