// All metrics of an agent. Figures are made from the agent's view when they are asked for, never kept beside it.
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { MirrorObserver } from '../../mirror/index.ts';
import { decompressedCount, lz4LibraryInUse } from '../../records/index.ts';
import type { AgentView } from '../view.ts';
import { CounterFamilies } from './counter-families.ts';
import { Family, familiesText } from './family.ts';
import { KeeperFamilies } from './keeper-families.ts';
import { LinkCounters } from './link-counters.ts';
import { LinkFamilies } from './link-families.ts';
import { PartitionFamilies } from './partition-families.ts';

/** Of the event loop's delay, ms: each costs a timer that wakes an idle process. */
const loopPrecisionMs = 100;

export interface MetricsText {
  readonly contentType: string;
  text(options: { readonly isPerPartition: boolean }): Promise<string>;
}

export class AgentMetrics implements MetricsText {
  readonly #view: () => AgentView | null;
  readonly #counters = new Map<string, LinkCounters>();
  readonly #process = new Registry();
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;

  /** `view`: null as long as the agent does not know how things stand. */
  constructor(options: { view: () => AgentView | null }) {
    this.#view = options.view;
    collectDefaultMetrics({ register: this.#process, eventLoopMonitoringPrecision: loopPrecisionMs });
  }

  /** Where the mirror of a link counts; the same for the same name, also after the link was stopped and started. */
  observer(link: string): MirrorObserver {
    let counters = this.#counters.get(link);
    if (counters === undefined) {
      counters = new LinkCounters();
      this.#counters.set(link, counters);
    }
    return counters;
  }

  /** What Prometheus is answered: one series per topic, or per partition. */
  async text({ isPerPartition }: { isPerPartition: boolean }): Promise<string> {
    const view = this.#view();
    const families = view === null ? [] : agentFamilies(view, this.#counters, { isPerPartition });
    return `${await familiesText([...families, decompressedFamily(), lz4Family()])}${await this.#process.metrics()}`;
  }
}

/** Of the whole process: a mirror that copies batches as they are leaves it where it was. */
function decompressedFamily(): Family {
  const family = new Family(
    'counter',
    'lockstep_decompressed_batches_total',
    'Compressed batches that were opened by this process; mirrors open none that they copy whole',
  );
  family.add({}, decompressedCount());
  return family;
}

/** Absent while this process has opened and made no batch in LZ4. */
function lz4Family(): Family {
  const family = new Family(
    'gauge',
    'lockstep_lz4_native',
    '1: batches in LZ4 are opened and made by the native library; 0: by the slower one, since none is installed',
  );
  const library = lz4LibraryInUse();
  if (library !== null) family.add({}, library === 'native' ? 1 : 0);
  return family;
}

/** The families of a view and of what was counted; pure. */
function agentFamilies(
  view: AgentView,
  counters: ReadonlyMap<string, LinkCounters>,
  { isPerPartition }: { isPerPartition: boolean },
): Family[] {
  const agent = new LinkFamilies();
  const partitions = new PartitionFamilies();
  const counted = new CounterFamilies();
  const keepers = new KeeperFamilies();
  const how = { nowMs: view.atMs, isLeader: view.agent.isLeader, isPerPartition };
  agent.addAgent(view);
  keepers.addTold(view.agent.told ?? [], how);
  for (const link of view.links) {
    agent.addLink(link, how);
    partitions.addLink(link, how);
    keepers.addLink(link, how);
    const ours = counters.get(link.name);
    if (ours !== undefined) counted.addLink(link.name, ours, how);
  }
  return [...agent.all, ...partitions.all, ...counted.all, ...keepers.all];
}
