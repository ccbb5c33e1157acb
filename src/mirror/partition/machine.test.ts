// The transitions of one partition, each as a sentence. The simulator (../simulation) covers their interplay.
import { beforeEach, describe, expect, it } from 'vitest';
import { isStopped, PartitionMachine } from './machine.ts';
import type { DestinationView, FetchedBatch, PartitionAction, TailVerdict } from './state.ts';

class TestBatch implements FetchedBatch {
  readonly magic: number = 2;
  readonly isControl: boolean = false;
  readonly isTransactional: boolean = false;
  readonly timestampType: 'CreateTime' | 'LogAppendTime' = 'CreateTime';
  readonly sizeBytes = 100;
  readonly partitionLeaderEpoch = 0;
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly recordCount: number;
  releases = 0;

  constructor(baseOffset: bigint, recordCount: number, overrides: Partial<FetchedBatch> = {}) {
    this.baseOffset = baseOffset;
    this.recordCount = recordCount;
    this.lastOffset = baseOffset + BigInt(recordCount) - 1n;
    Object.assign(this, overrides);
  }

  release(): void {
    this.releases += 1;
  }
}

const identity = { producerId: 1n << 62n, epoch: 0, sequence: 10 };
const view: DestinationView = {
  leaderEpoch: 4,
  logStart: 0n,
  logEnd: 10n,
  highWatermark: 10n,
  tail: { baseOffset: 8n, lastOffset: 9n, producerId: 1n << 62n },
  identity,
};
const agrees: TailVerdict = { kind: 'agrees', lastFetchedEpoch: 2, compared: true };

let machine: PartitionMachine<TestBatch>;

beforeEach(() => {
  machine = new PartitionMachine<TestBatch>();
});

function types(actions: readonly PartitionAction<TestBatch>[]): string[] {
  return actions.map((action) => action.type);
}

/** Brings the machine to Mirroring at offset 10. */
function mirroring(): void {
  machine.handle({ type: 'begin' });
  machine.handle({ type: 'destinationRead', round: machine.round, view });
  machine.handle({ type: 'timer', round: machine.round });
  machine.handle({ type: 'destinationRead', round: machine.round, view });
  machine.handle({ type: 'tailCompared', round: machine.round, verdict: agrees });
  expect(machine.state.name).toBe('Mirroring');
}

function fetch(...batches: TestBatch[]): readonly PartitionAction<TestBatch>[] {
  return machine.handle({ type: 'fetched', round: machine.round, batches });
}

function acknowledge(baseOffset: bigint): readonly PartitionAction<TestBatch>[] {
  return machine.handle({ type: 'appended', round: machine.round, baseOffset });
}

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
    [{ kind: 'sourceEndsBefore', sourceEnd: 7n }, 'Diverged'],
    [{ kind: 'foreign', offset: 8n }, 'ForeignData'],
    [{ kind: 'sourceStartsAfter', sourceStart: 30n }, 'SourceStartAhead'],
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

describe('copying', () => {
  beforeEach(mirroring);

  it('appends one batch at a time, each with the sequence that follows', () => {
    const [append] = fetch(new TestBatch(10n, 3), new TestBatch(13n, 2));
    expect(append).toMatchObject({ type: 'append', append: { offset: 10n, identity: { sequence: 10 } } });
    const [next] = acknowledge(10n);
    expect(next).toMatchObject({
      type: 'append',
      append: { offset: 13n, identity: { epoch: 0, sequence: 13 } },
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
    fetch(new TestBatch(10n, 3));
    machine.attempt = 5;
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
    [47, 'Fenced'],
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
  const batches = [new TestBatch(10n, 3), new TestBatch(13n, 2), new TestBatch(17n, 1)];
  fetch(...batches);
  expect(machine.flow?.obstacle?.kind).toBe('HoleAhead');
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

describe('what can’t be copied yet', () => {
  beforeEach(mirroring);

  const obstacles: [string, TestBatch][] = [
    ['HoleAhead', new TestBatch(14n, 1)],
    ['TransactionAhead', new TestBatch(11n, 1, { isTransactional: true })],
    ['TransactionAhead', new TestBatch(11n, 1, { isControl: true })],
    ['CompactedBatch', new TestBatch(11n, 2, { lastOffset: 15n })],
    ['CompactedBatch', new TestBatch(11n, 0, { lastOffset: 12n })],
    ['LogAppendTime', new TestBatch(11n, 1, { timestampType: 'LogAppendTime' })],
    ['OldRecordFormat', new TestBatch(11n, 1, { magic: 1 })],
    ['MisalignedBatch', new TestBatch(9n, 4)],
  ];
  it.each(obstacles)('ends as %s with the offset, after everything before it is in', (name, obstacle) => {
    const before = new TestBatch(10n, 1);
    const behind = new TestBatch(16n, 1);
    const actions = fetch(before, obstacle, behind);
    expect(types(actions)).toEqual(['stopFetching', 'append']);
    expect(machine.state.name).toBe('Mirroring');
    expect(types(acknowledge(10n))).toEqual(['stopFetching']);
    expect(machine.state).toMatchObject({ name, offset: 11n });
    expect([before.releases, obstacle.releases, behind.releases]).toEqual([1, 1, 1]);
  });
});

describe('a source that was truncated', () => {
  beforeEach(mirroring);

  it('only drops what is not appended when the cut lies above the mirror', () => {
    machine.handle({ type: 'sourceDiverged', round: 0, epoch: 1, endOffset: 10n });
    expect(machine.state.name).toBe('Recovering');
  });

  it('is Diverged when the cut lies below the mirror', () => {
    machine.handle({ type: 'sourceDiverged', round: 0, epoch: 1, endOffset: 9n });
    expect(machine.state).toMatchObject({ name: 'Diverged', offset: 9n });
  });

  it('is Diverged when the cut lies below what is being appended', () => {
    fetch(new TestBatch(10n, 3));
    machine.handle({ type: 'sourceDiverged', round: 0, epoch: 1, endOffset: 11n });
    expect(machine.state.name).toBe('Diverged');
  });
});

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
