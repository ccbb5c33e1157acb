// What a partition does at a hole, by what the log end is read to be.
import { beforeEach, describe, expect, it } from 'vitest';
import {
  acknowledge,
  again,
  fetch,
  machine,
  mirroring,
  producerId,
  types,
  view,
} from '../../../test/support/partition-machine.ts';
import type { DestinationView, PartitionAction } from './state.ts';
import { releasesOf, TestBatch } from './test-batch.ts';

describe('a hole', () => {
  const marker = (offset: bigint): TestBatch => new TestBatch(offset, 1, { isControl: true });
  const ends = (logEnd: bigint, highWatermark = logEnd) =>
    ({ type: 'logEndRead', round: machine.round, ends: { leaderEpoch: 4, logEnd, highWatermark } }) as const;
  const answered = (errorCode = 0) =>
    ({ type: 'markersAnswered', round: machine.round, errorCode, reason: `error ${errorCode}` }) as const;
  const timer = () => ({ type: 'timer', round: machine.round }) as const;

  beforeEach(() => {
    mirroring();
  });

  /** Up to the marker request for the hole at 10, the first one of this generation. */
  function claimed(...batches: TestBatch[]): readonly PartitionAction<TestBatch>[] {
    fetch(...batches);
    machine.handle(timer());
    return machine.handle(ends(10n));
  }

  it('is claimed by standing still, filled, and checked before data follows in the next epoch', () => {
    const batches = [marker(10n), new TestBatch(11n, 2)];
    expect(fetch(...batches)).toMatchObject([{ type: 'pause', kind: 'claim' }]);
    expect(types(machine.handle(timer()))).toEqual(['readLogEnd']);
    expect(machine.handle(ends(10n))).toMatchObject([
      { type: 'writeMarkers', markers: { producerId, epoch: 5, generation: 77, offset: 10n, count: 1 } },
    ]);
    expect(types(machine.handle(answered()))).toEqual(['readLogEnd']);
    expect(machine.handle(ends(11n))).toMatchObject([
      { type: 'append', append: { offset: 11n, identity: { producerId, epoch: 6, sequence: 0 } } },
    ]);
    acknowledge(11n);
    expect(machine).toMatchObject({ mirrorEnd: 13n, holeOffsetsCount: 1n });
    expect(releasesOf(batches)).toEqual([1, 1]);
  });

  it('is filled at once when this generation has written markers already', () => {
    claimed(marker(10n), new TestBatch(11n, 1), marker(12n));
    machine.handle(answered());
    machine.handle(ends(11n));
    expect(acknowledge(11n)).toMatchObject([{ type: 'writeMarkers', markers: { epoch: 7, offset: 12n } }]);
  });

  it('waits for the answer to the data before it', () => {
    expect(types(fetch(new TestBatch(10n, 2), marker(12n)))).toEqual(['append']);
    expect(acknowledge(10n)).toMatchObject([{ type: 'pause', kind: 'claim' }]);
  });

  it('holds all neighbouring offsets without records', () => {
    const run = [marker(10n), new TestBatch(11n, 4, { isAborted: true }), marker(15n), new TestBatch(18n, 1)];
    expect(claimed(...run)).toMatchObject([{ type: 'writeMarkers', markers: { offset: 10n, count: 8 } }]);
  });

  it('is not written to when somebody else was faster', () => {
    fetch(marker(10n));
    machine.handle(timer());
    expect(types(machine.handle(ends(11n)))).not.toContain('writeMarkers');
    expect(machine.state.name).toBe('Recovering');
  });

  it('gets the rest when the broker refused some in silence', () => {
    claimed(new TestBatch(10n, 5, { isAborted: true }), new TestBatch(15n, 1));
    machine.handle(answered());
    expect(machine.handle(ends(13n))).toMatchObject([
      { type: 'writeMarkers', markers: { offset: 13n, count: 2 } },
    ]);
    machine.handle(answered());
    expect(machine.handle(ends(15n))).toMatchObject([{ type: 'append', append: { offset: 15n } }]);
  });

  it('is asked for again only through the log when the answer is missing, with a new generation', () => {
    claimed(marker(10n));
    machine.handle({ type: 'markersUnknown', round: machine.round, reason: 'connection lost' });
    expect(machine.state.name).toBe('Recovering');
    const grown = { ...view, logEnd: 11n, highWatermark: 11n, generation: 78 };
    again(grown);
    expect(machine.flow?.hole).toBeNull();
    expect(machine.flow?.generation).toBe(78);
  });

  it('counts a time-out of the replicas as an answer, and waits for them', () => {
    claimed(marker(10n), new TestBatch(11n, 1));
    expect(types(machine.handle(answered(7)))).toEqual(['readLogEnd']);
    expect(machine.handle(ends(11n, 10n))).toMatchObject([{ type: 'pause', kind: 'replicas' }]);
    expect(types(machine.handle(timer()))).toEqual(['readLogEnd']);
    expect(types(machine.handle(ends(11n)))).toEqual(['append']);
  });

  it('is refused with the estimate when it is longer than anybody would want', () => {
    fetch(new TestBatch(200_000_010n, 1));
    expect(machine.state).toMatchObject({
      name: 'HoleTooLong',
      offset: 10n,
      reason: expect.stringContaining('about 1 h 51 min and 15.6 GB'),
    });
  });

  it('is looked at again when the request had to wait for too long', () => {
    claimed(marker(10n), new TestBatch(11n, 1));
    expect(types(machine.handle({ type: 'markersNotSent', round: machine.round }))).toEqual(['readLogEnd']);
    expect(machine.flow?.hole).toMatchObject({ phase: 'looking' });
    expect(types(machine.handle(ends(10n)))).toEqual(['writeMarkers']);
    machine.handle({ type: 'markersNotSent', round: machine.round });
    machine.handle(ends(11n));
    expect(machine.state.name).toBe('Recovering');
  });

  it('is Diverged when more was written than meant', () => {
    claimed(marker(10n), new TestBatch(11n, 1));
    machine.handle(answered());
    expect(types(machine.handle(ends(12n)))).toEqual(['stopFetching', 'readDestination']);
    machine.handle({ type: 'destinationRead', round: machine.round, view });
    expect(machine.state).toMatchObject({ name: 'Diverged', offset: 10n });
  });

  it('is Fenced when what was written too much is a promotion and what came after it', () => {
    claimed(marker(10n), new TestBatch(11n, 1));
    machine.handle(answered());
    machine.handle(ends(57n));
    machine.handle({ type: 'readFailed', round: machine.round, reason: 'no leader', notAuthorized: false });
    machine.handle(timer());
    const closed = { ...view, logEnd: 57n, highWatermark: 57n, isClosed: true };
    machine.handle({ type: 'destinationRead', round: machine.round, view: closed });
    expect(machine.state.name).toBe('Fenced');
  });

  it('does not believe a look during which the log has grown, as by the closing markers themselves', () => {
    claimed(marker(10n), new TestBatch(11n, 1));
    machine.handle(answered());
    machine.handle(ends(12n));
    const growing = { ...view, logEnd: 14n, highWatermark: -1n };
    const look = (seen: DestinationView) =>
      types(machine.handle({ type: 'destinationRead', round: machine.round, view: seen }));
    expect(look(growing)).toEqual(['readDestination']);
    look({ ...view, logEnd: 14n, highWatermark: 14n, isClosed: true });
    expect(machine.state.name).toBe('Fenced');
  });

  it('is Diverged also where the log never stops growing', () => {
    claimed(marker(10n), new TestBatch(11n, 1));
    machine.handle(answered());
    machine.handle(ends(12n));
    for (let looks = 0; looks < 3; looks++) {
      expect(machine.state.name).toBe('ReadingDestination');
      const growing = { ...view, logEnd: 14n, highWatermark: -1n };
      machine.handle({ type: 'destinationRead', round: machine.round, view: growing });
    }
    expect(machine.state).toMatchObject({ name: 'Diverged', offset: 10n });
  });

  it.each([
    [52, 'Recovering'],
    [47, 'Recovering'],
    [6, 'Recovering'],
    [31, 'NotAuthorized'],
  ])('takes the answer %i to %s', (errorCode, name) => {
    const batch = new TestBatch(11n, 1);
    claimed(marker(10n), batch);
    machine.handle(answered(errorCode));
    expect(machine.state.name).toBe(name);
    expect(batch.releases).toBe(1);
  });

  it('is written in requests that do not hold up a broker for long', () => {
    const write = claimed(new TestBatch(10n, 12_000, { isAborted: true }));
    expect(write).toMatchObject([{ markers: { count: 5_000 } }]);
    machine.handle(answered());
    expect(machine.handle(ends(5_010n))).toMatchObject([{ markers: { offset: 5_010n, count: 5_000 } }]);
  });

  it('lets a stop wait for the markers that are under way', () => {
    claimed(marker(10n), new TestBatch(11n, 1));
    machine.handle({ type: 'stop' });
    expect(machine.state.name).toBe('Stopping');
    expect(types(machine.handle(answered()))).toEqual(['readLogEnd']);
    expect(types(machine.handle(ends(11n)))).toEqual(['stopFetching']);
    expect(machine.state.name).toBe('Stopped');
  });
});
