// Which sources were measured.
import { execFileSync } from 'node:child_process';

/** `58a35ca`, with `+changes` where files differ from it; null outside of a checkout. */
export function commitOf(root: string): string | null {
  const commit = git(root, 'rev-parse', '--short', 'HEAD');
  const isChanged = commit !== null && git(root, 'status', '--porcelain', '--untracked-files=no') !== '';
  return isChanged ? `${commit}+changes` : commit;
}

function git(root: string, ...args: string[]): string | null {
  try {
    return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  } catch {
    return null;
  }
}
