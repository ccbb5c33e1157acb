// The document that a lockstep.yaml would hold, written value by value, each with the property that it comes from. Problems
// that the later checks find are told at that property's line.
import type { YamlDocument } from '../document.ts';
import type { Path, Position } from '../problems.ts';
import type { DerivedText } from '../secrets.ts';
import type { Property, RawPart } from './types.ts';

export class RawDocument implements YamlDocument {
  readonly value: Record<string, unknown> = {};
  /** What `${derived:NAME}` in it stands for: for `ReferenceSources.derived` of whoever resolves it. */
  readonly derived = new Map<string, DerivedText>();
  readonly #origins = new Map<string, Property>();

  /** Sets the value at a path of keys; mappings on the way are made. `undefined` sets nothing. */
  set(path: readonly string[], value: unknown, from?: Property): void {
    if (value === undefined) return;
    let parent = this.value;
    for (const step of path.slice(0, -1)) {
      if (!Object.hasOwn(parent, step)) define(parent, step, {});
      parent = parent[step] as Record<string, unknown>;
    }
    define(parent, path.at(-1) as string, value);
    if (from !== undefined) this.originate(path, from);
  }

  /** Says where the value at a path comes from, and with it everything below that has no place of its own. */
  originate(path: Path, from: Property): void {
    this.#origins.set(JSON.stringify(path), from);
  }

  /** Merges a part into the mapping at the path. */
  merge(path: readonly string[], { raw, origins, derived }: RawPart): void {
    for (const [name, text] of derived) this.derived.set(name, text);
    for (const [key, value] of Object.entries(raw)) this.set([...path, key], value);
    for (const [inside, property] of origins) this.originate([...path, ...inside], property);
  }

  positionOf(path: Path): Position {
    const property = this.#originOf(path);
    return property === undefined ? top : { line: property.valueLine, column: property.valueColumn };
  }

  keyPositionOf(path: Path): Position {
    const property = this.#originOf(path);
    return property === undefined ? top : { line: property.line, column: property.column };
  }

  /** Of the path itself; of a mapping that no property gave as a whole, its first value's; of what it is in. */
  #originOf(path: Path): Property | undefined {
    const exact = this.#origins.get(JSON.stringify(path));
    if (exact !== undefined) return exact;
    if (path.length > 1) {
      const inside = `${JSON.stringify(path).slice(0, -1)},`;
      const first = [...this.#origins].find(([key]) => key.startsWith(inside));
      if (first !== undefined) return first[1];
    }
    for (let length = path.length - 1; length >= 0; length--) {
      const property = this.#origins.get(JSON.stringify(path.slice(0, length)));
      if (property !== undefined) return property;
    }
    return undefined;
  }
}

const top: Position = { line: 1, column: 1 };

/** Also for a key like `__proto__`. */
function define(parent: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true });
}
