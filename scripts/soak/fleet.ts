// The agents of a soak: a fleet of fixed size, each one a process of its own (`lockstep run FILE`), told apart by number.
import path from 'node:path';
import { SoakAgent } from './agents.ts';

export interface FleetCounts {
  /** Processes that were started. */
  readonly starts: number;
  /** Times that an agent began to lead. */
  readonly terms: number;
  /** Times that an agent learned that the group had lost it. */
  readonly losses: number;
  /** Times that an agent ended by itself, and was started again as systemd would. */
  readonly unwantedEnds: number;
}

export class SoakFleet {
  readonly agents: readonly SoakAgent[];

  constructor(file: string, folder: string, size: number) {
    this.agents = Array.from({ length: size }, (_, index) => {
      const name = `agent ${index + 1}`;
      return new SoakAgent(name, file, path.join(folder, `agent-${index + 1}.log`));
    });
  }

  startAll(): void {
    for (const agent of this.agents) agent.start();
  }

  async killAll(): Promise<void> {
    await Promise.all(this.agents.map((agent) => agent.kill()));
  }

  /** As an operator does it: all are told at once. Answers with what was not clean. */
  async stopAll(): Promise<readonly string[]> {
    const codes = await Promise.all(
      this.agents.map(async ({ name }, index) => [name, await this.agents[index]!.stop()] as const),
    );
    return codes
      .filter(([, code]) => code !== 0)
      .map(([name, code]) => `${name}: exit code ${code} when it was told to stop`);
  }

  /** Whether any of them has stopped the partition for good. */
  isStopped(place: string): boolean {
    return this.agents.some((agent) => agent.isStopped(place));
  }

  /** Partitions that each of them works on, by its newest status line. */
  get shares(): readonly number[] {
    return this.agents.map(({ share }) => share);
  }

  get complaints(): string[] {
    return this.agents.flatMap(({ complaints }) => complaints);
  }

  get counts(): FleetCounts {
    const sum = (of: (agent: SoakAgent) => number) =>
      this.agents.reduce((total, agent) => total + of(agent), 0);
    return {
      starts: sum(({ starts }) => starts),
      terms: sum(({ terms }) => terms),
      losses: sum(({ losses }) => losses),
      unwantedEnds: sum(({ unwantedEnds }) => unwantedEnds),
    };
  }
}
