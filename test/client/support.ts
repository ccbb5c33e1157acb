// How the tests of one cluster's client reach a region.
import type { BrokerAddress, ClusterConfig, SaslConfig, TlsConfig } from '../../src/client/index.ts';
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

/** `waitFor` with the deadline that a loaded machine needs. */
export function eventually<T>(what: string, check: () => Promise<T> | T): Promise<NonNullable<T>> {
  return waitFor(check, { deadlineMs: 30_000, describe: what });
}
