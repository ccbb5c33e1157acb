// How a partition gets from its log’s end to copying, each step as a sentence.
import { describe, expect, it } from 'vitest';
import { agrees, machine, mirroring, types, view } from '../../../test/support/partition-machine.ts';
import { isStopped } from './machine.ts';
import type { DestinationView, TailVerdict } from './state.ts';

describe('starting', () => {
  it('reads the log end twice, with a pause, before it compares the newest batch', () => {
    expect(types(machine.handle({ type: 'begin' }))).toEqual(['readDestination']);
    expect(machine.handle({ type: 'destinationRead', round: 0, view })).toEqual([
      { type: 'pause', round: 0, kind: 'settle', attempt: 1 },
    ]);
    expect(machine.state.name).toBe('Settling');
    expect(types(machine.handle({ type: 'timer', round: 0 }))).toEqual(['readDestination']);
    expect(types(machine.handle({ type: 'destinationRead', round: 0, view }))).toEqual(['compareTail']);
  });

  describe('behind a worker that told how it left the log', () => {
    const left = { leaderEpoch: 4, logEnd: 10n };
    const look = (seen: DestinationView): string[] => {
      machine.handle({ type: 'begin' });
      return types(machine.handle({ type: 'destinationRead', round: 0, view: seen, left }));
    };

    it('compares at once where the log is as it was left', () => {
      expect(look(view)).toEqual(['compareTail']);
    });

    it.each([
      ['has grown', { logEnd: 11n, highWatermark: 11n }],
      ['is shorter', { logEnd: 9n, highWatermark: 9n }],
      ['has another leader epoch', { leaderEpoch: 5 }],
      ['grew while it was read', { highWatermark: -1n }],
    ])('settles where the log %s', (_, change) => {
      expect(look({ ...view, ...change })).toEqual(['pause']);
      expect(machine.state.name).toBe('Settling');
    });

    it('waits where followers lack a part, and settles then', () => {
      look({ ...view, highWatermark: 9n });
      expect(machine.state.name).toBe('WaitingForReplicas');
      machine.handle({ type: 'timer', round: 0 });
      machine.handle({ type: 'destinationRead', round: 0, view });
      expect(machine.state.name).toBe('Settling');
    });

    it('settles after any doubt of its own', () => {
      look(view);
      machine.handle({ type: 'tailCompared', round: 0, verdict: agrees });
      machine.handle({ type: 'sourceChanged', reason: 'a new leader' });
      machine.handle({ type: 'timer', round: machine.round });
      machine.handle({ type: 'destinationRead', round: machine.round, view });
      expect(machine.state.name).toBe('Settling');
    });
  });

  it('settles again when the log end has moved meanwhile', () => {
    machine.handle({ type: 'begin' });
    machine.handle({ type: 'destinationRead', round: 0, view });
    machine.handle({ type: 'timer', round: 0 });
    const grown = { ...view, logEnd: 11n, highWatermark: 11n };
    expect(types(machine.handle({ type: 'destinationRead', round: 0, view: grown }))).toEqual(['pause']);
    expect(machine.state.name).toBe('Settling');
  });

  it('settles again when the leader has changed meanwhile', () => {
    machine.handle({ type: 'begin' });
    machine.handle({ type: 'destinationRead', round: 0, view });
    machine.handle({ type: 'timer', round: 0 });
    const moved = { ...view, leaderEpoch: 5 };
    expect(types(machine.handle({ type: 'destinationRead', round: 0, view: moved }))).toEqual(['pause']);
  });

  it('waits while followers lack a part of the log', () => {
    machine.handle({ type: 'begin' });
    machine.handle({ type: 'destinationRead', round: 0, view: { ...view, highWatermark: 9n } });
    expect(machine.state.name).toBe('WaitingForReplicas');
    expect(types(machine.handle({ type: 'timer', round: 0 }))).toEqual(['readDestination']);
  });

  it('tells a log that others append to from followers that lag, and says so when it goes on', () => {
    machine.handle({ type: 'begin' });
    // Under load the high watermark is always a little behind, and often the log grows while it is read (-1).
    for (const [logEnd, highWatermark] of [
      [10n, 9n],
      [14n, 12n],
      [18n, -1n],
      [22n, 21n],
    ] as const) {
      machine.handle({ type: 'destinationRead', round: 0, view: { ...view, logEnd, highWatermark } });
      machine.handle({ type: 'timer', round: 0 });
    }
    expect(machine.state).toMatchObject({ name: 'Settling', looks: 3 });
    expect(machine.state).toMatchObject({ reason: expect.stringContaining('another agent') });
    // It stands still, but a follower lacks a part.
    const lagging = { ...view, logEnd: 22n, highWatermark: 21n };
    machine.handle({ type: 'destinationRead', round: 0, view: lagging });
    expect(machine.state.name).toBe('WaitingForReplicas');
  });

  it('fetches from the destination’s log end, with the epoch of the last common batch', () => {
    machine.handle({ type: 'begin' });
    machine.handle({ type: 'destinationRead', round: 0, view });
    machine.handle({ type: 'destinationRead', round: 0, view });
    expect(machine.handle({ type: 'tailCompared', round: 0, verdict: agrees })).toEqual([
      { type: 'startFetching', round: 0, offset: 10n, lastFetchedEpoch: 2 },
    ]);
  });

  const endings: [TailVerdict, string][] = [
    [{ kind: 'differs', offset: 8n, what: 'value' }, 'Diverged'],
    [{ kind: 'sourceEndsBefore', sourceEnd: 7n }, 'SourceTruncated'],
    [{ kind: 'foreign', offset: 8n }, 'ForeignData'],
    [{ kind: 'sourceStartsAfter', sourceStart: 30n }, 'RetentionOvertook'],
  ];
  it.each(endings)('ends at the verdict %o as %s, without an append', (verdict, name) => {
    machine.handle({ type: 'begin' });
    machine.handle({ type: 'destinationRead', round: 0, view });
    machine.handle({ type: 'destinationRead', round: 0, view });
    const actions = machine.handle({ type: 'tailCompared', round: 0, verdict });
    expect(machine.state.name).toBe(name);
    expect(isStopped(machine.state)).toBe(true);
    expect(types(actions)).not.toContain('append');
  });

  it('counts acknowledged offsets that are gone', () => {
    mirroring();
    machine.handle({ type: 'appendUnknown', round: machine.round, reason: 'connection lost' });
    machine.handle({ type: 'timer', round: machine.round });
    const shorter = { ...view, logEnd: 7n, highWatermark: 7n };
    machine.handle({ type: 'destinationRead', round: machine.round, view: shorter });
    machine.handle({ type: 'destinationRead', round: machine.round, view: shorter });
    expect(machine.acknowledgedLostCount).toBe(1);
  });
});
