// The text of lockstep.yaml as a tree whose every value knows its line and column.
// YAML's own faults (indentation, quotes, tabs, keys named twice) become problems here, in our words: the
// library's messages may quote the text, and the text may hold a password.
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import type { Path, Problems } from './problems.ts';

/** A parsed file. `value` is plain data; positions are asked by path. */
export interface YamlDocument {
  readonly value: unknown;
  /** Position of the value at the path; of its nearest parent where there is none. */
  positionOf(path: Path): { line: number; column: number };
  /** Position of the key that leads to the value; of the value where it has no key (a list's item). */
  keyPositionOf(path: Path): { line: number; column: number };
}

/** Aliases resolved in one document: stops a file that expands without end ("billion laughs"). */
const aliasCountMax = 100;

/** Parses YAML 1.2. Adds its faults to `problems`; undefined when nothing can be said about the contents. */
export function parseYaml(text: string, problems: Problems): YamlDocument | undefined {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const position = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(Math.min(Math.max(offset, 0), text.length));
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const duplicateKeys = document.errors.filter((fault) => fault.code === 'DUPLICATE_KEY');
  // One fault of the syntax brings others behind it that are none: only the first is told.
  const faults = [...document.errors, ...document.warnings].filter((fault) => fault.code !== 'DUPLICATE_KEY');
  const first = faults.sort((a, b) => a.pos[0] - b.pos[0])[0];
  for (const fault of first === undefined ? duplicateKeys : [...duplicateKeys, first]) {
    problems.addAt(position(fault.pos[0]), describeFault(fault, text));
  }
  if (first !== undefined) return undefined;
  if (reportUnknownAliases(document, position, problems)) return undefined;
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: aliasCountMax });
  } catch {
    problems.addAt(
      { line: 1, column: 1 },
      { found: `more than ${aliasCountMax} aliases`, expected: 'fewer' },
    );
    return undefined;
  }
  return {
    value,
    positionOf: (path) => position(find(document, path).value?.range?.[0] ?? 0),
    keyPositionOf: (path) => {
      const { key, value: node } = find(document, path);
      return position((key ?? node)?.range?.[0] ?? 0);
    },
  };
}

/** Adds a problem for each alias without an anchor; whether there was one. */
function reportUnknownAliases(
  document: Document,
  position: (offset: number) => { line: number; column: number },
  problems: Problems,
): boolean {
  let found = false;
  visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document) !== undefined) return;
      found = true;
      problems.addAt(position(alias.range?.[0] ?? 0), describeCode('BAD_ALIAS'));
    },
  });
  return found;
}

/** The node at a path and its key's node; of the nearest parent that exists. */
function find(document: Document, path: Path): { key: Node | undefined; value: Node | undefined } {
  let value = (document.contents ?? undefined) as Node | undefined;
  let key: Node | undefined;
  for (const step of path) {
    const parent = isAlias(value) ? value.resolve(document) : value;
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) break;
      key = pair.key as Node;
      value = (pair.value as Node | null) ?? key;
    } else if (isSeq(parent) && typeof step === 'number') {
      const item = parent.items[step] as Node | undefined;
      if (item === undefined) break;
      key = undefined;
      value = item;
    } else {
      break;
    }
  }
  return { key, value };
}

const faultWords: Partial<Record<YAMLError['code'], [found: string, expected: string]>> = {
  BAD_INDENT: ['a line with the wrong indentation', 'the indentation of its neighbours'],
  BAD_SCALAR_START: ['a value that starts with a reserved character', 'the value in quotes'],
  BAD_DQ_ESCAPE: ['an unknown escape in double quotes', "a known one, or the value in single quotes ('...')"],
  BAD_ALIAS: ['an alias (*name) without an anchor before it', 'an anchor (&name), or the value in quotes'],
  BLOCK_IN_FLOW: ['a block inside [ ] or { }', 'all of it between the brackets'],
  BLOCK_AS_IMPLICIT_KEY: ['a key and value behind a value on the same line', 'one key on a line'],
  MISSING_CHAR: [
    "a place where a character is missing (',', ':', a closing bracket or quote)",
    'that character',
  ],
  MULTILINE_IMPLICIT_KEY: ["text of several lines without ':'", "a key followed by ': '"],
  MULTIPLE_DOCS: ["a second document ('---')", 'one document in the file'],
  TAB_AS_INDENT: ['a tab as indentation', 'spaces'],
  TAG_RESOLVE_FAILED: ["a value that starts with '!' (a tag)", 'the value in quotes'],
  UNEXPECTED_TOKEN: ['text that does not belong here', 'a key, a list item or the end of the line'],
};

function describeFault(fault: YAMLError, text: string): { found: string; expected: string } {
  if (fault.code === 'DUPLICATE_KEY') {
    const name = /^[^\s:]{1,100}/.exec(text.slice(fault.pos[0]))?.[0] ?? '';
    return { found: `the key ${name} a second time`, expected: 'each key once' };
  }
  if (fault.code === 'BAD_INDENT' && fault.message.startsWith('Flow')) return describeCode('MISSING_CHAR');
  return describeCode(fault.code);
}

function describeCode(code: YAMLError['code']): { found: string; expected: string } {
  const [found, expected] = faultWords[code] ?? [`text that is not YAML (${code})`, 'YAML 1.2'];
  return { found, expected };
}
