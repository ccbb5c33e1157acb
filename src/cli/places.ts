// Where the clusters of a link are, as Kafka's own tools want to be told: for commands that people copy.
import { formatAddress } from '../client/config.ts';
import type { Topology } from '../topology/index.ts';
import type { PlaceOfLink } from './told-changes.ts';

export function placesOf(topology: Topology): PlaceOfLink {
  return (name) => {
    const link = topology.links[name];
    const bootstrapOf = (cluster: string | undefined): string => {
      const config = cluster === undefined ? undefined : topology.clusters[cluster];
      if (config === undefined) return 'HOST:PORT';
      const addresses = config.bootstrap.map(formatAddress).join(',');
      // What a login and TLS need stands in a file of the user's; secrets are never printed.
      return config.tls === undefined && config.sasl === undefined
        ? addresses
        : `${addresses} --command-config client.properties`;
    };
    return {
      file: topology.file,
      prefix: link?.prefix ?? '',
      source: bootstrapOf(link?.source),
      destination: bootstrapOf(link?.destination),
    };
  };
}
