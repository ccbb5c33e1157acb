// Prometheus itself as the judge of our metrics and rules: the one that is installed, or else the two programs out of
// Debian's package, unpacked into .kafka/ without installing a service. Where neither can be had, the tests are skipped
// and counted as skipped.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findFreePort } from '../../src/regions/ports.ts';
import { debianPrograms } from './debian-packages.ts';
import { waitFor } from './wait-for.ts';

const programFolderIn = (root: string): string => (root === '' ? '' : path.join(root, 'usr', 'bin'));
const root = debianPrograms({
  name: 'prometheus',
  packages: ['prometheus'],
  works: (unpacked) =>
    ['prometheus', 'promtool'].every(
      (name) => spawnSync(path.join(programFolderIn(unpacked), name), ['--version']).status === 0,
    ),
});
const folder = root === null ? null : programFolderIn(root);
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
