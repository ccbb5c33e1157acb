// Prometheus itself as the judge of our metrics and rules: the one that is installed, or else the two programs out of
// Debian's package, unpacked into .kafka/ without installing a service. Where neither can be had, the tests are skipped
// and counted as skipped.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findFreePort } from '../../src/regions/ports.ts';
import { waitFor } from './wait-for.ts';

const unpacked = path.resolve(import.meta.dirname, '../../.kafka/prometheus');
const unpackedBin = path.join(unpacked, 'usr', 'bin');

/** Where the programs are: '' in PATH, null nowhere. */
function programFolder(): string | null {
  const works = (folder: string): boolean =>
    ['prometheus', 'promtool'].every(
      (name) => spawnSync(path.join(folder, name), ['--version']).status === 0,
    );
  if (works('')) return '';
  if (!existsSync(unpackedBin)) unpack();
  return works(unpackedBin) ? unpackedBin : null;
}

function unpack(): void {
  const incoming = `${unpacked}.${process.pid}`;
  mkdirSync(incoming, { recursive: true });
  const run = (command: string, ...args: string[]): boolean =>
    spawnSync(command, args, { cwd: incoming, timeout: 300_000 }).status === 0;
  const download = (): boolean => run('apt-get', 'download', '-qq', 'prometheus');
  // Root may ask for newer lists where the old ones name a package that is gone.
  if (download() || (run('apt-get', 'update', '-qq') && download())) {
    const file = readdirSync(incoming).find((name) => name.endsWith('.deb'));
    if (file !== undefined && run('dpkg-deb', '-x', file, '.'))
      try {
        renameSync(incoming, unpacked);
      } catch {
        // Whoever was faster unpacked the same.
      }
  }
  rmSync(incoming, { recursive: true, force: true });
}

const folder = programFolder();
export const prometheusIsInstalled = folder !== null;
/** For those who run them by themselves. */
export const promtool = path.join(folder ?? '', 'promtool');

export interface RunningPrometheus {
  /** The values that an expression has now, by labels as JSON. */
  query(expression: string): Promise<Map<string, string>>;
  /** Of each scraped address: `up`, or the error of its last scrape. */
  targets(): Promise<string[]>;
  stop(): Promise<void>;
}

/** Scrapes `HOST:PORT`s every second. `per`: asked for on /metrics. */
export async function startPrometheus(options: {
  targets: readonly string[];
  per?: 'topic' | 'partition';
}): Promise<RunningPrometheus> {
  const directory = mkdtempSync(path.join(tmpdir(), 'lockstep-prometheus-'));
  const file = path.join(directory, 'prometheus.yml');
  const job = {
    ...{ job_name: 'lockstep', scrape_interval: '1s', scrape_timeout: '1s' },
    params: { per: [options.per ?? 'topic'] },
    static_configs: [{ targets: options.targets }],
  };
  writeFileSync(file, JSON.stringify({ scrape_configs: [job] }));
  const port = await findFreePort();
  const args = [`--config.file=${file}`, `--storage.tsdb.path=${path.join(directory, 'data')}`];
  const child = spawn(
    path.join(folder ?? '', 'prometheus'),
    [...args, `--web.listen-address=127.0.0.1:${port}`, '--log.level=warn'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let words = '';
  child.stderr.on('data', (bytes) => {
    words = `${words}${bytes}`.slice(-2_000);
  });
  const url = `http://127.0.0.1:${port}`;
  await waitFor(async () => (await fetch(`${url}/-/ready`)).ok, {
    deadlineMs: 30_000,
    describe: () => `Prometheus; it said: ${words}`,
  });
  return {
    query: async (expression) => {
      type Answer = { data: { result: { metric: Record<string, string>; value: [number, string] }[] } };
      const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
      const { data } = (await answer.json()) as Answer;
      return new Map(data.result.map(({ metric, value }) => [JSON.stringify(metric), value[1]]));
    },
    targets: async () => {
      type Answer = { data: { activeTargets: { health: string; lastError: string }[] } };
      const { data } = (await (await fetch(`${url}/api/v1/targets`)).json()) as Answer;
      return data.activeTargets.map(({ health, lastError }) => (health === 'up' ? 'up' : lastError));
    },
    stop: async () => {
      await ended(child);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await exited;
}
