// The licences of packages whose code is shipped within ours ask for their texts to come along.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly author?: string | { readonly name: string };
}

const licenceFile = /^(licen[cs]e|notice|copying)/i;
const rule = '-'.repeat(80);

/** The folder of the package that a module is in; null for a module of ours, or of the bundler. */
export function packageFolderOf(moduleId: string): string | null {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(moduleId)?.[0] ?? null;
}

/** Name, version and licence of each package, by name; one that is there twice in one version once. */
export function noticesOf(packageFolders: readonly string[]): string {
  const notices = new Map(packageFolders.map((folder) => noticeOf(folder)));
  const head = 'This folder has code of the packages below, each under its own licence.';
  return [head, ...[...notices.keys()].sort().map((title) => `${rule}\n${title}\n\n${notices.get(title)}`)]
    .join('\n\n')
    .concat('\n');
}

/** Throws where neither a file nor package.json names a licence: such a package can't be shipped. */
function noticeOf(folder: string): [title: string, text: string] {
  const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest;
  const { name, version, license, author } = manifest;
  const texts = readdirSync(folder)
    .filter((file) => licenceFile.test(file))
    .sort()
    .map((file) => readFileSync(path.join(folder, file), 'utf8').trim());
  if (license === undefined) throw new Error(`${name} ${version} names no licence`);
  const by = typeof author === 'object' ? author.name : author;
  const told = `Its package.json says: license ${license}${by === undefined ? '' : `, author ${by}`}.`;
  return [`${name} ${version} (${license})`, texts.length === 0 ? told : texts.join('\n\n')];
}
