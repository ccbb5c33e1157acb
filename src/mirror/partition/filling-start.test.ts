// A source that starts above the mirror’s end, by what the user decided.
import { describe, expect, it } from 'vitest';
import {
  acknowledge,
  again,
  agrees,
  machine,
  producerId,
  types,
  use,
  view,
} from '../../../test/support/partition-machine.ts';
import { PartitionMachine } from './machine.ts';
import { type DestinationView, defaultPolicy, type PartitionAction, type TailVerdict } from './state.ts';
import type { TestBatch } from './test-batch.ts';

describe('a source that starts above the mirror’s end', () => {
  const empty: DestinationView = { ...view, logStart: 0n, logEnd: 0n, highWatermark: 0n, tail: null };
  const startsAt = (sourceStart: bigint): TailVerdict => ({ kind: 'sourceStartsAfter', sourceStart });

  function compared(seen: DestinationView, verdict: TailVerdict): readonly PartitionAction<TestBatch>[] {
    machine.handle({ type: 'begin' });
    machine.handle({ type: 'destinationRead', round: 0, view: seen });
    machine.handle({ type: 'destinationRead', round: 0, view: seen });
    return machine.handle({ type: 'tailCompared', round: 0, verdict });
  }

  it('is filled up to there and cut, and looked at again before data follows', () => {
    expect(compared(empty, startsAt(170_000n))).toMatchObject([
      { type: 'appendFiller', filler: { offset: 0n, count: 100_000, identity: { epoch: 0, sequence: 0 } } },
    ]);
    expect(acknowledge(0n)).toMatchObject([
      { type: 'appendFiller', filler: { offset: 100_000n, count: 70_000, identity: { sequence: 100_000 } } },
    ]);
    expect(acknowledge(100_000n)).toMatchObject([{ type: 'cutStart', beforeOffset: 170_000n }]);
    const cut = machine.handle({ type: 'startCut', round: machine.round, logStart: 170_000n });
    expect(types(cut)).toEqual(['readDestination']);
  });

  it('is cut first when a former worker had filled it', () => {
    const tail = { baseOffset: 0n, lastOffset: 9n, producerId, isControl: false, isFiller: true };
    const filled: TailVerdict = {
      ...agrees,
      kind: 'agrees',
      compared: false,
      lastFetchedEpoch: -1,
      sourceStart: 10n,
    };
    expect(compared({ ...view, tail }, filled)).toMatchObject([{ type: 'cutStart', beforeOffset: 10n }]);
  });

  it('never cuts records off that only look like fillers because they may not be read', () => {
    const tail = { baseOffset: 9n, lastOffset: 9n, producerId, isControl: false, isFiller: true };
    expect(types(compared({ ...view, tail }, agrees))).not.toContain('cutStart');
    expect(machine.state.name).toBe('Recovering');
  });

  it('is not continued while readable fillers are left', () => {
    compared(empty, startsAt(10n));
    acknowledge(0n);
    machine.handle({ type: 'startCut', round: machine.round, logStart: 4n });
    expect(machine.state.name).toBe('Recovering');
  });

  it('is Diverged when a filler lands elsewhere', () => {
    compared(empty, startsAt(10n));
    acknowledge(3n);
    expect(machine.state).toMatchObject({ name: 'Diverged', offset: 0n });
  });

  it('is refused with the estimate beyond the limit', () => {
    compared(empty, startsAt(5_000_000_000n));
    expect(machine.state).toMatchObject({
      name: 'StartTooFar',
      reason: expect.stringContaining('about 1 h 23 min'),
    });
  });

  it('stops a mirror with records where the user has not decided', () => {
    compared(view, startsAt(30n));
    expect(machine.state).toMatchObject({
      name: 'RetentionOvertook',
      offset: 10n,
      reason: expect.stringContaining('20 offsets'),
    });
  });

  it('stops a mirror without records, too, once it has been somewhere: what was missed is told', () => {
    const emptied = { ...view, logStart: 10n, tail: null };
    compared(emptied, startsAt(30n));
    expect(machine.state).toMatchObject({ name: 'RetentionOvertook', offset: 10n });
  });

  it('is filled on where nothing was mirrored yet since the cut', () => {
    compared(empty, startsAt(10n));
    acknowledge(0n);
    machine.handle({ type: 'startCut', round: machine.round, logStart: 10n });
    const cut = { ...view, logStart: 10n, tail: null };
    machine.handle({ type: 'destinationRead', round: machine.round, view: cut });
    machine.handle({ type: 'destinationRead', round: machine.round, view: cut });
    const verdict = startsAt(14n);
    expect(machine.handle({ type: 'tailCompared', round: machine.round, verdict })).toMatchObject([
      { type: 'appendFiller', filler: { offset: 10n, count: 4 } },
    ]);
  });

  it('is filled and counted where the user wants to go on and the mirror has no records', () => {
    use(new PartitionMachine<TestBatch>({ ...defaultPolicy, retentionOvertook: 'jump' }));
    const emptied = { ...view, logStart: 10n, tail: null };
    expect(compared(emptied, startsAt(30n))).toMatchObject([
      { type: 'appendFiller', filler: { offset: 10n, count: 20 } },
    ]);
    expect(machine.sourceLostCount).toBe(20n);
  });

  it('is counted once, however often the partition starts again before its hole is done', () => {
    use(new PartitionMachine<TestBatch>({ ...defaultPolicy, retentionOvertook: 'jump' }));
    compared(view, startsAt(30n));
    machine.handle({ type: 'sourceChanged', reason: 'another leader' });
    again(view, startsAt(30n));
    expect(machine.sourceLostCount).toBe(20n);
    machine.handle({ type: 'sourceChanged', reason: 'another leader' });
    again(view, startsAt(33n));
    expect(machine.sourceLostCount).toBe(23n);
  });

  it('becomes a hole where the user wants to go on', () => {
    use(new PartitionMachine<TestBatch>({ ...defaultPolicy, retentionOvertook: 'jump' }));
    expect(compared(view, startsAt(30n))).toMatchObject([
      { type: 'startFetching', offset: 30n },
      { type: 'pause', kind: 'claim' },
    ]);
    expect(machine.sourceLostCount).toBe(20n);
    expect(machine.flow?.hole).toMatchObject({ end: 30n });
  });
});
