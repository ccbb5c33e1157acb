// What the control topic shows an agent that people have to mend: records that nobody can use, and another agent with its id.
import { hostname } from 'node:os';
import type { FleetState } from '../control/index.ts';

export interface FleetWarningsOptions {
  readonly agentId: string;
  readonly state: Pick<FleetState, 'agents' | 'warnings'>;
  readonly warn: (text: string) => void;
}

export class FleetWarnings {
  readonly #options: FleetWarningsOptions;
  readonly #startedAtMs = Date.now();
  /** Another agent with the same id was seen, and told. */
  #hasNamesake = false;
  #told: ReadonlySet<string> = new Set();

  constructor(options: FleetWarningsOptions) {
    this.#options = options;
  }

  /** What stands in the control topic and can't be used, each time that it comes. */
  tellUnusable(): void {
    const { state, warn } = this.#options;
    for (const text of state.warnings) if (!this.#told.has(text)) warn(text);
    this.#told = new Set(state.warnings);
  }

  /** Two agents with one id overwrite what the other tells of itself. */
  tellNamesake(): void {
    const { agentId, state, warn } = this.#options;
    const told = state.agents.get(agentId);
    if (this.#hasNamesake || told === undefined) return;
    const { host, pid, startedAtMs } = told;
    // What a former life of this agent told stands there until this one tells something.
    if ((pid === process.pid && host === hostname()) || startedAtMs < this.#startedAtMs) return;
    this.#hasNamesake = true;
    warn(`agent ${agentId} runs a second time (pid ${pid} on ${host}); give each agent an --id of its own`);
  }
}
