// The reader of properties: examples that read as sentences. That it agrees with Java is shown in
// test/mm2/properties-java.test.ts on generated files.
import { describe, expect, test } from 'vitest';
import { parseProperties } from './properties.ts';

function parse(content: string | Uint8Array) {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
  const told: string[] = [];
  const line = (word: string, at: { line: number; column: number }, text: string): void => {
    told.push(`${word} ${at.line}:${at.column} ${text}`);
  };
  const file = parseProperties(bytes, 'mm2.properties', {
    faultAt: (at, { found }) => line('fault', at, found),
    warnAt: (at, text) => line('warning', at, text),
  });
  const entries = Object.fromEntries([...(file?.byKey.values() ?? [])].map(({ key, value }) => [key, value]));
  return { file, told, entries };
}

// biome-ignore format: a table
const cases: readonly [name: string, content: string, entries: Record<string, string>][] = [
  ['the three separators', 'a=1\nb: 2\nc 3\nd\n', { a: '1', b: '2', c: '3', d: '' }],
  ['the three line ends', 'a=1\rb=2\r\nc=3\nd=4', { a: '1', b: '2', c: '3', d: '4' }],
  ['blank lines and comments', '\n  \t\n# x\\\n ! y\na=1', { a: '1' }],
  ['a line that goes on, leading blanks dropped', 'topics = orders, \\\n   \t payments\\\r\n   , refunds', { topics: 'orders, payments, refunds' }],
  ['a comment sign on a continued line is text', 'a=1\\\n#2', { a: '1#2' }],
  ['two backslashes at the end are one, and end the line', 'a=1\\\\\nb=2', { a: '1\\', b: '2' }],
  ['arrows, plain and escaped', 'A->B.enabled=true\nC\\-\\>D.enabled=true', { 'A->B.enabled': 'true', 'C->D.enabled': 'true' }],
  ['escaped separators in a key', 'a\\=b\\:c\\ d=1', { 'a=b:c d': '1' }],
  ['escapes', 'a=\\t\\n\\r\\f\\u00e9\\u0041\\x', { a: '\t\n\r\fé' + 'Ax' }],
  ['separators behind the first', 'a==1\nb = :2', { a: '=1', b: ':2' }],
  ['blanks behind a value stay', 'a=1 \t', { a: '1 \t' }],
  ['bytes are ISO-8859-1', 'a=\xe9', { a: 'é' }],
  ['of a key that comes twice the last', 'a=1\na=2', { a: '2' }],
];

describe('what Java reads', () => {
  test.each(cases)('%s', (_name, content, entries) => {
    expect(parse(content).entries).toEqual(entries);
  });
});

// biome-ignore format: a table
const tellings: readonly [name: string, content: string | Uint8Array, told: string[]][] = [
  ['a malformed \\u', 'a=1\nb=2\\u12', ['fault 2:4 a malformed \\u escape']],
  ['a malformed \\u on a continued line', 'a=1\\\n  \\uzzzz', ['fault 2:3 a malformed \\u escape']],
  ['a key twice', 'a=1\n a=2', ['warning 2:2 "a" stands on line 1, too; as in Java this one counts']],
  ['UTF-8', Buffer.from('# ü\na=1\nb=xü', 'utf8'), ['warning 3:4 UTF-8, which Java reads as ISO-8859-1, and so is it here: write characters beyond ASCII as \\uXXXX']],
  ['a byte order mark', Buffer.from('\ufeffa=1', 'utf8'), ['fault 1:1 a file in UTF-8 with a byte order mark']],
  ['UTF-16', Buffer.from('\ufeffa=1', 'utf16le'), ['fault 1:1 a file in UTF-16']],
  ['UTF-16 without a mark', Buffer.from('a=1', 'utf16le'), ['fault 1:2 a NUL byte (UTF-16?)']],
  ['a NUL byte', 'a=1\nbc\0=2', ['fault 2:3 a NUL byte']],
];

describe('what is told', () => {
  test.each(tellings)('%s', (_name, content, told) => {
    expect(parse(content).told).toEqual(told);
  });
});

test('keys and values know their places', () => {
  const { file } = parse('# x\n  topics : \\\n    orders\nempty =\n');
  expect(file?.all).toMatchObject([
    { key: 'topics', line: 2, column: 3, valueLine: 3, valueColumn: 5 },
    { key: 'empty', line: 4, column: 1, valueLine: 4 },
  ]);
});
