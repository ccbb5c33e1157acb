// The `local:` section: which clusters `lockstep local up` runs on this machine, and on which ports.
import type { BrokerAddress, ClusterConfig } from '../client/config.ts';
import { quote } from './describe.ts';
import { nearestName } from './did-you-mean.ts';
import type { Problems } from './problems.ts';
import { type LocalRegionShape, localRegionSchema } from './schema.ts';
import type { LocalRegionConfig } from './types.ts';

/** Regions of the section; without it every cluster, each with the defaults. */
export function resolveLocal(
  section: Readonly<Record<string, LocalRegionShape>> | undefined,
  clusters: Readonly<Record<string, ClusterConfig>>,
  problems: Problems,
): Record<string, LocalRegionConfig> {
  const names = Object.keys(section ?? clusters);
  const regions = names.map((name) => {
    const shape = section?.[name] ?? localRegionSchema.parse({});
    const ports = portsOf(name, shape, Object.hasOwn(clusters, name) ? clusters[name] : undefined, problems);
    const { brokers, kafkaVersion, heapMb } = shape;
    return [name, { name, brokers, kafkaVersion, heapMb, ...(ports && { ports }) }] as const;
  });
  return Object.fromEntries(regions);
}

/** Adds a problem for each region that is no cluster of the file. */
export function checkLocalNames(raw: object, clusters: readonly string[], problems: Problems): void {
  for (const name of Object.keys(raw)) {
    if (clusters.includes(name)) continue;
    problems.addAtKey(['local', name], {
      found: `the unknown cluster ${quote(name)}`,
      expected: `one of ${clusters.join(', ')}`,
      suggestion: nearestName(name, clusters),
    });
  }
}

function portsOf(
  name: string,
  shape: LocalRegionShape,
  cluster: ClusterConfig | undefined,
  problems: Problems,
): number[] | undefined {
  if (shape.port !== undefined) {
    const last = shape.port + shape.brokers - 1;
    if (last > 65_535) {
      problems.add(['local', name, 'port'], {
        found: `${shape.port} for ${shape.brokers} brokers`,
        expected: 'ports up to 65535',
      });
    }
    return Array.from({ length: shape.brokers }, (_, index) => (shape.port as number) + index);
  }
  const addresses = cluster?.bootstrap ?? [];
  const here = addresses.length === shape.brokers && addresses.every(isThisMachine);
  return here ? addresses.map((address) => address.port) : undefined;
}

function isThisMachine(address: BrokerAddress): boolean {
  return address.host === 'localhost' || address.host === '::1' || address.host.startsWith('127.');
}
