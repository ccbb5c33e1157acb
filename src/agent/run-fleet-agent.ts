// `lockstep agent`: one member of the fleet as a process, with its log, its API and its metrics around it.
import type { ClusterConfig } from '../client/index.ts';
import type { Topology } from '../topology/index.ts';
import { checkTogether, resolveConfig, resolveRecord, resolveSource } from './declarations.ts';
import { FleetAgent } from './fleet-agent.ts';
import type { Log } from './log.ts';
import { StateLog } from './log-states.ts';
import { withApi } from './with-api.ts';

export interface RunFleetAgentOptions {
  readonly destination: ClusterConfig;
  readonly agentId: string;
  readonly version: string;
  /** Where the API listens; null: nowhere. */
  readonly http: { readonly host: string; readonly port: number } | null;
  /** Aborted to stop: hands over and resolves. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** A file with clusters whose secrets stand in it. */
  readonly agentFile?: Topology;
  readonly perPartitionMetrics: boolean;
  /** Relative paths in references begin here. Default: the working directory. */
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly sessionTimeoutMs?: number;
}

/**
 * Runs until the signal is aborted; resolves when everything is handed over.
 * @throws LockstepError when the destination can't be reached or refuses at the start, or the address is taken.
 */
export async function runFleetAgent(options: RunFleetAgentOptions): Promise<void> {
  const { log, http, agentId, version, signal, perPartitionMetrics } = options;
  const agents: FleetAgent[] = [];
  const states = new StateLog(log);
  const sources = {
    folder: options.folder ?? process.cwd(),
    environment: options.environment ?? process.env,
    ...(options.agentFile && { file: options.agentFile }),
  };
  const around = {
    ...{ http, isPerPartition: perPartitionMetrics, agents: () => agents },
    onFailure: (err: Error) => log.error({ err }, 'the API failed to answer'),
  };
  await withApi(around, async (parts) => {
    log.info({ destination: options.destination.name, api: parts.apiUrl(), version }, 'starting');
    await FleetAgent.run(
      {
        ...{ destination: options.destination, agentId, version, signal, resolveConfig, checkTogether },
        ...parts,
        resolve: (record) => resolveRecord(record, sources),
        resolveSource: (source, link) => resolveSource(source, link, sources),
        onLooked: (links, look) => {
          for (const { name, partitions } of links) states.look(name, partitions, look);
        },
        onNotice: (link, { level, text }) =>
          log[level === 'warning' ? 'warn' : 'info'](link === null ? {} : { link }, text),
        ...(options.sessionTimeoutMs !== undefined && { sessionTimeoutMs: options.sessionTimeoutMs }),
      },
      (agent) => agents.push(agent),
    );
  });
  log.info('stopped; everything is handed over');
}
