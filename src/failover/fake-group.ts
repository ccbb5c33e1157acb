// A region played by hand, for tests: its control topic is a map, its leader decides about moves as the real one does.

import { writeMove } from '../agent/leader/decide-moves.ts';
import type { Decision } from '../agent/leader/decision.ts';
import { type AnswerRecord, type CommandBody, FleetReducer, type MoveRecord } from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import type { MoveTeller } from './engine.ts';
import type { OpenGroup, OpenRegion, Step } from './types.ts';

export class FakeRegion implements OpenRegion {
  readonly name: string;
  readonly config = { name: 'eu-west', bootstrap: [] };
  readonly cluster = null as never;
  readonly state = new FleetReducer();
  /** What happens to an answer: `lost` was carried out all the same. */
  answers: 'come' | 'lost' = 'come';
  readonly sent: CommandBody[] = [];

  constructor(name = 'eu-west') {
    this.name = name;
  }

  put(key: string, value: object): this {
    this.state.apply(key, JSON.stringify({ v: 1, ...value }));
    return this;
  }

  async send(body: CommandBody, options?: { readonly isDryRun?: boolean }): Promise<AnswerRecord> {
    this.sent.push(body);
    const base = { v: 1, id: 'c', atMs: 0, changes: [] };
    if (body.do !== 'writeMove') return { ...base, state: 'done', message: '' };
    const decision: Decision = writeMove(this.state, body.move, body.ifRevision);
    if (decision.kind === 'refused')
      return { ...base, state: 'refused', code: decision.code, message: decision.message };
    if (options?.isDryRun === true) return { ...base, state: 'done', message: '' };
    for (const [key, value] of decision.entries) this.state.apply(key, value && JSON.stringify(value));
    if (this.answers === 'lost') {
      this.answers = 'come';
      throw new LockstepError('REQUEST_TIMED_OUT', 'no answer');
    }
    return { ...base, state: 'done', message: '' };
  }

  get move(): MoveRecord {
    return [...this.state.moves.values()].at(-1)!;
  }
}

export function groupOf(...regions: FakeRegion[]): OpenGroup {
  return {
    topology: { file: 'lockstep.yaml', links: {} },
    config: { name: 'shop', regions: regions.map(({ name }) => name), links: [], hooks: [] },
    regions: new Map(regions.map((region) => [region.name, region])),
    roles: () => regions[0]!.state.roles.get('shop') ?? null,
    reopen: async () => {},
    [Symbol.asyncDispose]: async () => {},
  } as unknown as OpenGroup;
}

/** A move that has not begun. */
export function newMove(given: Partial<MoveRecord> = {}): MoveRecord {
  return {
    ...{ v: 1, id: 'm-1', group: 'shop', kind: 'switchover', from: 'us-east', to: 'eu-west', topics: null },
    ...{ by: 'ann@ops', startedAtMs: 1, changedAtMs: 1, revision: 0, state: 'running', step: 'one' },
    ...{ done: [], rolesGeneration: 1, facts: {} },
    ...given,
  };
}

/** Writes down what it was told. */
export function listeningTeller(): MoveTeller & { readonly lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    begins: ({ number, count, title }) => lines.push(`${number}/${count} ${title}`),
    ends: ({ number, remark }) => lines.push(`${number} done: ${remark}`),
    fails: ({ number, reason }) => lines.push(`${number} failed: ${reason}`),
    say: (line) => lines.push(`say ${line}`),
  };
}

/** A step that writes down that it ran; `given` replaces parts of it. */
export function fakeStep(name: string, ran: string[], given: Partial<Step> = {}): Step {
  return {
    name,
    title: () => `do ${name}`,
    run: async () => {
      ran.push(name);
      return { remark: `did ${name}` };
    },
    undo: async () => {
      ran.push(`undo ${name}`);
      return `undid ${name}`;
    },
    ...given,
  };
}
