// Reads lockstep.yaml, or says everything that is wrong with it at once.
//
// 1. Read the file; YAML's own faults end here, since nothing below could be trusted. A file of MirrorMaker 2 becomes the
//    document that a lockstep.yaml would hold (mm2/).
// 2. Check the shape: keys, types, bounds.
// 3. Check what the shape can't say, for each part whose own shape is right (a typo in one place does not
//    hide a bad address in another).
// 4. Report all problems in the file's order, or give the topology with its warnings.
import path from 'node:path';
import { LockstepError } from '../errors.ts';
import { parseYaml, type YamlDocument } from './document.ts';
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
import {
  isMirrorMakerFile,
  isStrimziManifest,
  type MirrorMakerDocument,
  readMirrorMaker,
  readStrimzi,
} from './mm2/index.ts';
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
  const folder = path.dirname(path.resolve(file));
  const sources = { folder, environment: options.environment ?? process.env, readFile };
  const text = (encoding: 'utf8' | 'latin1'): string => {
    const read = readTextFile(file, (name) => readFile(name, encoding));
    if ('text' in read) return read.text;
    throw new LockstepError('FILE_UNREADABLE', `${file}: can't be read: ${read.reason}`, {
      detail: { file },
    });
  };
  // One character for each byte: java.util.Properties knows no other encoding.
  return isMirrorMakerFile(file, () => text('latin1'))
    ? parseMirrorMaker(Buffer.from(text('latin1'), 'latin1'), file, sources)
    : parseTopology(text('utf8'), file, sources);
}

/** A lockstep.yaml, or a manifest of Strimzi's KafkaMirrorMaker2, at hand; problem lines begin with `file`. */
export function parseTopology(text: string, file: string, sources: ReferenceSources): Topology {
  const problems = new Problems(file);
  if (isStrimziManifest(text)) {
    const read = readStrimzi(text, file, { sources, problems });
    if (read === null) throw notParsed(file, problems);
    return resolveTranslated(read, { file, sources, problems });
  }
  const document = parseYaml(text, problems);
  if (document === undefined) throw notParsed(file, problems);
  return resolveDocument(document, { file, sources, problems, notes: null });
}

/** The same for the bytes of an mm2.properties. */
export function parseMirrorMaker(bytes: Uint8Array, file: string, sources: ReferenceSources): Topology {
  const problems = new Problems(file);
  const read = readMirrorMaker(bytes, file, { sources, problems });
  if (read === null) throw notParsed(file, problems);
  return resolveTranslated(read, { file, sources, problems });
}

function resolveTranslated(
  { document, notes }: MirrorMakerDocument,
  { file, sources, problems }: Omit<DocumentContext, 'notes'>,
): Topology {
  const derived = { ...sources, derived: document.derived };
  return resolveDocument(document, { file, sources: derived, problems, notes });
}

function notParsed(file: string, problems: Problems): LockstepError {
  problems.throwIfAny();
  return new LockstepError('INTERNAL', `${file}: not parsed, and no problem named`);
}

interface DocumentContext {
  readonly file: string;
  readonly sources: ReferenceSources;
  readonly problems: Problems;
  /** Null for a lockstep.yaml. */
  readonly notes: readonly string[] | null;
}

/** Checks a document, wherever it comes from, and gives what it declares. */
function resolveDocument(
  document: YamlDocument,
  { file, sources, problems, notes }: DocumentContext,
): Topology {
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
    ...(notes !== null && { notes }),
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
