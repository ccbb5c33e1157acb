// The door of the room: a file of connect-mirror-maker.sh becomes the document that a lockstep.yaml would hold.
//
// 1. Read the properties, then what config providers hold.
// 2. Which clusters there are, and for each key of the file what becomes of it.
// 3. Clusters, links of enabled flows, heartbeats of all pairs, as MirrorMakerConfig and the connectors resolve them.
//
// The same checks as for a lockstep.yaml follow (load.ts), with problems at the lines of this file.
import { quote } from '../describe.ts';
import type { Problems } from '../problems.ts';
import type { ReferenceSources } from '../secrets.ts';
import { classify, type Remark } from './classify.ts';
import { writeCluster } from './clusters.ts';
import { checkContradictions } from './contradictions.ts';
import { aliasOf, linkNameOf, writeLink } from './flow-link.ts';
import { flagOf, intervalOf, replicationFactorOf, type Told } from './intervals.ts';
import { listOf } from './java-values.ts';
import { type FlowStanding, notesOf } from './notes.ts';
import { parseProperties } from './properties.ts';
import { resolveProviders } from './providers.ts';
import { RawDocument } from './raw-document.ts';
import { arrow, type Flow, flowProperty } from './settings.ts';
import { strimziProperties } from './strimzi.ts';
import type { Around, PropertiesFile, Property, Reporter } from './types.ts';

export { isMirrorMakerFile } from './detect.ts';
export { isStrimziManifest } from './strimzi.ts';

/** A document for the checks of load.ts, and what `run` tells about it. */
export interface MirrorMakerDocument {
  readonly document: RawDocument;
  readonly notes: readonly string[];
}

/** Reads mm2.properties; null when nothing can be said about its contents, and then a problem was added. */
export function readMirrorMaker(
  bytes: Uint8Array,
  file: string,
  { sources, problems }: { readonly sources: ReferenceSources; readonly problems: Problems },
): MirrorMakerDocument | null {
  const properties = parseProperties(bytes, file, {
    faultAt: (position, problem) => problems.addAt(position, problem),
    warnAt: (position, text) => problems.warnAt(position, text),
  });
  return properties === null ? null : resolveMirrorMaker(properties, { sources, problems });
}

/** The same for a manifest of Strimzi's KafkaMirrorMaker2. */
export function readStrimzi(
  text: string,
  file: string,
  { sources, problems }: { readonly sources: ReferenceSources; readonly problems: Problems },
): MirrorMakerDocument | null {
  const properties = strimziProperties(text, file, { ...sources, problems });
  if (properties === null) return null;
  // What follows would find the gaps that these faults have left.
  problems.throwIfAny();
  return resolveMirrorMaker(properties, { sources, problems, isManifest: true });
}

function resolveMirrorMaker(
  properties: PropertiesFile,
  {
    sources,
    problems,
    isManifest = false,
  }: { readonly sources: ReferenceSources; readonly problems: Problems; readonly isManifest?: boolean },
): MirrorMakerDocument {
  const report = reporterOf(problems);
  const around: Around = { ...sources, reporter: report };
  const file = resolveProviders(properties, around);
  const told: Told = { file, report };
  const document = new RawDocument();
  document.set(['version'], 1);
  const aliases = clustersOf(told, problems);
  const remarks = classify(file, aliases, report);
  if (aliases.length === 0) problems.throwIfAny();
  for (const alias of aliases) writeCluster(document, alias, told, around);
  const flows = flowsBetween(aliases);
  const standings = flows.map((flow) => standingOf(flow, told));
  for (const { flow, isEnabled } of standings) {
    checkContradictions(flow, told);
    // What is wrong with a flow that is not enabled yet is told now, not on the day that it is.
    writeLink(isEnabled ? document : new RawDocument(), flow, told);
  }
  checkLinkNames(standings, told);
  writeHeartbeats(document, flows, told);
  // In a manifest no line enables a flow: its mirror stands there or does not.
  const toldFlows = isManifest ? [] : standings;
  return { document, notes: notesOf(file.file, remarks satisfies Remark[], toldFlows) };
}

