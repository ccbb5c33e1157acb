// Our reader of properties against java.util.Properties itself: thousands of generated files, one JVM.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findJava } from '../../src/regions/java-tools.ts';
import { parseProperties } from '../../src/topology/mm2/properties.ts';
import { runChild } from '../support/child-output.ts';
import { useTemporaryFolder } from '../support/region-fixtures.ts';

const folder = useTemporaryFolder();
const program = path.join(import.meta.dirname, 'java', 'LoadProperties.java');

/** Pieces that mean something, beside plain text. */
const piece = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom('a', 'B', 'us-east->eu-west', '.enabled', 'true', 'u0041', 'ü', '\xff'),
  },
  { weight: 4, arbitrary: fc.constantFrom('\\', '\\\\', '\n', '\r', '\r\n', '\\\n', '\\\r\n', '\\\r') },
  { weight: 3, arbitrary: fc.constantFrom(' ', '\t', '\f', '=', ':', '#', '!', '\\=', '\\:', '\\ ', '\\#') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('\\t', '\\n', '\\r', '\\f', '\\z', '\\u00fC', '\\u263a', '\\u12', '\\ud83d'),
  },
);
const text = fc.array(piece, { maxLength: 24 }).map((pieces) => pieces.join(''));

function hex(word: string): string {
  return Array.from({ length: word.length }, (_, at) =>
    word.charCodeAt(at).toString(16).padStart(4, '0'),
  ).join('');
}

/** As LoadProperties.java prints it. */
function ours(bytes: Buffer): string {
  const faults: string[] = [];
  const read = parseProperties(bytes, 'x', {
    faultAt: (_, { found }) => faults.push(found),
    warnAt: () => {},
  });
  if (faults.length > 0) return '!';
  const entries = [...read!.byKey.values()].map(({ key, value }) => `${hex(key)}=${hex(value)}`);
  return entries.sort().join(';');
}

test('reads what Java reads, and refuses what it refuses', { timeout: 180_000 }, async () => {
  const files = fc.sample(text, { numRuns: 4_000, seed: 20_261_121 });
  const paths = files.map((_, index) => path.join(folder.path, String(index)));
  await Promise.all(files.map((content, index) => writeFile(paths[index]!, content, 'latin1')));
  const java = await runChild(findJava(), [program], { stdin: `${paths.join('\n')}\n`, timeoutMs: 150_000 });
  expect(java.stderr).toBe('');
  const answers = java.stdout.toString().split('\n');
  const differing = files.flatMap((content, index) => {
    const theirs = answers[index]!.replace(/^!.*/, '!');
    const own = ours(Buffer.from(content, 'latin1'));
    return own === theirs ? [] : [{ content: JSON.stringify(content), theirs, own }];
  });
  expect(differing.slice(0, 5)).toEqual([]);
  expect(answers.filter((answer) => answer.startsWith('!')).length).toBeGreaterThan(100);
  expect(answers.filter((answer) => answer.includes(';')).length).toBeGreaterThan(500);
});
