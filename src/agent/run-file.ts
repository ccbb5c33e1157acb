// `lockstep run FILE`: for each destination of the file, its links as declared and one agent that works on them. Agents
// of other files and of `lockstep agent` on the same destination are one fleet with it.
import { hostname } from 'node:os';
import path from 'node:path';
import { type BackoffOptions, backoffMs, sleep, systemClock } from '../client/index.ts';
import { exitCodes, LockstepError } from '../errors.ts';
import type { LinkStatus, Notice } from '../link/index.ts';
import type { LinkConfig, Topology } from '../topology/index.ts';
import { chosenLinks } from './chosen-links.ts';
import {
  checkTogether,
  declarationOf,
  resolveConfig,
  resolveRecord,
  rolesDeclarationsOf,
} from './declarations.ts';
import { FleetAgent } from './fleet-agent.ts';
import { type ApiParts, withApi } from './with-api.ts';

export interface AgentStatus {
  readonly atMs: number;
  /** Links of the fleets that this process belongs to, as this process sees them. */
  readonly links: readonly LinkStatus[];
}

export interface RunFileOptions {
  readonly topology: Topology;
  /** Only this link; all of them when absent. */
  readonly link?: string;
  /** Aborted to stop: appends under way are waited for, then everything is handed over. */
  readonly signal: AbortSignal;
  /** How everything stands, every `statusEveryMs`, and once when the signal is aborted. */
  readonly onStatus: (status: AgentStatus) => void;
  readonly statusEveryMs: number;
  /** `link` is null for what concerns the agent. */
  readonly onNotice: (link: string | null, notice: Notice) => void;
  readonly version: string;
  readonly agentId?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly sessionTimeoutMs?: number;
  /** Where its API listens; default: nowhere. */
  readonly http?: { readonly host: string; readonly port: number };
}

/** A destination that is down is asked every half minute. */
const awayBackoff: BackoffOptions = { initialMs: 1_000, maxMs: 30_000 };

/**
 * Runs until the signal is aborted; resolves with the last status. A destination that can't be reached is tried again as
 * long as another one can.
 * @throws LockstepError when no destination can be reached at the start, one refuses, or a link is wrong.
 */
export async function runFile(options: RunFileOptions): Promise<AgentStatus> {
  const { topology, signal, onNotice } = options;
  const links = chosenLinks(topology, options.link);
  const agents: FleetAgent[] = [];
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  let last: AgentStatus = { atMs: Date.now(), links: [] };
  const show = (): void => {
    last = { atMs: Date.now(), links: agents.flatMap((agent) => agent.linkStatuses()) };
    options.onStatus(last);
  };
  const timer = setInterval(show, options.statusEveryMs);
  // While everything is still ours; afterwards there is nothing to show.
  const showLast = (): void => {
    clearInterval(timer);
    show();
  };
  signal.addEventListener('abort', showLast, { once: true });
  const destinations = [...Map.groupBy(links, ({ destination }) => destination)];
  const around = {
    ...{ http: options.http ?? null, isPerPartition: false, agents: () => agents },
    onFailure: ({ message: text }: Error) => onNotice(null, { atMs: Date.now(), level: 'warning', text }),
  };
  const away = new Set<string>();
  /** Where one region is lost, the others' agents have to start nevertheless; where none answers there is no use. */
  const mayWait = (error: unknown, destination: string): error is LockstepError => {
    if (!(error instanceof LockstepError) || !error.retriable || error.exitCode !== exitCodes.cluster)
      return false;
    away.add(destination);
    return agents.length > 0 || away.size < destinations.length;
  };
  const runOne = async (destination: string, own: readonly LinkConfig[], parts: ApiParts): Promise<void> => {
    const agent = agentOptions(destination, own, { ...options, signal: either });
    for (let attempt = 0; !either.aborted; attempt++) {
      let isStarted = false;
      try {
        return await FleetAgent.run({ ...agent, ...parts }, (started) => {
          isStarted = true;
          agents.push(started);
        });
      } catch (error) {
        if (isStarted || !mayWait(error, destination)) {
          failed.abort();
          throw error;
        }
        if (attempt === 0)
          onNotice(null, {
            ...{ atMs: Date.now(), level: 'warning' },
            text: `no agent at ${destination} yet, it is tried again by itself: ${error.message}`,
          });
        await sleep(systemClock, backoffMs(attempt, awayBackoff, Math.random), either).catch(() => {});
      }
    }
  };
  try {
    await withApi(around, async (parts) => {
      await Promise.all(destinations.map(([destination, own]) => runOne(destination, own, parts)));
    });
    return last;
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', showLast);
  }
}

function agentOptions(
  destination: string,
  links: readonly LinkConfig[],
  options: RunFileOptions,
): Parameters<typeof FleetAgent.run>[0] {
  const { topology, signal, version, onNotice, sessionTimeoutMs } = options;
  const sources = {
    folder: path.dirname(path.resolve(topology.file)),
    environment: options.environment ?? process.env,
    file: topology,
  };
  return {
    destination: topology.clusters[destination]!,
    agentId: options.agentId ?? `${hostname()}-${process.pid}`,
    version,
    signal,
    declare: rolesDeclarationsOf(topology).filter(({ regions }) => regions.includes(destination)),
    apply: links.map(({ name }) => declarationOf(topology, name)),
    resolve: (record) => resolveRecord(record, sources),
    resolveConfig,
    checkTogether,
    onNotice,
    ...(sessionTimeoutMs !== undefined && { sessionTimeoutMs }),
  };
}
