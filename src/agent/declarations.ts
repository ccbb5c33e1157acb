// Links between lockstep.yaml and the control topic: how a file's link is written down for a fleet, and how what is
// written down becomes what this machine can work with. Secrets never travel: what a file holds in plain text is left
// to the agents that have the file.
import { type ClusterConfig, formatAddress } from '../client/index.ts';
import type {
  LinkDeclaration,
  LinkRecord,
  RolesDeclaration,
  RulesDeclaration,
  SourceReference,
} from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import {
  checkDeclaredTogether,
  type Flow,
  type LinkConfig,
  literalSecretsOf,
  resolveClusterReference,
  resolveLinkDeclaration,
  type Topology,
  worldOfFile,
} from '../topology/index.ts';
import type { DecisionContext } from './leader/decision.ts';

/** Where a machine looks references up, and the clusters of its own file. */
export interface MachineSources {
  /** Relative paths begin here. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly file?: Topology;
}

/**
 * A link of the file as the fleet gets it.
 * @throws LockstepError CONFIG_INVALID for a secret that stands in the link itself.
 */
export function declarationOf(topology: Topology, name: string): LinkDeclaration {
  const link = topology.links[name]!;
  const config = topology.rawLinks[name]!;
  const [secret] = literalSecretsOf(config);
  if (secret !== undefined) {
    throw new LockstepError(
      'CONFIG_INVALID',
      `${topology.file}: link ${name}: ${secret} is a secret itself, and links are written down in Kafka; use a reference that agents look up: \${file:path} or \${env:NAME}`,
    );
  }
  const group = Object.values(topology.groups).find(({ links }) => links.includes(name));
  return {
    ...{ name, source: sourceReference(topology, link.source), destination: link.destination, config },
    ...(group !== undefined && { group: group.name }),
  };
}

function sourceReference(topology: Topology, name: string): SourceReference {
  const raw = topology.rawClusters[name]!;
  const bootstrap = (raw.bootstrap as readonly unknown[]).map(String);
  if (literalSecretsOf(raw).length > 0) return { name, bootstrap, isInAgentFile: true };
  const { clientId, tls, sasl } = raw;
  return {
    name,
    bootstrap,
    ...(clientId !== undefined && { clientId: String(clientId) }),
    ...(tls !== undefined && { tls }),
    ...(sasl !== undefined && { sasl }),
  };
}

/**
 * What this machine makes of a link's record.
 * @throws LockstepError CONFIG_INVALID for what it can't look up, naming the place.
 */
export function resolveRecord(
  record: LinkRecord,
  sources: MachineSources,
): { config: LinkConfig; source: ClusterConfig } {
  const { folder, environment } = sources;
  const { name, destination, source, config } = record;
  const resolved = resolveLinkDeclaration(
    { name, destination, config, source: source.name },
    { folder, environment },
  );
  return { config: resolved, source: resolveSource(source, name, sources) };
}

/**
 * How this machine reaches the source of a link.
 * @throws LockstepError CONFIG_INVALID for what it can't look up, naming the place.
 */
export function resolveSource(
  source: SourceReference,
  link: string,
  { folder, environment, file }: MachineSources,
): ClusterConfig {
  if (source.isInAgentFile !== true) return resolveClusterReference(source, { folder, environment });
  const own = file?.clusters[source.name];
  if (own !== undefined) return own;
  throw new LockstepError(
    'CONFIG_INVALID',
    `link ${link}: how to log in to ${source.name} is known to the file alone that declared it (in plain text, or as mm2.properties ` +
      `and manifests have it), so only agents started with \`lockstep run FILE\` know it; in a lockstep.yaml use references ` +
      `(\${file:path}, \${env:NAME}) and apply it again`,
  );
}

/** What a declaration says, without looking anything up. @throws LockstepError CONFIG_INVALID */
export function resolveConfig({ name, source, destination, config }: LinkDeclaration): LinkConfig {
  return resolveLinkDeclaration({ name, source: source.name, destination, config }, 'unresolved');
}

/** The replication groups of the file, as the fleets of their regions get them. */
export function rolesDeclarationsOf({ groups, file }: Topology): RolesDeclaration[] {
  return Object.values(groups).map(({ name, regions, links, primary, topics }) => ({
    ...{ group: name, regions, links, primary, topics, place: file },
  }));
}

/** The file's labels and rules as the fleet of one of its clusters gets them; nothing where the file says nothing of them. */
export function rulesDeclarationOf(topology: Topology, cluster: string): { rules?: RulesDeclaration } {
  const { residency, file, links, groups } = topology;
  if (residency === undefined) return {};
  const all = { links: Object.values(links), groups: Object.values(groups) };
  const { clusters, topicLabels, rules, groups: turning } = worldOfFile(residency, all);
  return {
    rules: {
      ...{ place: file, cluster, topicLabels, rules, groups: turning },
      clusters: Object.fromEntries(
        Object.entries(clusters).map(([name, facts]) => [
          name,
          { ...facts, bootstrap: topology.clusters[name]!.bootstrap.map(formatAddress) },
        ]),
      ),
      flows: all.links.map(
        ({ name, source, destination, topics, excludeTopics, prefix, mirrorMaker }): Flow => {
          return { name, source, destination, topics, excludeTopics, prefix, mirrorMaker };
        },
      ),
    },
  };
}

/**
 * Faults between links of one fleet, whatever names people gave to its cluster.
 * @throws LockstepError CONFIG_INVALID
 */
export const checkTogether: DecisionContext['checkTogether'] = (links, groups) => {
  const destination = 'this cluster';
  checkDeclaredTogether(
    links.map((link) => ({ ...resolveConfig(link), destination })),
    groups,
  );
};