/** Faults at values, and at keys. */
function reporterOf(problems: Problems): Reporter {
  return {
    fault: ({ valueLine, valueColumn }, problem) =>
      problems.addAt({ line: valueLine, column: valueColumn }, problem),
    keyFault: ({ line, column }, problem) => problems.addAt({ line, column }, problem),
    warn: ({ line, column }, text) => problems.warnAt({ line, column }, text),
  };
}

/** Names of clusters end up in names of links, metrics and files: MirrorMaker 2 takes more than that. */
const aliasPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

function clustersOf({ file, report }: Told, problems: Problems): string[] {
  const property = file.byKey.get('clusters');
  if (property === undefined) {
    const example = 'clusters = us-east, eu-west';
    problems.addAt({ line: 1, column: 1 }, { found: 'no clusters', expected: example });
    return [];
  }
  const aliases = listOf(property, report);
  if (aliases.length < 2) {
    report.fault(property, {
      found: aliases.length === 0 ? 'no cluster' : `one cluster, ${quote(aliases[0] as string)}`,
      expected: 'two or more, as in us-east, eu-west',
    });
  }
  return aliases.filter((alias) => {
    if (aliasPattern.test(alias)) return true;
    const expected = "an alias of letters, digits, '.', '_' and '-' that starts with a letter or digit";
    report.fault(property, { found: quote(alias), expected });
    return false;
  });
}

/** Every ordered pair, as MirrorMakerConfig.clusterPairs has them. */
function flowsBetween(aliases: readonly string[]): Flow[] {
  return aliases.flatMap((source) =>
    aliases.filter((target) => target !== source).map((target) => ({ source, target })),
  );
}

/**
 * Enabled by `A->B.enabled`. An `enabled` at the top counts for pairs that exist without it, because they emit heartbeats
 * (MirrorMakerConfig.clusterPairs and connectorBaseConfig).
 */
function standingOf(flow: Flow, told: Told): FlowStanding {
  const property = flowProperty(told.file, flow, 'enabled');
  const isEnabled = flagOf(flow, 'enabled', false, told) && isPair(flow, told);
  return { flow, isEnabled, ...(property !== undefined && { line: property.line }) };
}

/** Whether connect-mirror has connectors for it at all. Here it looks at values as they stand, blanks behind them included. */
function isPair(flow: Flow, { file, report }: Told): boolean {
  const isTrue = (property: Property | undefined): boolean => {
    const text = property?.value.toLowerCase();
    if (property !== undefined && text !== 'true' && text?.trim() === 'true')
      report.warn(
        property,
        'blanks stand beside true, which connect-mirror reads as false where it counts pairs',
      );
    return text === 'true';
  };
  const beating = flowProperty(file, flow, 'emit.heartbeats.enabled');
  return [isTrue(file.byKey.get(`${arrow(flow)}.enabled`)), beating === undefined || isTrue(beating)].some(
    Boolean,
  );
}

/** `a` to `b-to-c` and `a-to-b` to `c` would be one link. */
function checkLinkNames(standings: readonly FlowStanding[], { file, report }: Told): void {
  const enabled = standings.filter(({ isEnabled }) => isEnabled).map(({ flow }) => flow);
  for (const [name, [, second]] of Map.groupBy(enabled, linkNameOf)) {
    const property = second && flowProperty(file, second, 'enabled');
    if (property === undefined) continue;
    report.keyFault(property, {
      found: `two flows whose links would be named ${quote(name)}`,
      expected: 'aliases that can be told apart, without -to-',
    });
  }
}

/** One per pair, enabled or not (MirrorHeartbeatConnector). */
function writeHeartbeats(document: RawDocument, flows: readonly Flow[], told: Told): void {
  const beats = flows.flatMap((flow) => {
    const interval = intervalOf(flow, 'emit.heartbeats.interval.seconds', told);
    const factor = replicationFactorOf(flow, 'heartbeats.topic.replication.factor', told);
    const isBeating = flagOf(flow, 'emit.heartbeats.enabled', true, told) && isPair(flow, told);
    if (!isBeating || interval === null) return [];
    return [
      {
        sourceAlias: aliasOf(flow, 'source', told),
        destinationAlias: aliasOf(flow, 'target', told),
        destination: flow.target,
        every: interval?.value ?? '1s',
        ...(factor && { replicationFactor: factor.value }),
      },
    ];
  });
  document.set(['heartbeats'], beats, told.file.byKey.get('clusters'));
}
