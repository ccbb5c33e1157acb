// What the clusters of a file hold: their topics and what their control topics say. One that is away or refuses costs a
// few seconds and is told; the others are audited all the same.

import { resolveConfig, rulesDeclarationOf } from '../../agent/declarations.ts';
import { ruleDifferences } from '../../agent/leader/rule-differences.ts';
import { formatAddress } from '../../client/config.ts';
import { Cluster } from '../../client/index.ts';
import { ControlTopic, type RulesRecord, residencyRules, type SourceReference } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import type { Flow, ResidencyWorld } from '../../topology/index.ts';
import { type Topology, worldOfFile } from '../../topology/index.ts';
import { type AuditedCluster, type AuditInput, nothingKnown } from './audit.ts';

const timing = { connectTimeoutMs: 5_000, requestTimeoutMs: 10_000, deadlineMs: 10_000 };

/** Asks all clusters at once. */
export async function gather(
  topology: Topology,
  onWarning: (text: string) => void,
): Promise<readonly AuditedCluster[]> {
  const labels = topology.residency?.clusterLabels ?? {};
  return Promise.all(
    Object.keys(topology.clusters).map(async (name): Promise<AuditedCluster> => {
      const own = Object.hasOwn(labels, name) ? labels[name]! : {};
      const cluster = Cluster.unconnected(topology.clusters[name]!, { ...timing, onWarning });
      let control: ControlTopic | undefined;
      try {
        const { topics } = await cluster.metadata();
        control = await ControlTopic.open(cluster, { mayCreate: false, onWarning });
        return { name, labels: own, problem: null, topics: [...topics.keys()], state: control.state };
      } catch (error) {
        if (!(error instanceof LockstepError)) throw error;
        return { name, labels: own, problem: error.message, topics: [], state: nothingKnown };
      } finally {
        await control?.close();
        cluster.close();
      }
    }),
  );
}

/** What the audit goes by. Without rules in the file those of the fleets count. */
export function auditInput(
  topology: Topology,
  clusters: readonly AuditedCluster[],
  atMs: number,
): AuditInput {
  return {
    atMs,
    clusters,
    declared: declaredWorld(topology, clusters),
    rulesDiffer: (cluster) => rulesDiffer(topology, clusters, cluster),
    flowOf: (cluster, link) => flowOf(topology, clusters, { cluster, link }),
  };
}

/** Of a destination of the file, where the file has rules. */
function rulesDiffer(
  topology: Topology,
  clusters: readonly AuditedCluster[],
  cluster: string,
): readonly string[] {
  const { rules } = rulesDeclarationOf(topology, cluster);
  const found = clusters.find(({ name }) => name === cluster)!;
  const isDestination = Object.values(topology.links).some(({ destination }) => destination === cluster);
  if (rules === undefined || rules.rules.length === 0 || found.problem !== null || !isDestination) return [];
  const standing = found.state.rules.get(residencyRules);
  if (standing === undefined)
    return ['no rules stand there: `lockstep run` or `lockstep rules apply` writes them'];
  return ruleDifferences(standing, rules).map(({ inFile }) => inFile);
}

function declaredWorld(topology: Topology, clusters: readonly AuditedCluster[]): ResidencyWorld {
  const all = { links: Object.values(topology.links), groups: Object.values(topology.groups) };
  const own = topology.residency ?? { clusterLabels: {}, topicLabels: [], rules: [] };
  const world = worldOfFile(own, all);
  if (topology.residency !== undefined) return world;
  const standing = clusters.flatMap(({ state }) => state.rules.get(residencyRules) ?? []);
  return standing.length === 0 ? world : { ...world, ...standingTogether(standing) };
}

/** What all fleets hold, each rule and label once: generations of two fleets say nothing about each other. */
export function standingTogether(
  standing: readonly Pick<RulesRecord, 'clusters' | 'topicLabels' | 'rules' | 'atMs'>[],
): Pick<ResidencyWorld, 'clusters' | 'topicLabels' | 'rules'> {
  const byAge = standing.toSorted((a, b) => a.atMs - b.atMs);
  const once = <T>(all: readonly T[]): T[] => [
    ...new Map(all.map((one) => [JSON.stringify(one), one])).values(),
  ];
  return {
    clusters: Object.assign({}, ...byAge.map(({ clusters }) => clusters)),
    topicLabels: once(byAge.flatMap(({ topicLabels }) => topicLabels)),
    rules: once(byAge.flatMap(({ rules }) => rules)),
  };
}

/** A link of a control topic, its source by the name that the file has for it; null: there is none. */
function flowOf(
  topology: Topology,
  clusters: readonly AuditedCluster[],
  at: { cluster: string; link: string },
): Flow | null {
  const record = clusters.find(({ name }) => name === at.cluster)?.state.links.get(at.link);
  if (record === undefined) return null;
  const ends = { source: nameOf(topology, record.source), destination: at.cluster };
  try {
    const { name, topics, excludeTopics, prefix, mirrorMaker } = resolveConfig(record);
    return { name, ...ends, topics, excludeTopics, prefix, mirrorMaker };
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    // What it has copied is written down all the same.
    return { name: at.link, ...ends, topics: [], excludeTopics: [], prefix: '', mirrorMaker: null };
  }
}

/** By its addresses; links that were made without a file may call it otherwise. */
function nameOf({ clusters }: Topology, source: SourceReference): string {
  const addresses = new Set(source.bootstrap.map((address) => address.toLowerCase()));
  const known = Object.values(clusters).find(({ bootstrap }) =>
    bootstrap.some((address) => addresses.has(formatAddress(address).toLowerCase())),
  );
  return known?.name ?? source.name;
}
