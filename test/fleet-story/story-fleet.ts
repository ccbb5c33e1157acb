// Three agents as processes, commands as the operator types them, and what everybody may read of both.
import { expect } from 'vitest';
import type { ControlTopic, StatusRecord } from '../../src/control/index.ts';
import { type AgentProcess, startAgent } from '../cli/running-agent.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { waitFor } from '../support/wait-for.ts';
import type { BehindWatch } from './behind-watch.ts';
import { agentEnvironment, type ClusterFiles } from './secured-regions.ts';

export const link = 'us-to-eu';
/** The machine is shared with others, so everything may take its time, ms. */
const patienceMs = 120_000;
/** A mirror under load is hardly ever there at a look, ms. */
const nearlyMs = 2_000;

export class StoryFleet implements AsyncDisposable {
  readonly #files: ClusterFiles;
  readonly #control: ControlTopic;
  readonly #running = new Map<string, AgentProcess>();
  readonly #all: AgentProcess[] = [];

  constructor(files: ClusterFiles, control: ControlTopic) {
    this.#files = files;
    this.#control = control;
  }

  /** Starts an agent and waits until it has told of itself. */
  async start(id: string): Promise<void> {
    const agent = startAgent(['--cluster-config', this.#files.destination, '--id', id], agentEnvironment);
    this.#running.set(id, agent);
    this.#all.push(agent);
    await this.reaches(`${id} to tell of itself`, () => {
      return this.#control.state.agents.get(id)?.pid === agent.child.pid;
    });
  }

  /**
   * As a supervisor does: SIGTERM, wait for its end, start it again. Resolves when it has its share and nothing is behind
   * any more; with how long its end took, ms.
   */
  async roll(id: string, watch: BehindWatch): Promise<number> {
    const stoppedAtMs = Date.now();
    await this.stop(id);
    const stopMs = Date.now() - stoppedAtMs;
    await this.start(id);
    await this.reaches(
      () => `${id} to have its share, and nothing to be behind: ${JSON.stringify(watch.now())}`,
      () => this.shares()[id] && watch.now().ms < nearlyMs,
    );
    return stopMs;
  }

  /** SIGTERM, and exit code 0. */
  async stop(id: string): Promise<void> {
    const agent = this.#running.get(id)!;
    expect({ id, exitCode: await agent.stop(), log: agent.log().slice(-2_000) }).toMatchObject({
      exitCode: 0,
    });
    this.#running.delete(id);
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((id) => this.stop(id)));
  }

  /** Who copies how many partitions, as the agents told. */
  shares(): Record<string, number> {
    const agents = [...this.#control.state.statuses.values()].map(({ agent }) => agent);
    return Object.fromEntries(
      Object.entries(Object.groupBy(agents, (agent) => agent)).map(([id, of]) => [id, of!.length]),
    );
  }

  command(...args: string[]) {
    return lockstepCommand(...args, '--cluster-config', this.#files.operator);
  }

  /** A command that has to succeed. */
  // biome-ignore lint/suspicious/noExplicitAny: what a program would read
  async json(...args: string[]): Promise<any> {
    const ended = await this.command(...args, '--json');
    expect({ args, ...ended }).toMatchObject({ exitCode: 0 });
    return JSON.parse(ended.stdout);
  }

  /** Fails at once when an agent has ended that nobody stopped. */
  async reaches(what: string | (() => string), condition: () => unknown): Promise<void> {
    const dead = () =>
      [...this.#running].find(([, { child }]) => child.exitCode !== null || child.signalCode !== null);
    await waitFor(() => dead() || condition(), {
      ...{ deadlineMs: patienceMs, pollMs: 200 },
      describe: () =>
        `${typeof what === 'string' ? what : what()}\n${this.#stand()}\n${this.logs().slice(-6_000)}`,
    });
    if (dead()) throw new Error(`${dead()![0]} has ended: ${dead()![1].log().slice(-4_000)}`);
  }

  /** Every partition is being copied. */
  async reachesMirroring(topics: readonly { name: string; partitions: number }[]): Promise<void> {
    await this.reaches(`${topics.length} mirrors to be copied`, () =>
      topics.every(({ name, partitions }) =>
        Array.from({ length: partitions }).every((_, partition) =>
          isCopied(this.#control.state.statuses.get(`${link}/${name}/${partition}`)),
        ),
      ),
    );
  }

  logs(): string {
    return this.#all.map((agent) => agent.log()).join('');
  }

  #stand(): string {
    const { agents, mirrors, statuses, warnings } = this.#control.state;
    const wrong = [...statuses].filter(([, status]) => !isCopied(status));
    return JSON.stringify({
      agents: [...agents.values()].map(({ id, pid, partitionCount, isLeader }) => ({
        id,
        pid,
        partitionCount,
        isLeader,
      })),
      mirrors: [...mirrors.values()].map(({ sourceTopic, state, reason }) =>
        [sourceTopic, state, reason].join(' '),
      ),
      statusCount: statuses.size,
      statuses: wrong.map(([key, { state, reason, agent }]) => [key, state, agent, reason].join(' ')),
      warnings,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#all) await agent[Symbol.asyncDispose]();
  }
}

/** Under transactions a partition is as often in the one state as in the other. */
function isCopied(status: StatusRecord | undefined): boolean {
  return status?.state === 'Mirroring' || status?.state === 'FillingHole';
}
