// A region behind proxies for tests: writers and judges reach its brokers directly, agents through a proxy for each.
import { afterAll, beforeAll } from 'vitest';
import { startProxiedRegion } from '../../scripts/soak/regions.ts';
import { Cluster } from '../../src/client/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import type { TcpProxy } from './tcp-proxy.ts';
import { waitFor } from './wait-for.ts';

export interface ProxiedRegionFixture {
  readonly region: Region;
  /** One per broker, in the same order. */
  readonly proxies: readonly TcpProxy[];
  /** The region as an agent's file names it: its addresses are the proxies'. */
  readonly through: Region;
  /** A client that reaches the brokers directly. */
  readonly cluster: Cluster;
}

/** Runs during the tests of the calling file, called eu-west; filled before the first of them. */
export function useProxiedRegion(
  folder: { readonly path: string },
  options: Partial<Omit<Parameters<typeof startProxiedRegion>[0], 'name' | 'folder'>> = {},
): ProxiedRegionFixture {
  const fixture = {} as { -readonly [Key in keyof ProxiedRegionFixture]: ProxiedRegionFixture[Key] };
  let dispose = async (): Promise<void> => {};
  beforeAll(async () => {
    const proxied = await startProxiedRegion({
      ...{ name: 'eu-west', folder: folder.path, brokers: 1, brokerConfig: {}, random: Math.random },
      ...options,
    });
    dispose = async () => await proxied[Symbol.asyncDispose]();
    const { region, proxies, bootstrap } = proxied;
    const through = { name: region.name, bootstrap } as unknown as Region;
    Object.assign(fixture, { region, proxies, through, cluster: await Cluster.connect(configOf(region)) });
  });
  afterAll(async () => {
    fixture.cluster?.close();
    await dispose();
  });
  return fixture;
}

/** What is sent to the broker from here on stays on its way, and so does all that would be sent after an answer. */
export async function holdBack(proxy: TcpProxy): Promise<void> {
  const { stalledChunks } = proxy.counts;
  proxy.setFault({ kind: 'stall', direction: 'up' });
  await waitFor(() => proxy.counts.stalledChunks > stalledChunks, {
    deadlineMs: 60_000,
    describe: 'a request to be held back',
  });
}
