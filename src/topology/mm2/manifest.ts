// The manifest as it is turned into properties: values by path, with their places, and what was said about them.

import { nearestName } from '../did-you-mean.ts';
import type { YamlDocument } from '../document.ts';
import type { Path, Problem, Problems } from '../problems.ts';
import type { DerivedText } from '../secrets.ts';
import type { PropertiesFile, Property } from './types.ts';

export class Manifest {
  readonly #document: YamlDocument;
  readonly #problems: Problems;
  readonly #byKey = new Map<string, Property>();

  constructor(document: YamlDocument, problems: Problems) {
    this.#document = document;
    this.#problems = problems;
  }

  /** The properties that were put, as if they stood in a file of properties. */
  properties(file: string): PropertiesFile {
    return { file, all: [...this.#byKey.values()], byKey: this.#byKey };
  }

  /** What stands at the path; undefined where nothing does, or null. */
  at(path: Path): unknown {
    let value: unknown = this.#document.value;
    for (const step of path) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
      value = (value as Record<string | number, unknown>)[step];
    }
    return value ?? undefined;
  }

  /** Keys of the mapping at the path; none, with a fault told, where something else stands. */
  keysAt(path: Path): string[] {
    const value = this.at(path);
    if (value === undefined) return [];
    if (typeof value === 'object' && !Array.isArray(value)) return Object.keys(value as object);
    this.fault(path, { found: 'no mapping', expected: 'keys and values' });
    return [];
  }

  /** How many items the list at the path has; 0, with a fault told, where something else stands. */
  lengthAt(path: Path): number {
    const value = this.at(path);
    if (value === undefined) return 0;
    if (Array.isArray(value)) return value.length;
    this.fault(path, { found: 'no list', expected: 'items that begin with -' });
    return 0;
  }

  /** A text, number or flag as text; undefined, with a fault told, where it is missing and needed, or something else. */
  textAt(path: Path, expected?: string): string | undefined {
    const value = this.at(path);
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return String(value);
    if (value !== undefined) this.fault(path, { found: 'a list or mapping', expected: expected ?? 'a text' });
    else if (expected !== undefined) {
      this.#problems.addAtKey(path.slice(0, -1), { found: `no ${path.at(-1)}`, expected });
    }
    return undefined;
  }

  /** Tells every key that is not among the known ones. */
  checkKeys(path: Path, known: readonly string[]): void {
    for (const key of this.keysAt(path)) {
      if (known.includes(key)) continue;
      const suggestion = nearestName(key, known);
      const found = `the unknown key ${key.slice(0, 100)}`;
      if (suggestion === undefined) this.warn([...path, key], `${found} is not used`);
      else
        this.#problems.addAtKey([...path, key], {
          found,
          expected: `one of ${known.join(', ')}`,
          suggestion,
        });
    }
  }

  /** A property whose value stands at the path, or was made of what stands there. */
  put(key: string, value: string, path: Path): void {
    this.#put({ key, value, ...this.#places(path) });
  }

  /** One whose value is made of other files: never shown, and made anew when these change. */
  putDerived(key: string, path: Path, text: DerivedText, now: string | Problem): void {
    if (typeof now === 'string') {
      this.#put({ key, value: now, ...this.#places(path), isReferenced: true, renew: text });
    } else this.fault(path, now);
  }

  fault(path: Path, problem: Problem): void {
    this.#problems.add(path, problem);
  }

  warn(path: Path, text: string): void {
    this.#problems.warn(path, text);
  }

  #put(property: Property): void {
    const former = this.#byKey.get(property.key);
    if (former === undefined) this.#byKey.set(property.key, property);
    else if (former.value !== property.value) {
      this.#problems.addAt(
        { line: property.valueLine, column: property.valueColumn },
        {
          found: `another ${property.key} than on line ${former.line}`,
          expected: 'one for all connectors of a mirror',
        },
      );
    }
  }

  #places(path: Path): Omit<Property, 'key' | 'value'> {
    const key = this.#document.keyPositionOf(path);
    const value = this.#document.positionOf(path);
    return { ...key, valueLine: value.line, valueColumn: value.column };
  }
}
