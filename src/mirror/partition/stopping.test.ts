// What is waited for when a partition is told to stop, and what it leaves behind.
import { describe, expect, it } from 'vitest';
import {
  acknowledge,
  fetch,
  machine,
  mirroring,
  types,
  view,
} from '../../../test/support/partition-machine.ts';
import { isStopped } from './machine.ts';
import { TestBatch } from './test-batch.ts';

describe('stopping', () => {
  it('stays stopped when the last append lacked a right', () => {
    mirroring();
    fetch(new TestBatch(10n, 2));
    machine.handle({ type: 'stop' });
    expect(machine.state.name).toBe('Stopping');
    const refused = { type: 'appendRefused', round: machine.round, errorCode: 29, reason: 'no' } as const;
    expect(types(machine.handle(refused))).toEqual(['stopFetching']);
    expect(machine.state.name).toBe('Stopped');
  });

  it('ends at once when nothing is under way', () => {
    mirroring();
    machine.handle({ type: 'stop' });
    expect(machine.state).toMatchObject({ name: 'Stopped', offset: 10n });
  });

  it('waits for the append that is under way and sends no other', () => {
    mirroring();
    const batches = [new TestBatch(10n, 3), new TestBatch(13n, 2)];
    fetch(...batches);
    expect(types(machine.handle({ type: 'stop' }))).toEqual(['stopFetching']);
    expect(machine.state.name).toBe('Stopping');
    expect(types(acknowledge(10n))).not.toContain('append');
    expect(machine.state).toMatchObject({ name: 'Stopped', offset: 13n });
    expect(batches.map((batch) => batch.releases)).toEqual([1, 1]);
  });

  it('ends when the append that is under way has no answer', () => {
    mirroring();
    fetch(new TestBatch(10n, 3));
    machine.handle({ type: 'stop' });
    machine.handle({ type: 'appendUnknown', round: 0, reason: 'connection lost' });
    expect(machine.state.name).toBe('Stopped');
  });

  describe('tells how it left the log', () => {
    const stop = () => machine.handle({ type: 'stop' });

    it('when nothing was under way', () => {
      mirroring();
      stop();
      expect(machine.left).toEqual({ leaderEpoch: 4, logEnd: 10n });
    });

    it('when the last append landed where it was meant to', () => {
      mirroring();
      fetch(new TestBatch(10n, 3));
      stop();
      expect(machine.left).toBeNull();
      acknowledge(10n);
      expect(machine.left).toEqual({ leaderEpoch: 4, logEnd: 13n });
    });

    /** Three markers are under way for the hole at 10. */
    const markersSent = (): void => {
      mirroring();
      fetch(new TestBatch(10n, 3, { isControl: true }));
      machine.handle({ type: 'timer', round: 0 });
      machine.handle({ type: 'logEndRead', round: 0, ends: view });
      expect(machine.flow?.hole).toMatchObject({ phase: 'writing', sentCount: 3 });
    };
    const markersAnswered = () =>
      machine.handle({ type: 'markersAnswered', round: 0, errorCode: 0, reason: 'no error' });
    const stopWithLogEnd = (ends: { logEnd?: bigint; highWatermark?: bigint }): void => {
      markersSent();
      stop();
      markersAnswered();
      const { logEnd = 13n, highWatermark = logEnd } = ends;
      machine.handle({ type: 'logEndRead', round: 0, ends: { leaderEpoch: 4, logEnd, highWatermark } });
    };

    it('before the first marker of a hole', () => {
      mirroring();
      fetch(new TestBatch(10n, 3, { isControl: true }));
      expect(machine.flow?.hole).toMatchObject({ phase: 'claiming' });
      stop();
      expect(machine.left).toEqual({ leaderEpoch: 4, logEnd: 10n });
    });

    it('when the markers under way stand where they were meant to', () => {
      stopWithLogEnd({ logEnd: 13n });
      expect(machine.state).toMatchObject({ name: 'Stopped', offset: 13n });
      expect(machine.left).toEqual({ leaderEpoch: 4, logEnd: 13n });
    });

    it('also where it was stopped between their answer and the look at the log end', () => {
      markersSent();
      markersAnswered();
      stop();
      expect(machine.state.name).toBe('Stopping');
      machine.handle({ type: 'logEndRead', round: 0, ends: { ...view, logEnd: 13n, highWatermark: 13n } });
      expect(machine.left).toEqual({ leaderEpoch: 4, logEnd: 13n });
    });

    it('also where it was stopped while replicas lagged behind the markers', () => {
      markersSent();
      markersAnswered();
      const ends = { leaderEpoch: 4, logEnd: 13n, highWatermark: 12n };
      expect(types(machine.handle({ type: 'logEndRead', round: 0, ends }))).toEqual(['pause']);
      stop();
      expect(types(machine.handle({ type: 'timer', round: 0 }))).toEqual(['readLogEnd']);
      machine.handle({ type: 'logEndRead', round: 0, ends: { ...ends, highWatermark: 13n } });
      expect(machine.left).toEqual({ leaderEpoch: 4, logEnd: 13n });
    });

    const endings: [string, () => void][] = [
      ['before it has copied', () => machine.handle({ type: 'begin' })],
      [
        'while it settles again',
        () => {
          mirroring();
          machine.handle({ type: 'sourceChanged', reason: 'a new leader' });
        },
      ],
      [
        'where the last append has no answer',
        () => {
          mirroring();
          fetch(new TestBatch(10n, 3));
          stop();
          machine.handle({ type: 'appendUnknown', round: 0, reason: 'connection lost' });
        },
      ],
      [
        'where the last append was refused',
        () => {
          mirroring();
          fetch(new TestBatch(10n, 3));
          stop();
          machine.handle({ type: 'appendRefused', round: 0, errorCode: 7, reason: 'timed out' });
        },
      ],
      [
        'where it landed elsewhere',
        () => {
          mirroring();
          fetch(new TestBatch(10n, 3));
          stop();
          acknowledge(11n);
        },
      ],
      [
        'where markers are answered, and the log end can’t be read',
        () => {
          markersSent();
          stop();
          markersAnswered();
          machine.handle({ type: 'readFailed', round: 0, reason: 'no leader', notAuthorized: false });
        },
      ],
      ['where fewer markers stand than were sent', () => stopWithLogEnd({ logEnd: 12n })],
      ['where more stand than were sent', () => stopWithLogEnd({ logEnd: 14n })],
      ['where markers are not replicated', () => stopWithLogEnd({ highWatermark: 11n })],
      [
        'where markers have no answer',
        () => {
          markersSent();
          stop();
          machine.handle({ type: 'markersUnknown', round: 0, reason: 'connection lost' });
        },
      ],
    ];
    it.each(endings)('but not %s', (_, bring) => {
      bring();
      stop();
      expect(isStopped(machine.state)).toBe(true);
      expect(machine.left).toBeNull();
    });
  });

  it('does not hide a state that needs a person', () => {
    mirroring();
    fetch(new TestBatch(10n, 3));
    acknowledge(11n);
    machine.handle({ type: 'stop' });
    expect(machine.state.name).toBe('Diverged');
  });

  it('ends as recreated when a topic id changes', () => {
    mirroring();
    machine.handle({ type: 'topicRecreated', side: 'source', reason: 'the topic id changed' });
    expect(machine.state.name).toBe('SourceRecreated');
  });

  it('refuses to begin twice', () => {
    machine.handle({ type: 'begin' });
    expect(() => machine.handle({ type: 'begin' })).toThrow('begun already');
  });
});
