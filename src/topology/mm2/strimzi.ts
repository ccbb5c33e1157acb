// A manifest of Strimzi's KafkaMirrorMaker2 (kafka.strimzi.io/v1beta2 with clusters and connectCluster, v1 with target and
// mirrors[].source) as the properties that a file of connect-mirror-maker.sh would have, each with its place in the manifest.
//
// What differs from that file: a connector that stands there is enabled (tasks are not paused), and there are heartbeats
// for no other pair. Settings of all connectors of a mirror become those of one flow, so they must agree.
import { parseYaml } from '../document.ts';
import type { Path, Problems } from '../problems.ts';
import { Manifest } from './manifest.ts';
import { putSecurity } from './strimzi-security.ts';
import type { Around, PropertiesFile } from './types.ts';

const kindPattern = /^\s*\{?\s*["']?kind["']?\s*:\s*["']?KafkaMirrorMaker2["']?\s*,?\s*(?:#.*)?$/m;
const apiPattern = /^\s*\{?\s*["']?apiVersion["']?\s*:\s*["']?kafka\.strimzi\.io\//m;

/** Whether the text, or one document of it, is a KafkaMirrorMaker2. */
export function isStrimziManifest(text: string): boolean {
  return kindPattern.test(text) && apiPattern.test(text);
}

/**
 * The manifest's properties; null when nothing can be said about its contents. Faults are added to `problems`, which can
 * tell places by path from then on.
 */
export function strimziProperties(
  text: string,
  file: string,
  {
    problems,
    ...around
  }: Pick<Around, 'folder' | 'environment' | 'readFile'> & { readonly problems: Problems },
): PropertiesFile | null {
  const document = parseYaml(onlyManifest(text, problems), problems);
  if (document === undefined) return null;
  problems.locateBy(document);
  const manifest = new Manifest(document, problems);
  checkApi(manifest);
  const isNew = manifest.at(['spec', 'target']) !== undefined;
  for (const key of isNew ? ['clusters', 'connectCluster'] : []) {
    if (manifest.at(['spec', key]) === undefined) continue;
    manifest.fault(['spec', key], { found: `${key} beside target`, expected: 'one of the two ways' });
  }
  const target = isNew ? putTarget(manifest, around) : null;
  const aliases = new Set(target === null ? putClusters(manifest, around) : [target]);
  const mirrors = manifest.lengthAt(['spec', 'mirrors']);
  for (let index = 0; index < mirrors; index++) {
    putMirror(manifest, ['spec', 'mirrors', index], { target, aliases }, around);
  }
  if (mirrors === 0)
    manifest.fault(['spec'], { found: 'no mirrors', expected: 'at least one in spec.mirrors' });
  manifest.put('clusters', [...aliases].join(','), isNew ? ['spec', 'mirrors'] : ['spec', 'clusters']);
  // Heartbeats are those of heartbeat connectors alone.
  manifest.put('emit.heartbeats.enabled', 'false', ['spec', 'mirrors']);
  return manifest.properties(file);
}

/** Other documents of the file become empty lines, so that places stay right. */
function onlyManifest(text: string, problems: Problems): string {
  const lines = text.split('\n');
  const starts = [0, ...lines.flatMap((line, index) => (/^---(\s|$)/.test(line) ? [index] : []))];
  const parts = starts.map((start, index) => ({ start, end: starts[index + 1] ?? lines.length }));
  const textOf = ({ start, end }: { start: number; end: number }): string =>
    lines.slice(start, end).join('\n');
  const manifests = parts.filter((part) => isStrimziManifest(textOf(part)));
  const [one, second] = manifests;
  if (one === undefined) return text;
  if (second !== undefined) {
    problems.addAt(
      { line: second.start + 1, column: 1 },
      {
        found: 'a second KafkaMirrorMaker2',
        expected: 'one in a file: run the other with agents of its own',
      },
    );
  }
  return lines
    .map((line, index) => (index >= one.start && index < one.end && !/^---\s*$/.test(line) ? line : ''))
    .join('\n');
}

/** Keys of `spec` that say how pods run: Lockstep's own manifests are in deploy/. */
const podKeys = [
  ...[
    'version',
    'replicas',
    'image',
    'resources',
    'livenessProbe',
    'readinessProbe',
    'jvmOptions',
    'jmxOptions',
  ],
  ...['logging', 'clientRackInitImage', 'metricsConfig', 'tracing', 'template', 'externalConfiguration'],
];

function checkApi(manifest: Manifest): void {
  const api = manifest.textAt(['apiVersion']);
  if (!['kafka.strimzi.io/v1beta2', 'kafka.strimzi.io/v1'].includes(api ?? '')) {
    manifest.fault(['apiVersion'], { found: 'another version', expected: 'kafka.strimzi.io/v1 or v1beta2' });
  }
  const own = ['clusters', 'connectCluster', 'target', 'mirrors'];
  manifest.checkKeys(['spec'], [...own, ...podKeys, 'rack']);
  const there = podKeys.filter((key) => manifest.at(['spec', key]) !== undefined);
  if (there.length > 0) {
    const keys = there.join(', ');
    manifest.warn(
      ['spec', there[0]!],
      `not needed: ${keys}: they say how pods of Kafka Connect run (docs/fleet.md)`,
    );
  }
  if (manifest.at(['spec', 'rack']) !== undefined) {
    manifest.warn(['spec', 'rack'], 'not used: partitions are read from their leaders');
  }
}

type Surroundings = Pick<Around, 'folder' | 'environment' | 'readFile'>;

const clusterKeys = ['alias', 'bootstrapServers', 'tls', 'authentication', 'config'];
/** Names of Kafka Connect's group and topics in the target, and the worker's own properties for them. */
const workerKeys: Readonly<Record<string, string>> = {
  groupId: 'group.id',
  configStorageTopic: 'config.storage.topic',
  statusStorageTopic: 'status.storage.topic',
  offsetStorageTopic: 'offset.storage.topic',
};

/** `clusters` of v1beta2: the aliases. */
function putClusters(manifest: Manifest, around: Surroundings): string[] {
  const at = ['spec', 'clusters'];
  const aliases: string[] = [];
  const count = manifest.lengthAt(at);
  if (count === 0)
    manifest.fault(['spec'], { found: 'no clusters', expected: 'clusters, or target (of v1)' });
  for (let index = 0; index < count; index++) {
    const alias = putCluster(manifest, [...at, index], clusterKeys, around);
    if (alias === undefined) continue;
    if (aliases.includes(alias)) {
      manifest.fault([...at, index, 'alias'], { found: 'this alias a second time', expected: 'each once' });
    }
    aliases.push(alias);
  }
  const connect = manifest.textAt(['spec', 'connectCluster']);
  if (connect !== undefined && !aliases.includes(connect))
    unknownAlias(manifest, ['spec', 'connectCluster'], aliases);
  return aliases;
}

function putTarget(manifest: Manifest, around: Surroundings): string | null {
  const at = ['spec', 'target'];
  const alias = putCluster(manifest, at, [...clusterKeys, ...Object.keys(workerKeys)], around);
  if (alias === undefined) return null;
  for (const [key, property] of Object.entries(workerKeys)) {
    const value = manifest.textAt([...at, key]);
    if (value !== undefined) manifest.put(`${alias}.${property}`, value, [...at, key]);
  }
  return alias;
}

function putCluster(
  manifest: Manifest,
  at: Path,
  keys: readonly string[],
  around: Surroundings,
): string | undefined {
  manifest.checkKeys(at, keys);
  const alias = manifest.textAt([...at, 'alias'], 'the alias of the cluster');
  const bootstrap = manifest.textAt([...at, 'bootstrapServers'], 'addresses host:port');
  if (alias === undefined) return undefined;
  if (bootstrap !== undefined)
    manifest.put(`${alias}.bootstrap.servers`, bootstrap, [...at, 'bootstrapServers']);
  putSecurity(manifest, at, alias, around);
  for (const key of manifest.keysAt([...at, 'config'])) {
    const value = manifest.textAt([...at, 'config', key]) ?? '';
    // Providers are those of the Connect workers, and serve all.
    manifest.put(key.startsWith('config.providers') ? key : `${alias}.${key}`, value, [...at, 'config', key]);
  }
  return alias;
}

function unknownAlias(manifest: Manifest, at: Path, aliases: Iterable<string>): void {
  manifest.fault(at, { found: 'an unknown alias', expected: `one of ${[...aliases].join(', ')}` });
}

const connectors = ['sourceConnector', 'checkpointConnector', 'heartbeatConnector'] as const;
const patterns: Readonly<Record<string, string>> = {
  topicsPattern: 'topics',
  topicsExcludePattern: 'topics.exclude',
  topicsBlacklistPattern: 'topics.exclude',
  groupsPattern: 'groups',
  groupsExcludePattern: 'groups.exclude',
  groupsBlacklistPattern: 'groups.exclude',
};

function putMirror(
  manifest: Manifest,
  at: Path,
  { target, aliases }: { target: string | null; aliases: Set<string> },
  around: Surroundings,
): void {
  const ends = target === null ? ['sourceCluster', 'targetCluster'] : ['source'];
  manifest.checkKeys(at, [...ends, ...connectors, ...Object.keys(patterns)]);
  const [from, to] =
    target === null
      ? [
          knownAlias(manifest, [...at, 'sourceCluster'], aliases),
          knownAlias(manifest, [...at, 'targetCluster'], aliases),
        ]
      : [putSource(manifest, [...at, 'source'], aliases, around), target];
  if (from === undefined || to === undefined) return;
  const flow = `${from}->${to}`;
  for (const [key, property] of Object.entries(patterns)) {
    const value = manifest.textAt([...at, key]);
    if (value !== undefined) manifest.put(`${flow}.${property}`, value, [...at, key]);
  }
  const [source, checkpoint, heartbeat] = connectors.map((name) =>
    putConnector(manifest, [...at, name], flow),
  );
  manifest.put(
    `${flow}.enabled`,
    String(source === true),
    source === undefined ? at : [...at, 'sourceConnector'],
  );
  if (source !== true && checkpoint === true) {
    manifest.warn(
      [...at, 'checkpointConnector'],
      'not used without a sourceConnector: positions travel with their topics',
    );
  }
  putFlag(manifest, `${flow}.emit.checkpoints.enabled`, checkpoint, [...at, 'checkpointConnector']);
  putFlag(manifest, `${flow}.emit.heartbeats.enabled`, heartbeat, [...at, 'heartbeatConnector']);
}

/** What the connector's own config says of it stays. */
function putFlag(manifest: Manifest, key: string, isRunning: boolean | undefined, at: Path): void {
  const inside = key.slice(key.indexOf('emit.'));
  if (isRunning === true && manifest.at([...at, 'config', inside]) !== undefined) return;
  manifest.put(key, String(isRunning === true), isRunning === undefined ? at.slice(0, -1) : at);
}

function knownAlias(manifest: Manifest, at: Path, aliases: Set<string>): string | undefined {
  const alias = manifest.textAt(at, 'an alias of spec.clusters');
  if (alias === undefined || aliases.has(alias)) return alias;
  unknownAlias(manifest, at, aliases);
  return undefined;
}

function putSource(
  manifest: Manifest,
  at: Path,
  aliases: Set<string>,
  around: Surroundings,
): string | undefined {
  if (manifest.at(at) === undefined) {
    manifest.fault(at.slice(0, -1), {
      found: 'no source',
      expected: 'source with alias and bootstrapServers',
    });
    return undefined;
  }
  const alias = manifest.textAt([...at, 'alias']);
  if (alias !== undefined && aliases.has(alias)) {
    manifest.fault([...at, 'alias'], { found: 'this alias a second time', expected: 'each once' });
    return undefined;
  }
  const put = putCluster(manifest, at, clusterKeys, around);
  if (put !== undefined) aliases.add(put);
  return put;
}

/** Puts the settings of a connector; whether it runs, undefined where there is none. */
function putConnector(manifest: Manifest, at: Path, flow: string): boolean | undefined {
  if (manifest.at(at) === undefined) return undefined;
  const unused = ['autoRestart', 'version', 'listOffsets', 'alterOffsets'];
  manifest.checkKeys(at, ['tasksMax', 'config', 'pause', 'state', ...unused]);
  for (const key of unused.filter((name) => manifest.at([...at, name]) !== undefined)) {
    manifest.warn([...at, key], `not needed: ${key}: there are no connectors`);
  }
  const state = manifest.textAt([...at, 'state']) ?? 'running';
  if (state !== 'running' || manifest.at([...at, 'pause']) === true) {
    const place = manifest.at([...at, 'state']) === undefined ? 'pause' : 'state';
    manifest.warn([...at, place], `the ${at.at(-1)} does not run, so what it does is not done here either`);
    return false;
  }
  for (const key of manifest.keysAt([...at, 'config'])) {
    manifest.put(`${flow}.${key}`, manifest.textAt([...at, 'config', key]) ?? '', [...at, 'config', key]);
  }
  const tasks = manifest.textAt([...at, 'tasksMax']);
  if (tasks !== undefined && at.at(-1) === 'sourceConnector')
    manifest.put(`${flow}.tasks.max`, tasks, [...at, 'tasksMax']);
  return true;
}
