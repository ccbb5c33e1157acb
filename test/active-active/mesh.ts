// Regions that write the same topic name and see each other's: a file with all links, one agent for each region, and what
// independent clients find in the end.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type AgentStatus, runFile } from '../../src/agent/index.ts';
import { loadTopology } from '../../src/topology/index.ts';
import { runChild } from '../support/child-output.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { waitFor } from '../support/wait-for.ts';

/** A region as agents reach it. */
export interface Place {
  readonly name: string;
  readonly bootstrap: readonly string[];
}

export interface Mesh extends AsyncDisposable {
  readonly file: string;
  status(): AgentStatus | null;
  /** Every state that a partition or a topic of any link was ever seen in. */
  readonly statesSeen: ReadonlySet<string>;
  /** Waits until `lockstep verify` finds all mirrors identical, and that these are so many. */
  converges(mirrorCount: number, deadlineMs?: number): Promise<void>;
}

/** One line for each link, as in a lockstep.yaml: `a-to-b: { source: a, destination: b, ... }`. */
export async function writeMesh(
  folder: string,
  name: string,
  { places, links }: { places: readonly Place[]; links: readonly string[] },
): Promise<string> {
  const file = path.join(folder, `${name}.yaml`);
  const clusters = places.map((place) => `  ${place.name}: { bootstrap: [${place.bootstrap.join(', ')}] }`);
  const all = links.map((link) => `  ${link}`);
  await writeFile(file, ['version: 1', 'clusters:', ...clusters, 'links:', ...all, ''].join('\n'));
  return file;
}

/** `lockstep run FILE`, in the test's own process; use with `await using`. */
export async function runMesh(file: string): Promise<Mesh> {
  const topology = await loadTopology(file);
  const stopping = new AbortController();
  const statesSeen = new Set<string>();
  const notices: string[] = [];
  let status: AgentStatus | null = null;
  let failure: unknown = null;
  const done = runFile({
    ...{ topology, signal: stopping.signal, statusEveryMs: 50, version: 'test', sessionTimeoutMs: 6_000 },
    onStatus: (newest) => {
      status = newest;
      for (const { topics, partitions } of newest.links)
        for (const { state } of [...topics, ...partitions]) statesSeen.add(state);
    },
    onNotice: (link, { level, text }) => notices.push(`${link ?? '-'}: ${level}: ${text}`),
  }).catch((error: unknown) => {
    failure = error;
  });
  return {
    file,
    statesSeen,
    status: () => status,
    converges: async (mirrorCount, deadlineMs = 120_000) => {
      let told = '';
      await waitFor(
        async () => {
          if (failure !== null) throw failure;
          // Cheap, and sooner than a verification: nothing is behind, and everything was met.
          const partitions = status?.links.flatMap((link) => link.partitions) ?? [];
          const topics = new Set(
            status?.links.flatMap((link) => link.partitions.map(({ topic }) => `${link.name}/${topic}`)),
          );
          if (topics.size < mirrorCount || partitions.some(({ lagRecords }) => lagRecords !== 0n))
            return false;
          const verified = await lockstepCommand('verify', file);
          told = `${verified.exitCode}: ${verified.stdout}${verified.stderr}`;
          return verified.exitCode === 0;
        },
        {
          ...{ deadlineMs, pollMs: 500 },
          describe: () =>
            `${mirrorCount} identical mirrors: ${told}\n${stateText(status)}\n${notices.join('\n')}`,
        },
      );
    },
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await done;
    },
  };
}

function stateText(status: AgentStatus | null): string {
  return (status?.links ?? [])
    .flatMap(({ name, topics, partitions, discoveryError }) => [
      `${name}: ${discoveryError ?? 'looked'}`,
      ...topics.map(({ topic, state, reason }) => `  ${topic} ${state} ${reason}`),
      ...partitions.map(
        ({ topic, partition, state, reason, mirrorEnd, sourceEnd }) =>
          `  ${topic}-${partition} ${state} ${mirrorEnd}/${sourceEnd} ${reason}`,
      ),
    ])
    .join('\n');
}

/** Topics as librdkafka lists them, without internal ones. */
export async function topicsOf({ bootstrap }: Place): Promise<string[]> {
  const { stdout } = await runChild('kcat', ['-L', '-J', '-b', bootstrap.join(',')]);
  const { topics } = JSON.parse(stdout.toString('utf8')) as { topics: { topic: string }[] };
  return topics
    .map(({ topic }) => topic)
    .filter((topic) => !topic.startsWith('__'))
    .sort();
}

/** Where a record was read, and what it says. */
export interface ReadRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
}

/** A consumer of librdkafka in a group, subscribed by pattern, from the start of every topic to its end. */
export async function kcatByPattern(
  { bootstrap }: Place,
  pattern: string,
  group: string,
): Promise<ReadRecord[]> {
  const args = ['-b', bootstrap.join(','), '-G', group, '-e', '-q', '-X', 'auto.offset.reset=earliest'];
  const format = '%t\t%p\t%o\t%s\n';
  const done = await runChild('kcat', [...args, '-f', format, pattern], { timeoutMs: 90_000 });
  if (done.code !== 0) throw new Error(`kcat: ${done.stderr}`);
  return readLines(done.stdout.toString('utf8'), /^([^\t]+)\t(\d+)\t(\d+)\t(.*)$/);
}

export function readLines(text: string, shape: RegExp): ReadRecord[] {
  return text.split('\n').flatMap((line) => {
    const [, topic, partition, offset, value] = shape.exec(line) ?? [];
    if (topic === undefined || value === undefined) return [];
    return [{ topic, partition: Number(partition), offset: Number(offset), value }];
  });
}
