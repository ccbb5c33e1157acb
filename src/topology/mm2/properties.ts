// Reads a file of properties byte for byte as java.util.Properties.load does (ISO-8859-1, the way connect-mirror reads
// mm2.properties), and keeps where everything stands.
//
//   key = value    key: value    key value    the first = : or blank that is not escaped ends the key
//   # ... ! ...    comments; they are never continued
//   ...\           the line goes on in the next one, whose leading blanks are dropped
//   \t \n \r \f \uXXXX; any other \c is c itself
//
// What Java would take and nobody means is said here: UTF-8 that it reads as other characters, a key that comes twice.
// UTF-16, a byte order mark and NUL are refused.
import { quote } from '../describe.ts';
import type { Position, Problem } from '../problems.ts';
import type { PropertiesFile, Property } from './types.ts';

/** Where faults of the text itself go. */
export interface TextReporter {
  faultAt(position: Position, problem: Problem): void;
  warnAt(position: Position, text: string): void;
}

/** A logical line: its characters without what continues it, and where each stood in the text. */
interface Line {
  readonly characters: string[];
  readonly offsets: number[];
  /** It ended in a backslash at the end of the file: Java takes even a lone one for a property, with the key "". */
  isCutOff: boolean;
}

/** The properties of the bytes; null when the bytes are no ISO-8859-1 text, and then a fault was told. */
export function parseProperties(
  bytes: Uint8Array,
  file: string,
  report: TextReporter,
): PropertiesFile | null {
  if (!isText(bytes, report)) return null;
  const text = Buffer.from(bytes).toString('latin1');
  const places = new Places(text);
  const all: Property[] = [];
  const byKey = new Map<string, Property>();
  for (const line of logicalLines(text)) {
    const property = readLine(line, places, report);
    if (property === null) continue;
    warnOfUtf8(line, places, report);
    const former = byKey.get(property.key);
    if (former !== undefined) {
      report.warnAt(
        property,
        `${quote(property.key)} stands on line ${former.line}, too; as in Java this one counts`,
      );
    }
    all.push(property);
    byKey.set(property.key, property);
  }
  return { file, all, byKey };
}

const byteOrderMarks: readonly (readonly [name: string, bytes: readonly number[]])[] = [
  ['UTF-8 with a byte order mark', [0xef, 0xbb, 0xbf]],
  ['UTF-16', [0xff, 0xfe]],
  ['UTF-16', [0xfe, 0xff]],
];

function isText(bytes: Uint8Array, report: TextReporter): boolean {
  const expected =
    'ISO-8859-1 without a byte order mark, as Java reads properties (other characters as \\uXXXX)';
  const mark = byteOrderMarks.find(([, begin]) => begin.every((byte, index) => bytes[index] === byte));
  if (mark !== undefined) {
    report.faultAt({ line: 1, column: 1 }, { found: `a file in ${mark[0]}`, expected });
    return false;
  }
  const nul = bytes.indexOf(0);
  if (nul < 0) return true;
  const text = Buffer.from(bytes.subarray(0, nul + 1)).toString('latin1');
  const found = bytes[nul + 1] === 0 || bytes[0] === 0 || nul === 1 ? 'a NUL byte (UTF-16?)' : 'a NUL byte';
  report.faultAt(new Places(text).at(nul), { found, expected });
  return false;
}

/** Lines as java.util.Properties.LineReader cuts them. */
function* logicalLines(text: string): Generator<Line> {
  let at = 0;
  while (at < text.length) {
    const line: Line = { characters: [], offsets: [], isCutOff: false };
    at = takeLine(text, at, line);
    if (line.characters.length > 0 || line.isCutOff) yield line;
  }
}

