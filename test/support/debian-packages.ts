// Programs of Debian's packages for tests: those that are installed, or else out of the packages, unpacked into .kafka/
// without installing a service. Where they can't be had, tests are skipped and counted as skipped.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';

export interface DebianPrograms {
  /** Of the folder below .kafka/. */
  readonly name: string;
  /** Those that are missing are unpacked, and what they need and this machine lacks. */
  readonly packages: readonly string[];
  /** Called with the root of the unpacked packages, '' for what is installed. */
  works(root: string): boolean;
}

/** The root below which the programs are: '' for installed ones, null: they can't be had here. */
export function debianPrograms({ name, packages, works }: DebianPrograms): string | null {
  if (works('')) return '';
  const unpacked = path.resolve(import.meta.dirname, '../../.kafka', name);
  if (!existsSync(unpacked)) unpack(packages, unpacked);
  return existsSync(unpacked) && works(unpacked) ? unpacked : null;
}

/** A folder that is there is whole: it gets its name last. */
function unpack(packages: readonly string[], folder: string): void {
  const incoming = `${folder}.${process.pid}`;
  mkdirSync(incoming, { recursive: true });
  const run = (command: string, ...args: string[]) =>
    spawnSync(command, args, { cwd: incoming, timeout: 300_000, encoding: 'utf8' });
  const download = (): boolean => {
    const wouldInstall = run('apt-get', 'install', '-s', ...packages).stdout ?? '';
    const names = [...wouldInstall.matchAll(/^Inst (\S+)/gm)].map(([, each]) => each!);
    return run('apt-get', 'download', '-qq', ...(names.length > 0 ? names : packages)).status === 0;
  };
  // Root may ask for newer lists where the old ones name a package that is gone.
  if (download() || (run('apt-get', 'update', '-qq').status === 0 && download())) {
    const files = readdirSync(incoming).filter((file) => file.endsWith('.deb'));
    if (files.every((file) => run('dpkg-deb', '-x', file, '.').status === 0))
      try {
        renameSync(incoming, folder);
      } catch {
        // Whoever was faster unpacked the same.
      }
  }
  rmSync(incoming, { recursive: true, force: true });
}
