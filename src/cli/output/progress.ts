// Progress of long work: on a terminal one line that is drawn over, elsewhere a plain line every few seconds,
// so that a log of a nightly run stays short and still shows that something moves.
import type { Output } from './output.ts';

const redrawMsMin = 100;
const plainLineMsMin = 5_000;
const barCells = 24;

export interface ProgressState {
  /** What is being done, for example `verify us-to-eu`. */
  readonly label: string;
  readonly done: number;
  /** Absent or 0 when unknown. */
  readonly total?: number;
  /** Words after the numbers, for example a rate. */
  readonly detail?: string;
}

/** Shows one piece of work; call `update` as often as you like, and `end` once. */
export class ProgressLine {
  readonly #output: Output;
  readonly #nowMs: () => number;
  #shownAtMs = Number.NEGATIVE_INFINITY;
  #drawn = false;

  /** @param nowMs a clock in milliseconds; performance.now unless a test passes its own */
  constructor(output: Output, nowMs: () => number = () => performance.now()) {
    this.#output = output;
    this.#nowMs = nowMs;
  }

  update(state: ProgressState): void {
    const nowMs = this.#nowMs();
    const waitMs = this.#output.isTerminal ? redrawMsMin : plainLineMsMin;
    if (nowMs - this.#shownAtMs < waitMs) return;
    this.#shownAtMs = nowMs;
    if (this.#output.isTerminal) {
      const line = formatProgress(state, true).slice(0, this.#output.columns - 1);
      this.#output.draw(`\r\u001b[2K${line}`);
      this.#drawn = true;
    } else {
      this.#output.message(formatProgress(state, false));
    }
  }

  /** Removes the drawn line, so that what follows starts on a clean one. */
  end(): void {
    if (this.#drawn) this.#output.draw('\r\u001b[2K');
    this.#drawn = false;
  }
}

/** `verify us-to-eu  [######------]  50%  12 of 24  3.2 MiB/s`, without the bar where `bar` is false. */
export function formatProgress({ label, done, total, detail }: ProgressState, bar: boolean): string {
  const parts = [label];
  if (total !== undefined && total > 0) {
    const share = Math.min(1, Math.max(0, done / total));
    const filled = Math.floor(share * barCells);
    if (bar) parts.push(`[${'#'.repeat(filled)}${'-'.repeat(barCells - filled)}]`);
    parts.push(`${Math.floor(share * 100)}%`);
  }
  if (detail !== undefined) parts.push(detail);
  return parts.join('  ');
}
