// Records that come back to where they were first written.
import { beforeEach, describe, expect, it } from 'vitest';
import {
  acknowledge,
  again,
  fetch,
  machine,
  mirroring,
  types,
  use,
} from '../../../test/support/partition-machine.ts';
import { isStopped, PartitionMachine } from './machine.ts';
import { defaultPolicy, type PartitionAction } from './state.ts';
import { releasesOf, TestBatch } from './test-batch.ts';

describe('records that come back', () => {
  const tag = 5n;
  const idOf = (sourceTag: bigint, rotation = 0n): bigint =>
    (1n << 62n) | (sourceTag << 44n) | (77n << 20n) | rotation;
  const own = idOf(tag);
  const others = idOf(6n);
  const batch = (from: bigint, id: bigint, overrides: Partial<TestBatch> = {}) =>
    new TestBatch(from, 2, { producerId: id, ...overrides });
  const passes = (until: bigint | null): readonly PartitionAction<TestBatch>[] =>
    machine.handle({ type: 'returnAnswered', round: machine.round, verdict: { kind: 'passes', until } });
  const returns = (reason = 'a -> b -> a'): readonly PartitionAction<TestBatch>[] =>
    machine.handle({ type: 'returnAnswered', round: machine.round, verdict: { kind: 'returns', reason } });

  beforeEach(() => {
    use(new PartitionMachine<TestBatch>(defaultPolicy, tag));
    mirroring();
  });

  it('are asked about before anything is made of them, and nothing behind them is read meanwhile', () => {
    const batches = [batch(10n, own), batch(12n, own)];
    const actions = fetch(...batches);
    expect(types(actions)).toEqual(['stopFetching', 'askReturn']);
    expect(actions[1]).toMatchObject({ question: { producerId: own, offset: 10n, isDirect: true } });
    expect(releasesOf(batches)).toEqual([1, 1]);
    // An answer that was under way.
    const late = batch(10n, own);
    expect(fetch(late)).toEqual([]);
    expect(releasesOf([late])).toEqual([1]);
  });

  it('are not copied, and what stands in front of them is', () => {
    const before = new TestBatch(10n, 2);
    const actions = fetch(before, batch(12n, own));
    expect(types(actions)).toEqual(['stopFetching', 'askReturn', 'append']);
    expect(returns()).toEqual([]);
    expect(types(acknowledge(10n))).toEqual(['stopFetching', 'pause']);
    expect(machine.state).toMatchObject({ name: 'LoopDetected', reason: 'a -> b -> a' });
    expect(machine.mirrorEnd).toBe(12n);
    expect(isStopped(machine.state)).toBe(false);
  });

  it('are asked about again after a pause, and copied once they are none any more', () => {
    fetch(batch(10n, own));
    returns();
    expect(types(machine.handle({ type: 'timer', round: machine.round }))).toEqual(['askReturn']);
    expect(returns('still')).toMatchObject([{ type: 'pause', kind: 'loop', attempt: 2 }]);
    expect(machine.state).toMatchObject({ name: 'LoopDetected', reason: 'still' });
    // A cluster that does not answer is no reason to copy.
    machine.handle({ type: 'timer', round: machine.round });
    machine.handle({ type: 'readFailed', round: machine.round, reason: 'away', notAuthorized: false });
    expect(machine.state).toMatchObject({ name: 'LoopDetected', reason: 'still' });
    machine.handle({ type: 'timer', round: machine.round });
    expect(types(passes(null))).toEqual(['readDestination']);
    again();
    expect(types(fetch(batch(10n, own)))).toEqual(['append']);
  });

  it('are copied without another question when their writer is closed, at once from where it was read', () => {
    fetch(new TestBatch(10n, 2), batch(12n, own));
    expect(passes(null)).toMatchObject([{ type: 'startFetching', offset: 12n }]);
    acknowledge(10n);
    expect(types(fetch(batch(12n, own), batch(14n, own)))).toEqual(['append']);
  });

  it('are asked about again behind what the source had when nobody knew their writer', () => {
    fetch(batch(10n, own));
    passes(14n);
    expect(types(fetch(batch(10n, own), batch(12n, own)))).toEqual(['append']);
    expect(types(fetch(batch(14n, own)))).toEqual(['stopFetching', 'askReturn']);
  });

  it('are asked about for each id', () => {
    fetch(batch(10n, own));
    passes(null);
    expect(types(fetch(batch(10n, idOf(tag, 1n))))).toEqual(['stopFetching', 'askReturn']);
  });

  it('are looked for among what was mirrored before, too', () => {
    expect(fetch(batch(10n, others))[1]).toMatchObject({ question: { producerId: others, isDirect: false } });
  });

  it('are asked about a few times where nothing can be shown, and taken for others then', () => {
    for (const from of [10n, 12n, 14n]) {
      expect(types(fetch(batch(from, others)))).toEqual(['stopFetching', 'askReturn']);
      passes(from);
    }
    expect(types(fetch(batch(10n, others), batch(12n, others), batch(14n, others)))).toEqual(['append']);
  });

  it('are none where a client wrote them, nor markers of other mirrors', () => {
    expect(types(fetch(new TestBatch(10n, 2), batch(12n, 7n)))).toEqual(['append']);
    use(new PartitionMachine<TestBatch>(defaultPolicy, tag));
    mirroring();
    expect(types(fetch(batch(10n, others, { isControl: true })))).toEqual(['pause']);
  });

  it('are welcome where the direction turned', () => {
    use(new PartitionMachine<TestBatch>());
    mirroring();
    expect(types(fetch(batch(10n, own)))).toEqual(['append']);
  });

  it('hold up no stop', () => {
    fetch(batch(10n, own));
    machine.handle({ type: 'stop' });
    expect(machine.state.name).toBe('Stopped');
    expect(returns()).toEqual([]);
    use(new PartitionMachine<TestBatch>(defaultPolicy, tag));
    mirroring();
    fetch(batch(10n, own));
    returns();
    machine.handle({ type: 'stop' });
    expect(machine.state.name).toBe('Stopped');
  });

  it('are forgotten with the question when the partition begins anew', () => {
    fetch(batch(10n, own));
    const { round } = machine;
    machine.handle({ type: 'sourceChanged', reason: 'another leader' });
    again();
    machine.handle({ type: 'returnAnswered', round, verdict: { kind: 'passes', until: null } });
    expect(types(fetch(batch(10n, own)))).toEqual(['stopFetching', 'askReturn']);
  });
});
