// Peers written in Go, built from the module proxy when Go is there: bench/go/<name>, with its go.mod and go.sum, becomes
// .kafka/go/<name>-<hash>. The hash is of its sources and of Go's version, so that what is there fits; Go keeps what it
// downloaded and compiled itself.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

export type GoProgram = 'franz-copier' | 'redpanda-connect';

export type Built = { readonly file: string } | { readonly whyNot: string };

const cache = path.resolve(import.meta.dirname, '../../.kafka/go');
const lastLines = 5;

/** The program's file, built first where it is not there. Never throws: what stands in the way is said. */
export async function buildGoProgram(name: GoProgram, say: (line: string) => void): Promise<Built> {
  const version = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' });
  if (version.status !== 0) return { whyNot: 'go is not installed (https://go.dev/doc/install)' };
  const folder = path.join(import.meta.dirname, name);
  const file = path.join(cache, `${name}-${hashOf(folder, version.stdout.trim())}`);
  if (existsSync(file)) return { file };
  try {
    await mkdir(cache, { recursive: true });
    say(`${name}: building it with ${version.stdout.trim()} (once; the first time takes some minutes)`);
    const unfinished = `${file}.${process.pid}`;
    const done = await run(['build', '-trimpath', '-o', unfinished, '.'], folder);
    if (done.code !== 0) return { whyNot: `go build failed: ${done.words}` };
    for (const old of await readdir(cache)) {
      // Of another hash: its sources are no more.
      if (/^[0-9a-f]{16}$/.test(old.slice(name.length + 1)) && old.startsWith(`${name}-`))
        await rm(path.join(cache, old));
    }
    await rename(unfinished, file);
    return { file };
  } catch (error) {
    return { whyNot: `it could not be built: ${(error as Error).message}` };
  }
}

function hashOf(folder: string, version: string): string {
  const hash = createHash('sha256').update(version);
  for (const name of readdirSync(folder).sort())
    hash.update(`\0${name}\0`).update(readFileSync(path.join(folder, name)));
  return hash.digest('hex').slice(0, 16);
}

function run(args: readonly string[], folder: string): Promise<{ code: number | null; words: string }> {
  const child = spawn('go', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    told += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      resolve({ code, words: told.trimEnd().split('\n').slice(-lastLines).join('; ') }),
    );
  });
}
