// A few lines at the bottom of a terminal that are drawn over, with messages scrolling above them.
import type { Output } from './output.ts';

/** For terminals only; elsewhere print plain lines. */
export class LiveBlock {
  readonly #output: Output;
  #lines: readonly string[] = [];

  constructor(output: Output) {
    this.#output = output;
  }

  /** Replaces the block. */
  show(lines: readonly string[]): void {
    const width = Math.max(20, this.#output.columns - 1);
    const cut = lines.map((line) => (line.length > width ? `${line.slice(0, width - 3)}...` : line));
    this.#output.draw(`${this.#erase()}${cut.map((line) => `${line}\n`).join('')}`);
    this.#lines = cut;
  }

  /** Prints a line above the block. */
  message(line: string): void {
    const block = this.#lines.map((each) => `${each}\n`).join('');
    this.#output.draw(`${this.#erase()}${line}\n${block}`);
  }

  /** Up to the block's first line, and everything below gone. */
  #erase(): string {
    return this.#lines.length === 0 ? '' : `\u001b[${this.#lines.length}A\u001b[0J`;
  }
}
