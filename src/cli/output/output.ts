// Where commands print: data to stdout, messages to stderr, colour and moving lines only on a terminal.
import { styleText } from 'node:util';
import { type Colour, type Mark, markWords } from './marks.ts';

/** The parts of a stream that printing needs; tests pass their own. */
export interface OutputStream {
  write(text: string): boolean;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface OutputOptions {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export class Output {
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  readonly #colourAllowed: boolean;
  #closed = false;

  constructor(options: OutputOptions) {
    this.#stdout = options.stdout;
    this.#stderr = options.stderr;
    // https://no-color.org: present and not empty, whatever its value.
    this.#colourAllowed = (options.environment.NO_COLOR ?? '') === '' && options.environment.TERM !== 'dumb';
  }

  /** What was asked for: tables, JSON. The text brings its own line breaks. */
  data(text: string): void {
    if (!this.#closed) this.#stdout.write(text);
  }

  /** A line about what is going on. */
  message(line: string): void {
    this.#stderr.write(`${line}\n`);
  }

  /** Text as it is to stderr: for lines that are drawn over. */
  draw(text: string): void {
    this.#stderr.write(text);
  }

  /** Whether stderr is a terminal, where a line may be drawn over. */
  get isTerminal(): boolean {
    return this.#stderr.isTTY === true;
  }

  /** Width of the terminal in characters; 80 when unknown. */
  get columns(): number {
    return this.#stderr.columns ?? 80;
  }

  /** Colours text that goes to stdout, where that is a terminal. */
  paint(colour: Colour, text: string): string {
    if (!this.#colourAllowed || this.#stdout.isTTY !== true) return text;
    return styleText(colour, text, { validateStream: false });
  }

  /** A mark's word, coloured where possible: the word says it all by itself. */
  mark(mark: Mark): string {
    const { word, colour } = markWords[mark];
    return this.paint(colour, word);
  }

  /** Nobody reads stdout any more: drop what would still go there. */
  closeData(): void {
    this.#closed = true;
  }
}
