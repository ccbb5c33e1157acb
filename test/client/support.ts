// How the tests of one cluster's client reach a region.
import { afterAll, beforeAll } from 'vitest';
import {
  type BrokerAddress,
  Cluster,
  type ClusterConfig,
  type SaslConfig,
  type TlsConfig,
} from '../../src/client/index.ts';
import type { ClientListener, Region } from '../../src/regions/index.ts';
import { waitFor } from '../support/wait-for.ts';

export function addressesOf(region: Region, listener: ClientListener = 'PLAINTEXT'): BrokerAddress[] {
  return region.bootstrapOf(listener).map((text) => {
    const colon = text.lastIndexOf(':');
    return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
  });
}

export function configOf(
  region: Region,
  listener: ClientListener = 'PLAINTEXT',
  security: { tls?: TlsConfig; sasl?: SaslConfig } = {},
): ClusterConfig {
  return { name: region.name, bootstrap: addressesOf(region, listener), ...security };
}

/**
 * A client of each region, open during the tests of the calling describe or file; filled before the first of them.
 *
 *     const regions = useRegions({ source: {}, destination: {} });
 *     const clusters = useClusters(regions);
 */
export function useClusters<Name extends string>(
  regions: Readonly<Record<Name, Region>>,
): Readonly<Record<Name, Cluster>> {
  const clusters = {} as Record<Name, Cluster>;
  beforeAll(async () => {
    for (const [name, region] of Object.entries(regions) as [Name, Region][])
      clusters[name] = await Cluster.connect(configOf(region));
  });
  afterAll(() => {
    for (const cluster of Object.values<Cluster>(clusters)) cluster.close();
  });
  return clusters;
}

/** `waitFor` with the deadline that a loaded machine needs. */
export function eventually<T>(what: string, check: () => Promise<T> | T): Promise<NonNullable<T>> {
  return waitFor(check, { deadlineMs: 30_000, describe: what });
}
