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

/** More than this many problems, or warnings, are counted, not printed. */
const problemsPrintedMax = 100;

interface Entry extends Position {
  /** What the line begins with: `l.yaml:3:5`, or `link us-to-eu: topics[0]`. */
  readonly place: string;
  readonly text: string;
}

/**
 * The problems and warnings of one file, printed in the file's order; or of a record that has no lines and columns,
 * printed in the order in which they were found.
 */
export class Problems {
  readonly #name: string;
  readonly #hiddenSteps: number | null;
  readonly #problems: Entry[] = [];
  readonly #warnings: Entry[] = [];
  #document: YamlDocument | undefined;

  /**
   * @param name the file's name as the person typed it, or what the record is; it begins every line
   * @param record where the name stands for the first steps of every path
   */
  constructor(name: string, record: { hiddenSteps: number } | null = null) {
    this.#name = name;
    this.#hiddenSteps = record?.hiddenSteps ?? null;
  }

  /** From here on, problems may be added by path. */
  locateBy(document: YamlDocument): void {
    this.#document = document;
  }

  /** A fault at a place of the file, where no path leads yet. */
  addAt(position: Position, problem: Problem): void {
    this.#problems.push({ ...position, place: this.#placeAt(position), text: describe(problem) });
  }

  /** A fault of the value at the path. */
  add(path: Path, problem: Problem): void {
    this.#problems.push(this.#entry(path, this.#document?.positionOf(path), describe(problem)));
  }

  /** A fault of the key itself, or of what its mapping lacks. */
  addAtKey(path: Path, problem: Problem): void {
    this.#problems.push(this.#entry(path, this.#document?.keyPositionOf(path), describe(problem)));
  }

  /** Something a person should know and that stops nothing. */
  warn(path: Path, text: string): void {
    this.#warnings.push(this.#entry(path, this.#document?.keyPositionOf(path), text));
  }

  /** The same at a place of the file, where no path leads. */
  warnAt(position: Position, text: string): void {
    this.#warnings.push({ ...position, place: this.#placeAt(position), text });
  }

  get warnings(): string[] {
    const lines = this.#lines(this.#warnings);
    const more = lines.length - problemsPrintedMax;
    return more > 0
      ? [...lines.slice(0, problemsPrintedMax), `${this.#name}: and ${more} more warnings`]
      : lines;
  }

  /** @throws LockstepError CONFIG_INVALID with one line per problem, if there is any. */
  throwIfAny(): void {
    const lines = this.#lines(this.#problems);
    if (lines.length === 0) return;
    const more = lines.length - problemsPrintedMax;
    const shown = more > 0 ? [...lines.slice(0, problemsPrintedMax), `and ${more} more problems`] : lines;
    throw new LockstepError('CONFIG_INVALID', shown.join('\n'), {
      detail: { file: this.#name, problems: lines.length },
    });
  }

  #entry(path: Path, position: Position = { line: 1, column: 1 }, text: string): Entry {
    if (this.#hiddenSteps === null) return { ...position, place: this.#placeAt(position), text };
    const inside = formatPath(path.slice(this.#hiddenSteps));
    return { ...position, place: inside === '' ? this.#name : `${this.#name}: ${inside}`, text };
  }

  #placeAt({ line, column }: Position): string {
    return `${this.#name}:${line}:${column}`;
  }

  #lines(entries: readonly Entry[]): string[] {
    const ordered = [...entries].sort((a, b) => a.line - b.line || a.column - b.column);
    const lines = ordered.map(({ place, text }) => `${place}: ${text}`);
    return [...new Set(lines)];
  }
}

/** `topics[0]`, `sync.acls.principals`. */
export function formatPath(path: Path): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`))
    .join('');
}

function describe({ found, expected, suggestion }: Problem): string {
  const hint = suggestion === undefined ? '' : `, did you mean ${suggestion}?`;
  return `found ${found}, expected ${expected}${hint}`;
}
