// What happened to a partition last, for people: since when it is in its state, and what went wrong.
import type { PartitionState } from '../partition/state.ts';

export class PartitionNotes {
  readonly #nowMs: () => number;
  #stateName: PartitionState['name'] = 'Idle';
  #sinceMs: number;
  #lastError: { readonly message: string; readonly atMs: number } | null = null;
  /** Whether nothing has happened since this was set: what was told then is still so. */
  isQuiet = false;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#sinceMs = nowMs();
  }

  /** Since when the state has its name, ms since the epoch. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  get lastError(): { readonly message: string; readonly atMs: number } | null {
    return this.#lastError;
  }

  noteState(state: { readonly name: PartitionState['name']; readonly reason?: string | null }): void {
    if (state.name === this.#stateName) return;
    this.#stateName = state.name;
    this.#sinceMs = this.#nowMs();
    if (state.reason != null) this.noteError(state.reason);
  }

  noteError(message: string): void {
    this.isQuiet = false;
    this.#lastError = { message, atMs: this.#nowMs() };
  }
}
