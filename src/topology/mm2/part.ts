// A part of the document that a lockstep.yaml would hold, put together value by value, each with its place in the file.
import type { FileReader } from '../files.ts';
import type { Problem } from '../problems.ts';
import type { DerivedText } from '../secrets.ts';
import { type Property, plainText, type RawPart } from './types.ts';

type Path = readonly (string | number)[];

export class PartBuilder {
  readonly #prefix: string;
  readonly #raw: Record<string, unknown> = {};
  readonly #origins: (readonly [Path, Property])[] = [];
  readonly #derived = new Map<string, DerivedText>();

  /** @param prefix begins the names of derived texts, which are unique in the file */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** A value that is no text, or a text that was made here. */
  put(path: Path, value: unknown, property: Property): void {
    let parent = this.#raw;
    for (const step of path.slice(0, -1)) {
      parent[step] ??= {};
      parent = parent[step] as Record<string, unknown>;
    }
    parent[path.at(-1)!] = value;
    this.#origins.push([path, property]);
  }

  /** A text that may be seen; what a provider gave is derived all the same. */
  putText(path: Path, property: Property, value = property.value): void {
    if (property.isReferenced === true)
      this.putDerived(path, property, (readFile) => textOf(property, readFile));
    else this.put(path, plainText(value), property);
  }

  /** A text that is made anew whenever files have changed: a secret, or what another file holds. */
  putDerived(path: Path, property: Property, text: DerivedText): void {
    const name = [this.#prefix, ...path].join('.');
    this.#derived.set(name, text);
    this.put(path, `\${derived:${name}}`, property);
  }

  get part(): RawPart {
    return { raw: this.#raw, origins: this.#origins, derived: this.#derived };
  }
}

/** The property's value as its provider gives it now. */
export function textOf(property: Property, readFile: FileReader): string | Problem {
  return property.renew === undefined ? property.value : property.renew(readFile);
}
