// The transitions of one partition that copies, each as a sentence. The simulator (../simulation) covers their interplay.
import { beforeEach, describe, expect, it } from 'vitest';
import {
  acknowledge,
  again,
  agrees,
  fetch,
  machine,
  mirroring,
  types,
  view,
} from '../../../test/support/partition-machine.ts';
import { releasesOf, TestBatch } from './test-batch.ts';

describe('copying', () => {
  beforeEach(mirroring);

  it('appends one batch at a time, each with the sequence that follows', () => {
    const [append] = fetch(new TestBatch(10n, 3), new TestBatch(13n, 2));
    expect(append).toMatchObject({ type: 'append', append: { offset: 10n, identity: { sequence: 10 } } });
    const [next] = acknowledge(10n);
    expect(next).toMatchObject({
      type: 'append',
      append: { offset: 13n, identity: { epoch: 4, sequence: 13 } },
    });
    expect(machine.mirrorEnd).toBe(13n);
  });

  it('gives a batch back once it is acknowledged', () => {
    const batch = new TestBatch(10n, 3);
    fetch(batch);
    expect(batch.releases).toBe(0);
    acknowledge(10n);
    expect(batch.releases).toBe(1);
  });

  it('is Diverged when a batch lands elsewhere, and gives everything back', () => {
    const batches = [new TestBatch(10n, 3), new TestBatch(13n, 2)];
    fetch(...batches);
    acknowledge(11n);
    expect(machine.state.name).toBe('ReadingDestination');
    machine.handle({ type: 'destinationRead', round: machine.round, view });
    expect(machine.state).toMatchObject({ name: 'Diverged', offset: 10n });
    expect(batches.map((batch) => batch.releases)).toEqual([1, 1]);
  });

  it('skips what the mirror has already', () => {
    const old = new TestBatch(8n, 2);
    expect(types(fetch(old, new TestBatch(10n, 1)))).toEqual(['append']);
    expect(old.releases).toBe(1);
  });

  it('starts again from the log when an outcome is unknown', () => {
    const batches = [new TestBatch(10n, 3), new TestBatch(13n, 2)];
    fetch(...batches);
    const actions = machine.handle({ type: 'appendUnknown', round: 0, reason: 'connection lost' });
    expect(types(actions)).toEqual(['stopFetching', 'refreshMetadata', 'pause']);
    expect(machine.state).toMatchObject({ name: 'Recovering', reason: 'connection lost', attempt: 1 });
    expect(batches.map((batch) => batch.releases)).toEqual([1, 1]);
  });

  it('ignores answers to what was asked before it started again', () => {
    fetch(new TestBatch(10n, 3));
    machine.handle({ type: 'appendUnknown', round: 0, reason: 'connection lost' });
    const late = new TestBatch(13n, 2);
    expect(machine.handle({ type: 'appended', round: 0, baseOffset: 10n })).toEqual([]);
    expect(machine.handle({ type: 'fetched', round: 0, batches: [late] })).toEqual([]);
    expect(machine.state.name).toBe('Recovering');
    expect(late.releases).toBe(1);
  });

  it('takes no answer of an earlier round for one of its own', () => {
    fetch(new TestBatch(10n, 3));
    const earlier = machine.round;
    machine.handle({ type: 'appendUnknown', round: earlier, reason: 'connection lost' });
    machine.handle({ type: 'timer', round: machine.round });
    machine.handle({ type: 'destinationRead', round: machine.round, view });
    machine.handle({ type: 'destinationRead', round: machine.round, view });
    machine.handle({ type: 'tailCompared', round: machine.round, verdict: agrees });
    fetch(new TestBatch(10n, 3));
    expect(machine.round).toBeGreaterThan(earlier);
    // The first request was executed after all, and its answer found its way here: it proves nothing any more.
    expect(machine.handle({ type: 'appended', round: earlier, baseOffset: 10n })).toEqual([]);
    expect(machine.mirrorEnd).toBe(10n);
    expect(machine.flow?.inFlight).not.toBeNull();
  });

  it('forgets earlier failures after an acknowledged append', () => {
    machine.handle({ type: 'sourceChanged', reason: 'a new leader' });
    again();
    fetch(new TestBatch(10n, 3));
    expect(machine.attempt).toBe(1);
    acknowledge(10n);
    expect(machine.attempt).toBe(0);
  });

  const refusals: [number, string][] = [
    [6, 'Recovering'],
    [7, 'Recovering'],
    [19, 'Recovering'],
    [20, 'Recovering'],
    [45, 'Recovering'],
    [10, 'Blocked'],
    [32, 'Blocked'],
    [87, 'Blocked'],
    [47, 'Recovering'],
    [29, 'NotAuthorized'],
    [100, 'Recovering'],
  ];
  it.each(refusals)('takes append error %i to %s', (errorCode, name) => {
    const batch = new TestBatch(10n, 3);
    fetch(batch);
    machine.handle({ type: 'appendRefused', round: 0, errorCode, reason: `error ${errorCode}` });
    expect(machine.state.name).toBe(name);
    expect(batch.releases).toBe(1);
  });

  const fetchRefusals: [number, string][] = [
    [1, 'Recovering'],
    [6, 'Mirroring'],
    [74, 'Mirroring'],
    [29, 'NotAuthorized'],
  ];
  it.each(fetchRefusals)('takes fetch error %i to %s', (errorCode, name) => {
    machine.handle({ type: 'fetchRefused', round: 0, errorCode, reason: `error ${errorCode}` });
    expect(machine.state.name).toBe(name);
  });
});

