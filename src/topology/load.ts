// Reads lockstep.yaml, or says everything that is wrong with it at once.
//
// 1. Read the file; YAML's own faults end here, since nothing below could be trusted.
// 2. Check the shape: keys, types, bounds.
// 3. Check what the shape can't say, for each part whose own shape is right (a typo in one place does not
//    hide a bad address in another).
// 4. Report all problems in the file's order, or give the topology with its warnings.
import path from 'node:path';
import { LockstepError } from '../errors.ts';
import { parseYaml } from './document.ts';
import { resolveReloadableCluster } from './file-credentials.ts';
import { type FileReader, readFromDisk, readTextFile } from './files.ts';
import { groupSchema } from './group-schema.ts';
import { resolveGroup } from './groups.ts';
import { checkGroupsTogether } from './groups-together.ts';
import { linkSchema } from './link-schema.ts';
import { checkClusterNames, checkFilters, resolveLink } from './links.ts';
import { checkLinksTogether } from './links-together.ts';
import { checkLocalNames, resolveLocal } from './local.ts';
import { resolveHeartbeats } from './mirror-maker.ts';
import { heartbeatSchema } from './mirror-maker-schema.ts';
import { Problems } from './problems.ts';
import { checkResidency, worldOfFile } from './residency/file.ts';
import { resolveResidency } from './residency/resolve.ts';
import { type LocalRegionShape, localRegionSchema } from './schema.ts';
import type { ReferenceSources } from './secrets.ts';
import { checkShape } from './shape.ts';
import type { LinkConfig, ReplicationGroupConfig, Topology } from './types.ts';

export interface LoadOptions {
  /** Where ${env:NAME} is looked up. Default: the process's environment. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly readFile?: FileReader;
}

/**
 * Reads and checks a lockstep.yaml. Paths in it are relative to its own folder.
 *
 * @throws LockstepError FILE_UNREADABLE when the file can't be read; CONFIG_INVALID with one line
 * `file:line:column: found X, expected Y` per problem.
 */
export async function loadTopology(file: string, options: LoadOptions = {}): Promise<Topology> {
  const readFile = options.readFile ?? readFromDisk;
  const read = readTextFile(file, readFile);
  if ('reason' in read) {
    throw new LockstepError('FILE_UNREADABLE', `${file}: can't be read: ${read.reason}`, {
      detail: { file },
    });
  }
  const folder = path.dirname(path.resolve(file));
  return parseTopology(read.text, file, {
    folder,
    environment: options.environment ?? process.env,
    readFile,
  });
}

/** The same for a text at hand; `file` is the name that problem lines begin with. */
export function parseTopology(text: string, file: string, sources: ReferenceSources): Topology {
  const problems = new Problems(file);
  const document = parseYaml(text, problems);
  if (document === undefined) {
    problems.throwIfAny();
    throw new LockstepError('INTERNAL', `${file}: not parsed, and no problem named`);
  }
  problems.locateBy(document);
  checkShape(document.value, problems);

  const root = asRecord(document.value);
  const rawClusters = asRecord(root.clusters);
  const rawLinks = asRecord(root.links);
  const clusterNames = Object.keys(rawClusters);
  const clusters = Object.fromEntries(
    Object.entries(rawClusters).map(([name, raw]) => [
      name,
      resolveReloadableCluster(name, asRecord(raw), { sources, problems }),
    ]),
  );
  for (const [name, raw] of Object.entries(rawLinks)) {
    if (clusterNames.length > 0) checkClusterNames(name, asRecord(raw), clusterNames, problems);
    checkFilters(name, asRecord(raw), problems);
  }
  const links = resolveEach(rawLinks, linkSchema, (name, shape) =>
    resolveLink(name, shape, { sources, problems }),
  );
  // Of links with faults of their own only the ends are asked for.
  const linkEnds = Object.entries(rawLinks).map(([name, raw]) => {
    const { source, destination } = asRecord(raw);
    return { name, source: String(source), destination: String(destination) };
  });
  const groups = resolveEach(asRecord(root.replicationGroups), groupSchema, (name, shape) =>
    resolveGroup(name, shape, { sources, problems, clusters: clusterNames, links: linkEnds }),
  );
  if (clusterNames.length > 0) checkLocalNames(asRecord(root.local), clusterNames, problems);
  const heartbeats = resolveHeartbeats(wellShaped(root.heartbeats, heartbeatSchema));
  const sections = {
    clusters: mapValues(rawClusters, asRecord),
    topicLabels: root.topicLabels,
    rules: root.rules,
  };
  const residency = resolveResidency(sections, problems);
  const localShapes = resolveEach<LocalRegionShape, LocalRegionShape>(
    asRecord(root.local),
    localRegionSchema,
    (_, shape) => shape,
  );
  const local = resolveLocal(root.local === undefined ? undefined : localShapes, clusters, problems);
  // Links are compared only when each is right by itself: a broken regular expression can't be matched.
  problems.throwIfAny();
  const allGroups = Object.values<ReplicationGroupConfig>(groups);
  checkGroupsTogether(allGroups, links, problems);
  const allLinks = Object.values<LinkConfig>(links);
  checkLinksTogether(allLinks, clusters, { problems, groups: allGroups });
  if (residency !== undefined)
    checkResidency(worldOfFile(residency, { links: allLinks, groups: allGroups }), problems);
  problems.throwIfAny();
  return {
    version: 1,
    file,
    clusters,
    links,
    groups,
    heartbeats,
    ...(residency !== undefined && { residency }),
    local,
    rawClusters: mapValues(rawClusters, asRecord),
    rawLinks: mapValues(rawLinks, (raw) => {
      const { source: _source, destination: _destination, ...config } = asRecord(raw);
      return config;
    }),
    warnings: problems.warnings,
  };
}

/** Resolves every entry whose shape is right; the others have their problems already. */
function resolveEach<Shape, Result>(
  raw: Record<string, unknown>,
  schema: { safeParse(value: unknown): { success: true; data: Shape } | { success: false } },
  resolve: (name: string, shape: Shape) => Result,
): Record<string, Result> {
  const results: [string, Result][] = [];
  for (const [name, value] of Object.entries(raw)) {
    const parsed = schema.safeParse(value);
    if (parsed.success) results.push([name, resolve(name, parsed.data)]);
  }
  return Object.fromEntries(results);
}

/** The entries of a list whose shape is right. */
function wellShaped<Shape>(
  raw: unknown,
  schema: { safeParse(value: unknown): { success: true; data: Shape } | { success: false } },
): Shape[] {
  return (Array.isArray(raw) ? raw : []).flatMap((value: unknown) => {
    const parsed = schema.safeParse(value);
    return parsed.success ? [parsed.data] : [];
  });
}

function mapValues<Value>(
  record: Record<string, unknown>,
  map: (value: unknown) => Value,
): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
