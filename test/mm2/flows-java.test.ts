// What we make of a file against what connect-mirror's own MirrorMakerConfig and connectors make of it: hundreds of
// generated files, one JVM.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LockstepError } from '../../src/errors.ts';
import { defaultKafkaVersion, installKafka } from '../../src/regions/index.ts';
import { loadTopology, type Topology } from '../../src/topology/index.ts';
import { runChild } from '../support/child-output.ts';
import { useTemporaryFolder } from '../support/region-fixtures.ts';

const folder = useTemporaryFolder();
const program = path.join(import.meta.dirname, 'java', 'Flows.java');
const policies = 'org.apache.kafka.connect.mirror.';

// biome-ignore format: a table
const values: Readonly<Record<string, readonly string[]>> = {
  enabled: ['true', 'true', 'false', 'TRUE', 'true '],
  topics: ['x', 'y.*, z', ''], 'topics.exclude': ['x', '', 'a.*'],
  groups: ['g', ''], 'groups.exclude': ['h.*,i', ''],
  'emit.heartbeats.enabled': ['true', 'false', 'False', 'true '], 'emit.heartbeats.interval.seconds': ['5', '-1'],
  'emit.checkpoints.enabled': ['true', 'false'], 'emit.checkpoints.interval.seconds': ['7', '-1'],
  'sync.group.offsets.enabled': ['true', 'false'], 'sync.group.offsets.interval.seconds': ['9', '-1'],
  'heartbeats.replication.enabled': ['true', 'false'],
  'sync.topic.acls.enabled': ['true', 'false'], 'sync.topic.acls.interval.seconds': ['11', '-2'],
  'replication.policy.separator': ['_', '.', '-x-'],
  'replication.policy.class': [`${policies}DefaultReplicationPolicy`, `${policies}IdentityReplicationPolicy`],
  'consumer.auto.offset.reset': ['latest', 'earliest'], 'source.consumer.auto.offset.reset': ['latest', 'earliest'],
  'bootstrap.servers': ['k9:1'], 'admin.bootstrap.servers': ['k8:1'],
};
const aliases = ['a', 'b', 'c'];
const flows = aliases.flatMap((source) =>
  aliases.flatMap((target) => (source === target ? [] : [`${source}->${target}.`])),
);
/** A line of one of a few names, so that lines of one file compete. */
function lineOf(names: readonly string[]) {
  const scope = fc.constantFrom('', '', 'a->b.', 'a->b.', ...flows, 'a.', 'a.', 'b.');
  return fc
    .tuple(scope, fc.constantFrom(...names), fc.nat(100))
    .map(([where, name, choice]) => `${where}${name} = ${values[name]![choice % values[name]!.length]}`);
}
const head = `clusters = a, b, c
a.bootstrap.servers=ka:1
b.bootstrap.servers=kb:1
c.bootstrap.servers=kc:1
`;
const file = fc
  .subarray(Object.keys(values), { minLength: 2, maxLength: 4 })
  .chain((names) => fc.array(lineOf(['enabled', ...names]), { minLength: 2, maxLength: 12 }))
  .map((lines) => `${head}a->b.enabled = true\n${lines.join('\n')}\n`);

/** Lists without what tells expressions from names; of nothing, an empty one. */
function items(list: readonly string[]): string {
  return `[${list.map((item) => item.replace(/^regex:/, '')).filter((item) => item !== '[^\\s\\S]')}]`;
}

/** As Flows.java prints it. */
function told({ links, heartbeats, clusters }: Topology): string {
  const address = (name: string) =>
    clusters[name]!.bootstrap.map(({ host, port }) => `${host}:${port}`).join(',');
  const pairs = flows.flatMap((scope) => {
    const [source, target] = scope.slice(0, -1).split('->') as [string, string];
    const link = Object.hasOwn(links, `${source}-to-${target}`) ? links[`${source}-to-${target}`] : undefined;
    const told: Record<string, unknown> = {};
    const beat = heartbeats.find(
      ({ sourceAlias, destination }) => destination === target && sourceAlias === source,
    );
    if (beat !== undefined) told.beat = beat.everyMs;
    if (link !== undefined) {
      const { mirrorMaker, startAt, sync } = link;
      Object.assign(told, {
        acls: sync.acls !== null,
        from: address(source),
        to: address(target),
        start: startAt.kind,
      });
      Object.assign(told, { heartbeats: mirrorMaker!.mirrorsHeartbeats, name: `${link.prefix}t` });
      Object.assign(told, { topics: items(link.topics), excludeTopics: items(link.excludeTopics) });
      const { checkpoints } = mirrorMaker!;
      if (checkpoints !== null) {
        Object.assign(told, { checkpoints: checkpoints.everyMs, commits: sync.groups.commits });
        Object.assign(told, { groups: items(link.groups), excludeGroups: items(link.excludeGroups) });
      }
    }
    const entries = Object.entries(told).sort(([one], [other]) => (one < other ? -1 : 1));
    if (entries.length === 0) return [];
    return [`${source}>${target}{${entries.map(([name, value]) => `${name}=${value}`).join(',')}}`];
  });
  return pairs.sort().join(' ');
}

async function ours(name: string): Promise<string> {
  try {
    return told(await loadTopology(name));
  } catch (error) {
    if (error instanceof LockstepError && error.code === 'CONFIG_INVALID') return `!${error.message}`;
    throw error;
  }
}

test('flows, names, filters, intervals and addresses are those of connect-mirror', {
  timeout: 180_000,
}, async () => {
  const { java, classPath } = await installKafka({ version: defaultKafkaVersion });
  const files = fc.sample(file, { numRuns: 600, seed: 7 });
  const paths = files.map((_, index) => path.join(folder.path, `${index}.properties`));
  await Promise.all(files.map((content, index) => writeFile(paths[index]!, content)));
  const done = await runChild(java, ['-cp', classPath, program], {
    stdin: `${paths.join('\n')}\n`,
    timeoutMs: 150_000,
  });
  const answers = done.stdout
    .toString()
    .split('\n')
    .filter((answer) => answer.startsWith('> '))
    .map((answer) => answer.slice(2));
  expect(answers).toHaveLength(files.length);
  let compared = 0;
  const differing = [];
  for (const [index, theirs] of answers.entries()) {
    const own = await ours(paths[index]!);
    // What we refuse beyond Java (contradictions, one address under two names) is shown by line elsewhere.
    if (own.startsWith('!')) continue;
    compared++;
    if (own !== theirs)
      differing.push({ file: files[index], theirs: theirs.split(' '), own: own.split(' ') });
  }
  expect(differing.slice(0, 2)).toEqual([]);
  expect(compared).toBeGreaterThan(150);
});
