// A fleet played by hand, for tests: what its control topic says is given, what it was asked for is in `sent`.

import { FleetReducer } from '../../control/fleet-state.ts';
import type { AnswerRecord, CommandBody } from '../../control/index.ts';
import { Output } from '../output/output.ts';
import { runProgram } from '../program.ts';
import type { Fleet, SendOptions } from './fleet.ts';

/** The moment at which everything happens. */
export const nowMs = Date.UTC(2026, 10, 21, 12);

export class FakeFleet implements Fleet {
  readonly destination = 'destination';
  readonly state = new FleetReducer();
  readonly sent: { body: CommandBody; options: SendOptions }[] = [];
  /** What the leader answers; default: done. */
  answer: Partial<AnswerRecord> = {};
  isClosed = false;

  nowMs(): number {
    return nowMs;
  }

  put(key: string, value: object): this {
    this.state.apply(key, JSON.stringify({ v: 1, ...value }));
    return this;
  }

  async send(body: CommandBody, options: SendOptions): Promise<AnswerRecord> {
    this.sent.push({ body, options });
    return { v: 1, id: 'c-1', atMs: nowMs, state: 'done', message: 'done', changes: [], ...this.answer };
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  agent(id: string, given: object = {}): this {
    return this.put(`agent/${id}`, {
      id,
      version: '0.1.0',
      host: `${id}-host`,
      pid: 7,
      api: null,
      startedAtMs: nowMs - 3_600_000,
      atMs: nowMs - 1_000,
      isLeader: false,
      partitionCount: 2,
      ...given,
    });
  }

  link(name: string, given: object = {}): this {
    return this.put(`link/${name}`, {
      name,
      source: { name: 'us-east', bootstrap: ['us-1:9092'] },
      destination: 'eu-west',
      config: { topics: ['orders', 'payments.*'] },
      generation: 3,
      createdAtMs: nowMs - 86_400_000,
      changedAtMs: nowMs - 60_000,
      ...given,
    });
  }

  mirror(link: string, sourceTopic: string, given: object = {}): this {
    return this.put(`mirror/${link}/${sourceTopic}`, {
      link,
      sourceTopic,
      mirrorTopic: sourceTopic,
      partitionCount: 2,
      sourceTopicId: 's',
      mirrorTopicId: 'm',
      state: 'Mirroring',
      sinceMs: nowMs - 7_200_000,
      reason: null,
      ...given,
    });
  }

  status(link: string, topic: string, partition: number, given: object = {}): this {
    return this.put(`status/${link}/${topic}/${partition}`, {
      agent: 'a1',
      atMs: nowMs - 2_000,
      state: 'Mirroring',
      reason: null,
      sinceMs: nowMs - 7_200_000,
      sourceEnd: '1010',
      mirrorEnd: '1000',
      lagRecords: '10',
      behindMs: 250,
      lastFetchAtMs: nowMs - 2_500,
      lastError: null,
      shift: '0',
      ...given,
    });
  }
}

/** One command line against it: what was printed, and the exit code. `typed` is what a person at a terminal answers. */
export function runWith(fleet: FakeFleet, args: readonly string[], typed?: string, signal?: AbortSignal) {
  return runLine(fleet, [...args, '--bootstrap-server', 'eu-1:9092'], typed, signal);
}

/** The same for a command that is told its fleets in another way. */
export async function runLine(
  fleet: FakeFleet,
  args: readonly string[],
  typed?: string,
  signal: AbortSignal = new AbortController().signal,
) {
  const printed = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => {
      printed[name] += text;
      return true;
    },
  });
  const output = new Output({ stdout: stream('stdout'), stderr: stream('stderr'), environment: {} });
  const questions: string[] = [];
  const exitCode = await runProgram(args, {
    output,
    signal,
    environment: {},
    connectFleet: async () => fleet,
    ...(typed !== undefined && {
      ask: async (question: string) => {
        questions.push(question);
        return typed;
      },
    }),
  });
  return { exitCode, questions, ...printed };
}
