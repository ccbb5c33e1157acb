// What the tests of the machine's concerns share: a machine that is new before each test, and the ways to where it copies.
import { beforeEach, expect } from 'vitest';
import { PartitionMachine } from '../../src/mirror/partition/machine.ts';
import type { DestinationView, PartitionAction, TailVerdict } from '../../src/mirror/partition/state.ts';
import type { TestBatch } from '../../src/mirror/partition/test-batch.ts';

export const producerId = 1n << 62n;
export const position = { producerId, epoch: 4, sequence: 10, isBehindHole: false };
export const view: DestinationView = {
  leaderEpoch: 4,
  logStart: 0n,
  logEnd: 10n,
  highWatermark: 10n,
  tail: { baseOffset: 8n, lastOffset: 9n, producerId, isControl: false, isFiller: false },
  position,
  generation: 77,
  isClosed: false,
};
export const agrees: TailVerdict = { kind: 'agrees', lastFetchedEpoch: 2, compared: true, sourceStart: 0n };

export let machine: PartitionMachine<TestBatch>;

export function use(made: PartitionMachine<TestBatch>): void {
  machine = made;
}

beforeEach(() => {
  use(new PartitionMachine<TestBatch>());
});

export function types(actions: readonly PartitionAction<TestBatch>[]): string[] {
  return actions.map((action) => action.type);
}

/** Brings the machine to Mirroring at offset 10. */
export function mirroring(): void {
  machine.handle({ type: 'begin' });
  machine.handle({ type: 'destinationRead', round: machine.round, view });
  machine.handle({ type: 'timer', round: machine.round });
  machine.handle({ type: 'destinationRead', round: machine.round, view });
  machine.handle({ type: 'tailCompared', round: machine.round, verdict: agrees });
  expect(machine.state.name).toBe('Mirroring');
}

/** From Recovering to Mirroring. */
export function again(seen: DestinationView = view, verdict: TailVerdict = agrees): void {
  machine.handle({ type: 'timer', round: machine.round });
  machine.handle({ type: 'destinationRead', round: machine.round, view: seen });
  machine.handle({ type: 'destinationRead', round: machine.round, view: seen });
  machine.handle({ type: 'tailCompared', round: machine.round, verdict });
  expect(machine.state.name).toBe('Mirroring');
}

export function fetch(...batches: TestBatch[]): readonly PartitionAction<TestBatch>[] {
  return machine.handle({ type: 'fetched', round: machine.round, batches });
}

export function acknowledge(baseOffset: bigint): readonly PartitionAction<TestBatch>[] {
  return machine.handle({ type: 'appended', round: machine.round, baseOffset });
}
