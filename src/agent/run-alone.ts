// Links run by one process alone, without a fleet: no group, no leader, every partition of every link is copied here.
// What a fleet adds is left out, so that tests can have two workers on one partition and see what the brokers make of it.
import { Cluster } from '../client/index.ts';
import { LazyControlTopic } from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import type { LinkRunner, Notice } from '../link/index.ts';
import type { LinkConfig, Topology } from '../topology/index.ts';
import { aborted } from './aborted.ts';
import { AgentMemory } from './agent-memory.ts';
import { chosenLinks } from './chosen-links.ts';
import { buildLink } from './link-parts.ts';
import type { AgentStatus } from './run-file.ts';

export interface RunAloneOptions {
  readonly topology: Topology;
  /** Only this link; all of them when absent. */
  readonly link?: string;
  /** Aborted to stop: appends under way are waited for, then everything is closed. */
  readonly signal: AbortSignal;
  /** How everything stands, every `statusEveryMs`, and once at the end. */
  readonly onStatus: (status: AgentStatus) => void;
  readonly statusEveryMs: number;
  readonly onNotice: (link: string | null, notice: Notice) => void;
}

/**
 * Runs until the signal is aborted; resolves with the last status.
 * @throws LockstepError when a cluster can't be reached or refuses at the start. Later failures are shown and retried.
 */
export async function runAlone(options: RunAloneOptions): Promise<AgentStatus> {
  const { topology, signal, onNotice } = options;
  const links = chosenLinks(topology, options.link);
  const memory = new AgentMemory();
  const clusters = new Map<string, Cluster>();
  const runners: LinkRunner[] = [];
  const stores: LazyControlTopic[] = [];
  const storeOf = ({ name, replicationFactor }: LinkConfig, destination: Cluster): LazyControlTopic => {
    const store = new LazyControlTopic(destination, {
      ...(replicationFactor !== undefined && { replicationFactor }),
      onWarning: (text) => onNotice(name, { atMs: Date.now(), level: 'warning', text }),
    });
    stores.push(store);
    return store;
  };
  const status = (): AgentStatus => ({ atMs: Date.now(), links: runners.map((runner) => runner.status()) });
  let timer: NodeJS.Timeout | undefined;
  try {
    for (const name of new Set(links.flatMap((link) => [link.source, link.destination]))) {
      const config = topology.clusters[name];
      if (config === undefined)
        throw new LockstepError('CONFIG_INVALID', `link names cluster ${name}, which is not declared`);
      clusters.set(
        name,
        await Cluster.connect(config, {
          framePool: memory.framePool,
          onWarning: (text) => onNotice(null, { atMs: Date.now(), level: 'warning', text }),
        }),
      );
    }
    for (const config of links) {
      const destination = clusters.get(config.destination)!;
      const runner = buildLink({
        ...{ config, destination, memory, source: clusters.get(config.source)! },
        sourceConfig: topology.clusters[config.source]!,
        shiftStore: storeOf(config, destination),
        onNotice: (notice) => onNotice(config.name, notice),
      });
      runners.push(runner);
    }
    for (const runner of runners) await runner.start();
    timer = setInterval(() => options.onStatus(status()), options.statusEveryMs);
    await aborted(signal);
    return status();
  } finally {
    clearInterval(timer);
    await Promise.all(runners.map((runner) => runner.stop()));
    options.onStatus(status());
    await Promise.all(stores.map((store) => store.close()));
    for (const cluster of clusters.values()) cluster.close();
  }
}
