// Examines the clusters of a file one after another, and holds them against each other.
import type { ClusterConfig } from '../../client/index.ts';
import type { Topology } from '../../topology/index.ts';
import { type Check, type ClusterReport, type DoctorReport, outcomeOf, type Roles } from './checks.ts';
import { type Inspection, inspectCluster } from './inspect.ts';

export interface ExamineOptions {
  readonly topology: Topology;
  /** Try the append rules on destinations. */
  readonly probe: boolean;
  readonly signal: AbortSignal;
  /** Told what is being done, before it is done. */
  readonly onProgress?: (progress: { cluster: string; done: number; total: number; doing: string }) => void;
}

/** @throws the signal's reason when interrupted. */
export async function examine(options: ExamineOptions): Promise<DoctorReport> {
  const { topology, probe, signal, onProgress } = options;
  const found: Inspection[] = [];
  const topicsElsewhere = new Map<string, readonly string[]>();
  for (const config of sourcesFirst(topology)) {
    onProgress?.({ cluster: config.name, done: 0, total: 0, doing: 'connecting' });
    const inspection = await inspectCluster({
      config,
      roles: rolesOf(config.name, topology),
      probe,
      signal,
      onProgress: ({ done, total, rule }) => onProgress?.({ cluster: config.name, done, total, doing: rule }),
      topicsElsewhere,
    });
    found.push(inspection);
    topicsElsewhere.set(config.name, inspection.topics);
    signal.throwIfAborted();
  }
  const clusters = found.map(({ report, clusterId }) => {
    const twins = found.filter(
      (other) => clusterId !== null && other.clusterId === clusterId && other.report !== report,
    );
    if (twins.length === 0) return report;
    const checks = report.checks.map((check) =>
      check.name === 'cluster-id' ? sameCluster(check, twins) : check,
    );
    return { ...report, checks };
  });
  return { outcome: outcomeOf(clusters), clusters };
}

/** What a destination has to allow follows from its sources' topics. In a ring, literal names have to do. */
function sourcesFirst(topology: Topology): ClusterConfig[] {
  const rank = ({ name }: ClusterConfig): number => Math.sign(rolesOf(name, topology).destinationOf.length);
  return Object.values(topology.clusters).sort((a, b) => rank(a) - rank(b));
}

function rolesOf(cluster: string, topology: Topology): Roles {
  const links = Object.values(topology.links);
  return {
    sourceOf: links.filter((link) => link.source === cluster),
    destinationOf: links.filter((link) => link.destination === cluster),
    getsHeartbeats: topology.heartbeats.some(({ destination }) => destination === cluster),
  };
}

function sameCluster(check: Check, twins: readonly { report: ClusterReport }[]): Check {
  const names = twins.map(({ report }) => report.name).join(', ');
  return {
    ...check,
    mark: 'bad',
    detail: `${check.detail}, which is the id of ${names} too: they are one cluster`,
    remedy: 'give each cluster of the file its own addresses',
  };
}
