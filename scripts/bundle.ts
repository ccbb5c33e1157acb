// Writes bundle/, which is what npm ships: the program and the packages that it is written with, in some ninety files
// instead of seven hundred. An agent keeps the source of every module that it has loaded, for years, and Node some objects
// of its own for each: in one bundle, without comments, it takes several MB less (docs/performance-log.md).
//
//   bundle/cli/main.js            the entry
//   bundle/chunks/NAME.js         what it loads at once, and what each command loads when it is named
//   bundle/THIRD-PARTY-NOTICES    the licences of the packages that are in it
//
// What package.json has under `dependencies` stays a package, and npm installs it: what has native parts or is loaded with
// `require` when it is needed. Every other package that the sources import becomes part of the bundle.
//
// Names, lines and regions (`//#region FILE`) are kept, so that stack traces can be read; the sources are not needed for it.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type OutputChunk, rolldown } from 'rolldown';
import { noticesOf, packageFolderOf } from './third-party-notices.ts';

const root = path.resolve(import.meta.dirname, '..');
const folder = path.join(root, 'bundle');

const { dependencies, optionalDependencies } = JSON.parse(
  readFileSync(path.join(root, 'package.json'), 'utf8'),
) as Record<'dependencies' | 'optionalDependencies', Record<string, string>>;
const installed = Object.keys({ ...dependencies, ...optionalDependencies });
/**
 * What Fastify requires only where nothing else compiles schemas, which something does (src/agent/api/server.ts), and for
 * requests without a network: half a megabyte of text that nobody would run. They are neither bundled nor installed.
 */
const neverRequired = ['@fastify/ajv-compiler', '@fastify/fast-json-stringify-compiler', 'light-my-request'];
const leftOut = [...installed, ...neverRequired];

const bundle = await rolldown({
  input: { main: path.join(root, 'src', 'cli', 'main.ts') },
  cwd: root,
  platform: 'node',
  tsconfig: path.join(root, 'tsconfig.src.json'),
  external: (id) => leftOut.some((name) => id === name || id.startsWith(`${name}/`)),
  logLevel: 'warn',
});
const { output } = await bundle.generate({
  format: 'esm',
  // Two folders below package.json, as the sources are: they look for it from where they stand.
  entryFileNames: 'cli/[name].js',
  chunkFileNames: 'chunks/[name].js',
  comments: false,
  keepNames: true,
});
await bundle.close();

const chunks = output.filter((each): each is OutputChunk => each.type === 'chunk');
const packages = chunks.flatMap(({ moduleIds }) => moduleIds.flatMap((id) => packageFolderOf(id) ?? []));

rmSync(folder, { recursive: true, force: true });
for (const part of ['cli', 'chunks']) mkdirSync(path.join(folder, part), { recursive: true });
for (const { fileName, code } of chunks) writeFileSync(path.join(folder, fileName), inOneByteLetters(code));
writeFileSync(path.join(folder, 'THIRD-PARTY-NOTICES'), noticesOf([...new Set(packages)]));

/**
 * V8 keeps a source in two bytes a letter where one letter of it is beyond Latin-1. Comments are gone by now, so such a letter
 * stands in a string, a template or a regular expression, where an escape means the same.
 */
function inOneByteLetters(code: string): string {
  return code.replace(/\\*[^\0-\xff]/g, (found) => {
    const backslashes = found.slice(0, -1);
    if (backslashes.length % 2 === 1) throw new Error(`${JSON.stringify(found)} can't be escaped once more`);
    return `${backslashes}\\u${found.charCodeAt(backslashes.length).toString(16).padStart(4, '0')}`;
  });
}
