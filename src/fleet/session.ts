// How long a member may believe that the group counts it in. Times count from when a request was sent: the coordinator
// can't have heard it earlier, so a member gives up before its work is given to others, not after.

export interface SessionTimeouts {
  readonly sessionTimeoutMs: number;
  /** How long the group waits for a member that is heard but does not join again; above the session timeout. */
  readonly rebalanceTimeoutMs: number;
}

export class Session {
  readonly #timeouts: SessionTimeouts;
  /** When the newest request that was answered well had been sent. */
  #contactMs: number | null = null;
  /** No round has waited for this member before: it is put out when it has not joined for the rebalance timeout. */
  #joinedMs = 0;

  constructor(timeouts: SessionTimeouts) {
    this.#timeouts = timeouts;
  }

  get contactMs(): number | null {
    return this.#contactMs;
  }

  /** From then on the group may have given everything to others. */
  get endMs(): number {
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.#timeouts;
    return Math.min((this.#contactMs ?? 0) + sessionTimeoutMs, this.#joinedMs + rebalanceTimeoutMs);
  }

  /** A join was answered. Only one that was no member before begins to count with it: it holds nothing yet. */
  joined(nowMs: number, isNew: boolean): void {
    if (isNew || this.#contactMs === null) this.#contactMs = nowMs;
    this.#joinedMs = nowMs;
  }

  synced(sentAtMs: number): void {
    this.#contactMs = Math.max(this.#contactMs ?? 0, sentAtMs);
  }

  /** A heartbeat was answered well, or with the news that a round waits for this member. */
  beaten(sentAtMs: number, isAwaited: boolean): void {
    this.#contactMs = Math.max(this.#contactMs ?? 0, sentAtMs);
    if (!isAwaited) this.#joinedMs = Math.max(this.#joinedMs, sentAtMs);
  }

  /** Why it has ended, in words. */
  silence(nowMs: number): string {
    const silentMs = Math.round(nowMs - (this.#contactMs ?? 0));
    if (silentMs >= this.#timeouts.sessionTimeoutMs) return `no heartbeat was answered for ${silentMs} ms`;
    return `it did not come to join again within ${this.#timeouts.rebalanceTimeoutMs} ms`;
  }

  forget(): void {
    this.#contactMs = null;
  }
}
