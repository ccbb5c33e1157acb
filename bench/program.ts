// The program that is measured: as npm ships it (scripts/bundle.ts), made of the sources by every benchmark at its start.
// LOCKSTEP_BENCH_DIST=FOLDER measures what is there instead, as it is: a bundle, or what tsc makes.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { LockstepError } from '../src/errors.ts';

const root = path.resolve(import.meta.dirname, '..');
const given = process.env.LOCKSTEP_BENCH_DIST;

export const program = path.resolve(given ?? path.join(root, 'bundle'), 'cli', 'main.js');

/** Throws USAGE where the sources have errors, which tsc tells. */
export function makeProgram(say: (line: string) => void): void {
  if (given !== undefined) return;
  say('making bundle/, which is what npm ships');
  const steps = [
    [path.join(root, 'node_modules', '.bin', 'tsc'), '-b', 'tsconfig.src.json'],
    [process.execPath, path.join(root, 'scripts', 'bundle.ts')],
  ];
  for (const [command, ...args] of steps) {
    const { status } = spawnSync(command!, args, { cwd: root, stdio: ['ignore', 2, 2] });
    if (status !== 0) throw new LockstepError('USAGE', 'The sources do not compile; see the lines above.');
  }
}