it('forgets what waits behind a slow append when memory is short, and reads it again', () => {
  mirroring();
  const batches = [new TestBatch(10n, 3), new TestBatch(13n, 2), new TestBatch(15n, 1, { magic: 1 })];
  fetch(...batches);
  expect(machine.flow?.obstacle?.kind).toBe('OldRecordFormat');
  expect(machine.handle({ type: 'shed', round: machine.round })).toEqual([
    { type: 'startFetching', round: machine.round, offset: 13n, lastFetchedEpoch: 0 },
  ]);
  expect(batches.map((batch) => batch.releases)).toEqual([0, 1, 1]);
  expect(types(fetch(new TestBatch(13n, 2)))).toEqual([]);
  expect(types(acknowledge(10n))).toEqual(['append']);
  acknowledge(13n);
  expect(machine.state).toMatchObject({ name: 'Mirroring', flow: { mirrorEnd: 15n, obstacle: null } });
});

it('stops at a batch to which the broker gave its own timestamps', () => {
  mirroring();
  fetch(new TestBatch(10n, 2));
  machine.handle({ type: 'appended', round: machine.round, baseOffset: 10n, isRestamped: true });
  expect(machine.state).toMatchObject({ name: 'Diverged', offset: 10n });
  expect(machine.state).toMatchObject({ reason: expect.stringContaining('message.timestamp.type') });
});

it('ends at a record format it can’t copy, after everything before it is in', () => {
  mirroring();
  const batches = [new TestBatch(10n, 1), new TestBatch(11n, 1, { magic: 1 }), new TestBatch(12n, 1)];
  expect(types(fetch(...batches))).toEqual(['stopFetching', 'append']);
  expect(machine.state.name).toBe('Mirroring');
  expect(types(acknowledge(10n))).toEqual(['stopFetching']);
  expect(machine.state).toMatchObject({ name: 'OldRecordFormat', offset: 11n });
  expect(releasesOf(batches)).toEqual([1, 1, 1]);
});

it('compares again before it appends anything more when the source has changed', () => {
  mirroring();
  const batch = new TestBatch(10n, 2);
  fetch(batch);
  machine.handle({ type: 'sourceChanged', reason: 'a new leader' });
  expect(machine.state).toMatchObject({ name: 'Recovering', reason: 'a new leader' });
  expect(batch.releases).toBe(1);
});

it('does not touch a mirror that was closed', () => {
  machine.handle({ type: 'begin' });
  machine.handle({ type: 'destinationRead', round: 0, view: { ...view, isClosed: true } });
  expect(machine.state.name).toBe('Fenced');
});

it('reads again what can’t be read, and gives everything back', () => {
  mirroring();
  const broken = new TestBatch(10n, 2, { timestampType: 'LogAppendTime' });
  broken.reshape = () => {
    throw new Error('checksum');
  };
  const behind = new TestBatch(12n, 1);
  fetch(broken, behind);
  expect(machine.state).toMatchObject({ name: 'Recovering', reason: expect.stringContaining('offset 10') });
  expect(releasesOf([broken, behind])).toEqual([1, 1]);
});

describe('a source that was truncated', () => {
  beforeEach(mirroring);

  it('only drops what is not appended when the cut lies above the mirror', () => {
    machine.handle({ type: 'sourceDiverged', round: 0, epoch: 1, endOffset: 10n });
    expect(machine.state.name).toBe('Recovering');
  });

  it('ends when the cut lies below the mirror', () => {
    machine.handle({ type: 'sourceDiverged', round: 0, epoch: 1, endOffset: 9n });
    expect(machine.state).toMatchObject({ name: 'SourceTruncated', offset: 9n });
  });

  it('ends when the cut lies below what is being appended', () => {
    fetch(new TestBatch(10n, 3));
    machine.handle({ type: 'sourceDiverged', round: 0, epoch: 1, endOffset: 11n });
    expect(machine.state.name).toBe('SourceTruncated');
  });
});
