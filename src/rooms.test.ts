// ARCHITECTURE.md's file map is true: every room and file that it names is there, every room stands in it, and imports go
// down its list only.
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '..');
const text = readFileSync(path.join(root, 'ARCHITECTURE.md'), 'utf8');
/** `| \`src/link/acls/\` | one sentence |`, in the order of the table. */
const rows = Array.from(text.matchAll(/^\| `(src\/[^`]*)` \| (.*) \|$/gm), ([, place, sentence]) => ({
  place: place!,
  sentence: sentence!,
}));
const rooms = [...new Set(rows.map(({ place }) => place.split('/')[1]!))];

interface Import {
  readonly from: string;
  readonly to: string;
}

/** Of everything but tests, types included; as paths below src/. */
function importsOf(file: string): Import[] {
  const source = readFileSync(path.join(root, 'src', file), 'utf8');
  return Array.from(source.matchAll(/(?:from|import\()\s*'(\.[^']*)'/g), ([, target]) => ({
    from: file,
    to: path.join(path.dirname(file), target!),
  }));
}

const files = globSync('**/*.ts', { cwd: path.join(root, 'src') }).filter(
  (file) => !file.endsWith('.test.ts') && !file.startsWith('protocol/messages/'),
);
const rankOf = (file: string): number => rooms.indexOf(file.split(path.sep)[0]!);

describe('the file map', () => {
  test('names what is there', () => {
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter(({ place }) => !existsSync(path.join(root, place)))).toEqual([]);
  });

  test('names files that are there', () => {
    const missing = rows.flatMap(({ place, sentence }) =>
      Array.from(sentence.matchAll(/`([\w/-]+\.ts|[\w-]+\/)`/g), ([, name]) =>
        path.join(place, name!),
      ).filter((named) => !existsSync(path.join(root, named))),
    );
    expect(missing).toEqual([]);
  });

  test('has each room', () => {
    expect(
      readdirSync(path.join(root, 'src')).filter(
        (name) => !/\.test\.ts$/.test(name) && !rooms.includes(name),
      ),
    ).toEqual([]);
  });
});

test('imports go down its list only', () => {
  const imports = files.flatMap(importsOf);
  expect(imports.length).toBeGreaterThan(1_000);
  expect(imports.filter(({ from, to }) => rankOf(to) < rankOf(from))).toEqual([]);
});
