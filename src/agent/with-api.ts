// The API and the metrics around the agents of one process. A process has one agent for each destination; what it shows
// is all of them.
import type { MirrorObserver } from '../mirror/index.ts';
import { AgentMemory } from './agent-memory.ts';
import type { FleetAgent } from './fleet-agent.ts';
import type { AgentView } from './view.ts';

export interface WithApiOptions {
  /** Where it listens; null: nowhere, and nothing is counted. */
  readonly http: { readonly host: string; readonly port: number } | null;
  readonly isPerPartition: boolean;
  /** Those that have begun. */
  agents(): readonly FleetAgent[];
  readonly onFailure: (error: Error) => void;
}

export interface ApiParts {
  /** Of the process: all of its agents share it. */
  readonly memory: AgentMemory;
  observer?(link: string): MirrorObserver;
  /** Null where nothing listens. */
  apiUrl(): string | null;
}

/** @throws LockstepError USAGE when the address can't be listened on. */
export async function withApi<T>(options: WithApiOptions, work: (parts: ApiParts) => Promise<T>): Promise<T> {
  const { http, isPerPartition, agents, onFailure } = options;
  const memory = new AgentMemory();
  if (http === null) return work({ memory, apiUrl: () => null });
  const [{ startApi }, { AgentMetrics }] = await Promise.all([
    import('./api/index.ts'),
    import('./metrics/index.ts'),
  ]);
  const view = () => viewOfAll(agents());
  const metrics = new AgentMetrics({ view });
  const isReady = () => {
    const all = agents().map((agent) => agent.isReady());
    return all.find(({ ok }) => !ok) ?? all[0] ?? { ok: false, reason: 'starting' };
  };
  const api = await startApi({ ...http, view, isReady, metrics, isPerPartition, onFailure });
  try {
    return await work({ memory, observer: (link) => metrics.observer(link), apiUrl: () => api.url });
  } finally {
    await api.close();
  }
}

function viewOfAll(agents: readonly FleetAgent[]): AgentView | null {
  const views = agents.map((agent) => agent.view());
  const [first] = views;
  if (first === undefined || views.length === 1) return first ?? null;
  return {
    ...first,
    agents: views.flatMap((view) => view.agents),
    links: views.flatMap((view) => view.links),
  };
}
