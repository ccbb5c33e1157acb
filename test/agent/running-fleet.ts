// Fleet agents inside the test's own process, on one destination; and what a person at the command line would see.

import { checkTogether, resolveConfig, resolveRecord, resolveSource } from '../../src/agent/declarations.ts';
import { FleetAgent } from '../../src/agent/fleet-agent.ts';
import type { FleetAgentOptions } from '../../src/agent/fleet-agent-options.ts';
import { Cluster } from '../../src/client/index.ts';
import {
  type AnswerRecord,
  type CommandBody,
  ControlTopic,
  type FleetState,
  sendCommand,
} from '../../src/control/index.ts';
import type { Notice } from '../../src/link/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { waitFor } from '../support/wait-for.ts';

export interface RunningFleetAgent {
  readonly id: string;
  readonly agent: FleetAgent;
  readonly notices: string[];
  /** Hands over and ends. */
  stop(): Promise<void>;
}

export interface Fleet extends AsyncDisposable {
  /** What the control topic says, as a person's command line reads it. */
  readonly state: FleetState;
  readonly control: ControlTopic;
  /** `options`: as `lockstep run FILE` starts it. */
  start(id: string, options?: FromFile): Promise<RunningFleetAgent>;
  command(body: CommandBody, options?: { isDryRun?: boolean; timeoutMs?: number }): Promise<AnswerRecord>;
  /** As `command`, and fails when it is refused. */
  done(body: CommandBody): Promise<AnswerRecord>;
  reaches(what: string, condition: (state: FleetState) => boolean, deadlineMs?: number): Promise<void>;
}

/** What an agent has from its file. */
export type FromFile = Pick<FleetAgentOptions, 'declare' | 'apply'>;

const sessionTimeoutMs = 6_000;

/** Use with `await using`: agents stop whatever the test does. */
export async function openFleet(destination: Region, config = configOf(destination)): Promise<Fleet> {
  const cluster = await Cluster.connect(config);
  const control = await ControlTopic.open(cluster, { mayCreate: true, onWarning: () => {} });
  const running = new Set<RunningFleetAgent>();
  const notices: string[] = [];
  const command: Fleet['command'] = (body, { isDryRun = false, timeoutMs = 60_000 } = {}) =>
    sendCommand(control, body, { by: 'test', timeoutMs, isDryRun });
  return {
    control,
    state: control.state,
    command,
    done: async (body) => {
      const answer = await command(body);
      if (answer.state !== 'done') throw new Error(`${body.do}: ${answer.code}: ${answer.message}`);
      return answer;
    },
    start: async (id, fromFile = {}) => {
      const stopping = new AbortController();
      const own: string[] = [];
      const sources = { folder: process.cwd(), environment: process.env };
      const { promise: started, resolve, reject } = Promise.withResolvers<FleetAgent>();
      const ended = FleetAgent.run(
        {
          ...{ destination: config, agentId: id, version: 'test', signal: stopping.signal, sessionTimeoutMs },
          resolve: (record) => resolveRecord(record, sources),
          resolveSource: (source, link) => resolveSource(source, link, sources),
          resolveConfig,
          checkTogether,
          ...fromFile,
          onNotice: (link: string | null, { level, text }: Notice) => {
            own.push(`${level}: ${text}`);
            notices.push(`${new Date().toISOString()} ${id} ${link ?? '-'}: ${level}: ${text}`);
          },
        },
        resolve,
      );
      ended.catch(reject);
      const agent = await started;
      const handle: RunningFleetAgent = {
        ...{ id, agent, notices: own },
        stop: async () => {
          running.delete(handle);
          stopping.abort();
          await ended;
        },
      };
      running.add(handle);
      await waitFor(() => agent.isReady().ok, {
        deadlineMs: 30_000,
        describe: () => `${id} to be ready: ${agent.isReady().reason}\n${notices.join('\n')}`,
      });
      return handle;
    },
    reaches: async (what, condition, deadlineMs = 60_000) => {
      await waitFor(() => condition(control.state), {
        deadlineMs,
        describe: () =>
          `${what}; ${JSON.stringify([...control.state.mirrors.values()].map(({ sourceTopic, state, reason }) => [sourceTopic, state, reason]))} ` +
          `${JSON.stringify([...control.state.statuses].map(([key, { state, reason, agent, mirrorEnd, sourceEnd }]) => [key, state, reason, agent, mirrorEnd, sourceEnd]))}\n${notices.join('\n')}`,
      });
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...running].map((handle) => handle.stop()));
      await control.close();
      cluster.close();
    },
  };
}
