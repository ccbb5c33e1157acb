// Lockstep as somebody has it who installs the package: packed from a copy of the sources, installed by npm into an empty
// folder, and started with a PATH that has Node and nothing else.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ChildOutput, runChild } from '../support/child-output.ts';

const root = path.resolve(import.meta.dirname, '..', '..');
/** What `npm pack` reads; a copy, so that the `dist` of the checkout stays as it is while others use it. */
const packedParts = [
  ...['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'bin', 'deploy', 'docs', 'scripts', 'src'],
  ...['tsconfig.base.json', 'tsconfig.src.json', 'tsconfig.json'],
];
const npmTimeoutMs = 240_000;

export interface InstalledPackage {
  /** Names of the files in the package. */
  readonly files: readonly string[];
  /** Where npm put it. */
  readonly folder: string;
  /** What npm put beside it: names of packages. */
  readonly packagesBeside: readonly string[];
  /** The folder that PATH has, and nothing else. */
  readonly binFolder: string;
  /** The command, for whoever starts it himself. */
  readonly command: string;
  run(args: readonly string[], options?: { timeoutMs?: number }): Promise<ChildOutput>;
  remove(): void;
}

export function installPackage(): InstalledPackage {
  const base = mkdtempSync(path.join(tmpdir(), 'lockstep-install-'));
  const [sources, target] = [path.join(base, 'sources'), path.join(base, 'target')];
  for (const folder of [sources, target]) mkdirSync(folder);
  for (const part of packedParts)
    cpSync(path.join(root, part), path.join(sources, part), { recursive: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(sources, 'node_modules'));
  const packed = npm(['pack', '--json', '--pack-destination', base], sources, process.env.PATH);
  const [entry] = JSON.parse(packed.slice(packed.indexOf('['))) as {
    filename: string;
    files: { path: string }[];
  }[];

  const binFolder = nodeAlone(base);
  // No script of any dependency runs: nothing is compiled, not even when a compiler is there.
  const flags = [
    '--omit=dev',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    '--engine-strict',
  ];
  npm(['install', ...flags, path.join(base, entry!.filename)], target, binFolder);
  const [folder, command] = ['lockstep', '.bin/lockstep'].map((name) =>
    path.join(target, 'node_modules', name),
  ) as [string, string];
  return {
    files: entry!.files.map((file) => file.path),
    folder,
    packagesBeside: packagesIn(path.join(target, 'node_modules')).filter((name) => name !== 'lockstep'),
    binFolder,
    command,
    run: (args, { timeoutMs = 30_000 } = {}) =>
      runChild('/usr/bin/env', ['-i', `PATH=${binFolder}`, command, ...args], { timeoutMs }),
    remove: () => rmSync(base, { recursive: true, force: true }),
  };
}

function packagesIn(folder: string): string[] {
  const visible = readdirSync(folder).filter((name) => !name.startsWith('.'));
  return visible.flatMap((name) =>
    name.startsWith('@') ? packagesIn(path.join(folder, name)).map((each) => `${name}/${each}`) : [name],
  );
}

/** A folder with Node 24 (the one that runs this test), npm, and what npm's first line needs. */
function nodeAlone(base: string): string {
  const folder = path.join(base, 'path');
  mkdirSync(folder);
  symlinkSync(process.execPath, path.join(folder, 'node'));
  symlinkSync(npmCli(), path.join(folder, 'npm'));
  for (const program of ['env', 'sh'])
    symlinkSync(realpathSync(`/usr/bin/${program}`), path.join(folder, program));
  return folder;
}

function npmCli(): string {
  return realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim());
}

function npm(args: readonly string[], cwd: string, searchPath: string | undefined): string {
  const env = { ...process.env, PATH: searchPath, NODE_OPTIONS: '' };
  const options = { cwd, encoding: 'utf8', timeout: npmTimeoutMs, env } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [npmCli(), ...args], options);
  if (status !== 0) throw new Error(`npm ${args[0]} ended with ${status}: ${stdout}${stderr}`);
  return stdout;
}

export function packageVersion(): string {
  return String(
    (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }).version,
  );
}
