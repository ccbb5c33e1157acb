// An agent's view, put together from what its parts know.
import type { Cluster } from '../client/index.ts';
import type { AgentRecord, FleetState } from '../control/index.ts';
import type { MembershipStatus } from '../fleet/index.ts';
import type { MemoryStatus } from './agent-memory.ts';
import type { LinkWorker } from './link-worker.ts';
import type { AgentView, CertificateView, LinkView } from './view.ts';

export interface ViewParts {
  readonly agent: AgentRecord;
  readonly membership: MembershipStatus;
  readonly sessionTimeoutMs: number;
  readonly state: FleetState;
  readonly workers: readonly LinkWorker[];
  readonly memory: MemoryStatus;
  readonly destination: Cluster;
}

export function agentView({
  agent,
  membership,
  sessionTimeoutMs,
  state,
  workers,
  memory,
  destination,
}: ViewParts): AgentView {
  return {
    atMs: agent.atMs,
    agent,
    generation: membership.generation < 0 ? null : membership.generation,
    sessionTimeoutMs,
    memory,
    agents: [...state.agents.values()].map((each) => (each.id === agent.id ? agent : each)),
    links: workers.map((worker) => linkView(worker, { agentId: agent.id, state, destination })),
  };
}

function linkView(
  worker: LinkWorker,
  { agentId, state, destination }: { agentId: string; state: FleetState; destination: Cluster },
): LinkView {
  const status = worker.status();
  const ours = new Set(status.partitions.map(({ topic, partition }) => `${topic}/${partition}`));
  const heard = status.partitions.flatMap(({ lastFetchAtMs }) => lastFetchAtMs ?? []);
  return {
    ...status,
    record: worker.record,
    mirrors: [...state.mirrors.values()].filter(({ link }) => link === worker.name),
    conditions: conditionsOf(state, worker.name),
    elsewhere: [...state.statuses].flatMap(([key, told]) => {
      if (told.agent === agentId || !key.startsWith(`${worker.name}/`)) return [];
      const [, topic, partition] = key.split('/') as [string, string, string];
      return ours.has(`${topic}/${partition}`) ? [] : [{ ...told, topic, partition: Number(partition) }];
    }),
    sourceHeardAtMs: heard.length === 0 ? null : Math.max(...heard),
    certificates: certificatesOf([worker.sourceClient, destination]),
    groups: worker.groups?.status() ?? null,
    rights: worker.acls?.status() ?? null,
  };
}

function conditionsOf(state: FleetState, link: string): LinkView['conditions'] {
  return [...state.conditions].flatMap(([key, condition]): LinkView['conditions'][number][] => {
    if (key === link) return [{ topic: null, ...condition }];
    return key.startsWith(`${link}/`) ? [{ topic: key.slice(link.length + 1), ...condition }] : [];
  });
}

function certificatesOf(clusters: readonly (Cluster | null)[]): CertificateView[] {
  return clusters.flatMap((cluster) =>
    cluster === null ? [] : cluster.certificates().map((facts) => ({ cluster: cluster.name, ...facts })),
  );
}
