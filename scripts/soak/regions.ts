// The two regions of a soak. Writers and judges reach brokers directly; agents go through a proxy for each broker,
// since brokers advertise the proxies on a listener of its own.
import path from 'node:path';
import { createRegion, findFreePort, type Region } from '../../src/regions/index.ts';
import { startTcpProxy, type TcpProxy } from '../../test/support/tcp-proxy.ts';

export interface ProxiedRegion extends AsyncDisposable {
  readonly region: Region;
  /** One per broker, in the same order. */
  readonly proxies: readonly TcpProxy[];
  /** Where agents begin. */
  readonly bootstrap: readonly string[];
}

const heapMb = 320;

export async function startProxiedRegion(options: {
  readonly name: string;
  readonly folder: string;
  readonly brokers: number;
  readonly brokerConfig: Readonly<Record<string, string>>;
  readonly random: () => number;
}): Promise<ProxiedRegion> {
  const { name, folder, brokers, brokerConfig, random } = options;
  const proxies: TcpProxy[] = [];
  const proxied: { port: number; advertisedPort: number }[] = [];
  for (let index = 0; index < brokers; index++) {
    const port = await findFreePort();
    const proxy = await startTcpProxy({ host: '127.0.0.1', port }, { random });
    proxies.push(proxy);
    proxied.push({ port, advertisedPort: proxy.port });
  }
  const region = await createRegion({
    ...{ name, brokers, heapMb, brokerConfig, proxied },
    directory: path.join(folder, name),
  });
  const dispose = async (): Promise<void> => {
    await region.destroy();
    await Promise.all(proxies.map((proxy) => proxy.close()));
  };
  try {
    await region.start();
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    region,
    proxies,
    bootstrap: proxies.map((proxy) => `${proxy.host}:${proxy.port}`),
    [Symbol.asyncDispose]: dispose,
  };
}