/** Appends one natural line and those that continue it; the offset behind them. */
function takeLine(text: string, from: number, line: Line): number {
  let at = from;
  for (;;) {
    while (isBlank(text[at])) at++;
    // A line that began with a lone backslash is still at its beginning, so that a comment may follow.
    const isComment = line.characters.length === 0 && (text[at] === '#' || text[at] === '!');
    let backslashes = 0;
    for (; at < text.length && !isLineEnd(text[at]); at++) {
      if (isComment) continue;
      line.characters.push(text[at] as string);
      line.offsets.push(at);
      backslashes = text[at] === '\\' ? backslashes + 1 : 0;
    }
    const isTwoCharacters = text[at] === '\r' && text[at + 1] === '\n';
    if (isTwoCharacters) at++;
    const isContinued = backslashes % 2 === 1;
    if (isContinued) {
      line.characters.pop();
      line.offsets.pop();
    }
    at++;
    line.isCutOff = isContinued && at >= text.length && !isTwoCharacters;
    if (!isContinued || at >= text.length) return at;
  }
}

function readLine(line: Line, places: Places, report: TextReporter): Property | null {
  const { characters, offsets } = line;
  let keyEnd = 0;
  let isEscaped = false;
  while (keyEnd < characters.length) {
    const character = characters[keyEnd] as string;
    if (!isEscaped && (isBlank(character) || isSeparator(character))) break;
    isEscaped = character === '\\' && !isEscaped;
    keyEnd++;
  }
  let valueStart = keyEnd;
  let hasSeparator = false;
  while (valueStart < characters.length) {
    const character = characters[valueStart] as string;
    if (isSeparator(character) && !hasSeparator) hasSeparator = true;
    else if (!isBlank(character)) break;
    valueStart++;
  }
  const key = resolveEscapes(line, 0, keyEnd, places, report);
  const value = resolveEscapes(line, valueStart, characters.length, places, report);
  if (key === null || value === null) return null;
  const end = (offsets.at(-1) ?? places.last) + 1;
  const keyPlace = places.at(offsets[0] ?? places.last);
  const valuePlace = places.at(offsets[valueStart] ?? end);
  return { key, value, ...keyPlace, valueLine: valuePlace.line, valueColumn: valuePlace.column };
}

const controls: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

/** Null, with a fault told, where an escape is malformed. */
function resolveEscapes(
  { characters, offsets }: Line,
  from: number,
  to: number,
  places: Places,
  report: TextReporter,
): string | null {
  let text = '';
  for (let at = from; at < to; at++) {
    const character = characters[at] as string;
    if (character !== '\\') {
      text += character;
      continue;
    }
    const escaped = characters[++at];
    if (at >= to || escaped === undefined) break;
    if (escaped !== 'u') {
      text += controls[escaped] ?? escaped;
      continue;
    }
    const digits = characters.slice(at + 1, Math.min(at + 5, to)).join('');
    if (!/^[0-9A-Fa-f]{4}$/.test(digits)) {
      report.faultAt(places.at(offsets[at - 1] as number), {
        found: 'a malformed \\u escape',
        expected: '\\u and four hexadecimal digits, or \\\\u for a backslash and a u',
      });
      return null;
    }
    text += String.fromCharCode(Number.parseInt(digits, 16));
    at += 4;
  }
  return text;
}

/** Bytes that are UTF-8 and, read as ISO-8859-1, something else. */
function warnOfUtf8({ characters, offsets }: Line, places: Places, report: TextReporter): void {
  const first = characters.findIndex((character) => character >= '\x80');
  if (first < 0) return;
  const bytes = Buffer.from(characters.join(''), 'latin1');
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return;
  }
  report.warnAt(
    places.at(offsets[first] as number),
    'UTF-8, which Java reads as ISO-8859-1, and so is it here: write characters beyond ASCII as \\uXXXX',
  );
}

/** Lines and columns, from 1, of offsets in a text. */
class Places {
  readonly #starts: number[] = [0];

  /** Offset of the last character. */
  readonly last: number;

  constructor(text: string) {
    this.last = Math.max(text.length - 1, 0);
    for (let at = 0; at < text.length; at++) {
      if (text[at] === '\n' || (text[at] === '\r' && text[at + 1] !== '\n')) this.#starts.push(at + 1);
    }
  }

  at(offset: number): Position {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#starts[low] as number) + 1 };
  }
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t' || character === '\f';
}

function isSeparator(character: string): boolean {
  return character === '=' || character === ':';
}

function isLineEnd(character: string | undefined): boolean {
  return character === '\n' || character === '\r';
}
