// Every fault of a file is collected and reported at once, each as one line that says where, what stands there,
// what should stand there and, if a name is close, what was probably meant.
import { LockstepError } from '../errors.ts';
import type { YamlDocument } from './document.ts';

/** Keys and indexes from the file's top to a value. */
export type Path = readonly (string | number)[];

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

export interface Problem {
  readonly found: string;
  readonly expected: string;
  /** A known name close to what was found. */
  readonly suggestion?: string | undefined;
}

/** More than this many problems are counted, not printed. */
const problemsPrintedMax = 100;

/** The problems and warnings of one file, printed in the file's order. */
export class Problems {
  readonly #file: string;
  readonly #problems: (Position & { text: string })[] = [];
  readonly #warnings: (Position & { text: string })[] = [];
  #document: YamlDocument | undefined;

  /** @param file the file's name as the person typed it; it begins every line */
  constructor(file: string) {
    this.#file = file;
  }

  /** From here on, problems may be added by path. */
  locateBy(document: YamlDocument): void {
    this.#document = document;
  }

  addAt(position: Position, problem: Problem): void {
    const hint = problem.suggestion === undefined ? '' : `, did you mean ${problem.suggestion}?`;
    const text = `found ${problem.found}, expected ${problem.expected}${hint}`;
    this.#problems.push({ ...position, text });
  }

  /** A fault of the value at the path. */
  add(path: Path, problem: Problem): void {
    this.addAt(this.#document?.positionOf(path) ?? { line: 1, column: 1 }, problem);
  }

  /** A fault of the key itself, or of what its mapping lacks. */
  addAtKey(path: Path, problem: Problem): void {
    this.addAt(this.#document?.keyPositionOf(path) ?? { line: 1, column: 1 }, problem);
  }

  /** Something a person should know and that stops nothing. */
  warn(path: Path, text: string): void {
    this.#warnings.push({ ...(this.#document?.keyPositionOf(path) ?? { line: 1, column: 1 }), text });
  }

  get warnings(): string[] {
    return this.#lines(this.#warnings);
  }

  /** @throws LockstepError CONFIG_INVALID with one line per problem, if there is any. */
  throwIfAny(): void {
    const lines = this.#lines(this.#problems);
    if (lines.length === 0) return;
    const more = lines.length - problemsPrintedMax;
    const shown = more > 0 ? [...lines.slice(0, problemsPrintedMax), `and ${more} more problems`] : lines;
    throw new LockstepError('CONFIG_INVALID', shown.join('\n'), {
      detail: { file: this.#file, problems: lines.length },
    });
  }

  #lines(entries: readonly (Position & { text: string })[]): string[] {
    const ordered = [...entries].sort((a, b) => a.line - b.line || a.column - b.column);
    const lines = ordered.map(({ line, column, text }) => `${this.#file}:${line}:${column}: ${text}`);
    return [...new Set(lines)];
  }
}
