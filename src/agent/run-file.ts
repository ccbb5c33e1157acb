// `lockstep run FILE`: for each destination of the file, its links as declared and one agent that works on them; also
// where a cluster gets nothing but heartbeats. Agents of other files and of `lockstep agent` on the same destination are
// one fleet with it.
import { hostname } from 'node:os';
import path from 'node:path';
import { type BackoffOptions, backoffMs, sleep, systemClock } from '../client/index.ts';
import { exitCodes, LockstepError } from '../errors.ts';
import type { LinkStatus, Notice } from '../link/index.ts';
import type { HeartbeatFlow, LinkConfig, Topology } from '../topology/index.ts';
import { chosenHeartbeats, chosenLinks } from './chosen-links.ts';
import {
  checkTogether,
  declarationOf,
  resolveConfig,
  resolveRecord,
  resolveSource,
  rolesDeclarationsOf,
  rulesDeclarationOf,
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
  const destinations = destinationsOf(links, chosenHeartbeats(topology, options.link));
  const around = {
    ...{ http: options.http ?? null, isPerPartition: false, agents: () => agents },
    onFailure: ({ message: text }: Error) => onNotice(null, { atMs: Date.now(), level: 'warning', text }),
  };
  const away = new Set<string>();
  /**
   * Where one region is lost, or refuses what only beats, the others' agents have to go on nevertheless; where none answers
   * there is no use.
   */
  const mayWait = (
    error: unknown,
    { destination, links: own }: Destination,
    wasStarted: boolean,
  ): error is LockstepError => {
    if (!(error instanceof LockstepError) || error.exitCode !== exitCodes.cluster) return false;
    const isNeeded = own.length > 0 || destinations.length === 1;
    if (isNeeded && (wasStarted || !error.retriable)) return false;
    away.add(destination);
    return agents.length > 0 || away.size < destinations.length;
  };
  const runOne = async (own: Destination, parts: ApiParts): Promise<void> => {
    const { destination } = own;
    const agent = agentOptions(own, { ...options, signal: either });
    for (let attempt = 0; !either.aborted; attempt++) {
      let started: FleetAgent | null = null;
      try {
        return await FleetAgent.run({ ...agent, ...parts }, (running) => {
          started = running;
          agents.push(running);
        });
      } catch (error) {
        if (started !== null) agents.splice(agents.indexOf(started), 1);
        if (!mayWait(error, own, started !== null)) {
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
      await Promise.all(destinations.map((destination) => runOne(destination, parts)));
    });
    return last;
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', showLast);
  }
}

/** What a file wants at one cluster. */
interface Destination {
  readonly destination: string;
  readonly links: readonly LinkConfig[];
  readonly beats: readonly HeartbeatFlow[];
}

function destinationsOf(links: readonly LinkConfig[], beats: readonly HeartbeatFlow[]): Destination[] {
  const names = new Set([...links, ...beats].map(({ destination }) => destination));
  return Array.from(names, (name) => ({
    destination: name,
    links: links.filter(({ destination }) => destination === name),
    beats: beats.filter(({ destination }) => destination === name),
  }));
}

function agentOptions(
  { destination, links, beats }: Destination,
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
    ...rulesDeclarationOf(topology, destination),
    declare: rolesDeclarationsOf(topology).filter(({ regions }) => regions.includes(destination)),
    apply: links.map(({ name }) => declarationOf(topology, name)),
    heartbeats: beats.map(({ destination: _, ...beat }) => beat),
    resolve: (record) => resolveRecord(record, sources),
    resolveSource: (source, link) => resolveSource(source, link, sources),
    resolveConfig,
    checkTogether,
    onNotice,
    ...(sessionTimeoutMs !== undefined && { sessionTimeoutMs }),
  };
}
