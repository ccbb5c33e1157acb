// The transitions of one partition, each as a sentence. The simulator (../simulation) covers their interplay.
import { beforeEach, describe, expect, it } from 'vitest';
import { isStopped, PartitionMachine } from './machine.ts';
import { type DestinationView, defaultPolicy, type PartitionAction, type TailVerdict } from './state.ts';
import { releasesOf, TestBatch } from './test-batch.ts';

const producerId = 1n << 62n;
const position = { producerId, epoch: 4, sequence: 10, isBehindHole: false };
const view: DestinationView = {
  leaderEpoch: 4,
  logStart: 0n,
  logEnd: 10n,
  highWatermark: 10n,
  tail: { baseOffset: 8n, lastOffset: 9n, producerId, isControl: false, isFiller: false },
  position,
  generation: 77,
  isClosed: false,
};
const agrees: TailVerdict = { kind: 'agrees', lastFetchedEpoch: 2, compared: true, sourceStart: 0n };

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

/** From Recovering to Mirroring. */
function again(seen: DestinationView = view, verdict: TailVerdict = agrees): void {
  machine.handle({ type: 'timer', round: machine.round });
  machine.handle({ type: 'destinationRead', round: machine.round, view: seen });
  machine.handle({ type: 'destinationRead', round: machine.round, view: seen });
  machine.handle({ type: 'tailCompared', round: machine.round, verdict });
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

describe('small batches', () => {
  const small = (offset: bigint): TestBatch => new TestBatch(offset, 1, { codec: 0 });

  it('go together when they queue up, with the memory of the originals given back at once', () => {
    mirroring();
    const batches = [10n, 11n, 12n].map(small);
    const [append] = fetch(...batches);
    expect(append).toMatchObject({
      type: 'append',
      append: { offset: 10n, isMerged: true, batch: { recordCount: 3 } },
    });
    expect(releasesOf(batches)).toEqual([1, 0, 1, 1]);
    acknowledge(10n);
    expect(machine.mirrorEnd).toBe(13n);
    expect(releasesOf(batches)).toEqual([1, 1, 1, 1]);
  });

  it('that wait are put together while the append before them is answered', () => {
    mirroring();
    expect(fetch(new TestBatch(10n, 1, { codec: 0, sizeBytes: 40_000 }))).toHaveLength(1);
    const batches = [11n, 12n, 13n].map(small);
    fetch(...batches);
    expect(machine.hasToPrepare).toBe(true);
    machine.prepare();
    expect(machine.hasToPrepare).toBe(false);
    expect(releasesOf(batches)).toEqual([1, 0, 1, 1]);
    expect(machine.flow).toMatchObject({ queuedBytes: 100, queue: [{ batch: { recordCount: 3 } }] });
    expect(acknowledge(10n)).toMatchObject([{ append: { offset: 11n, isMerged: true } }]);
    acknowledge(11n);
    expect(machine.mirrorEnd).toBe(14n);
    expect(releasesOf(batches)).toEqual([1, 1, 1, 1]);
    machine.prepare();
  });

  const squeezed = (offset: bigint) => new TestBatch(offset, 1, { codec: 4, sizeBytes: 100, togetherMax: 3 });

  it('that would be too large when they are read wait for the next turn, and nothing is lost', () => {
    mirroring();
    fetch(new TestBatch(10n, 1, { codec: 0, sizeBytes: 40_000 }));
    const batches = [11n, 12n, 13n, 14n, 15n, 16n, 17n].map(squeezed);
    fetch(...batches);
    machine.prepare();
    expect(machine.flow?.queue).toMatchObject(
      [3, 1, 1, 1, 1].map((recordCount) => ({ batch: { recordCount } })),
    );
    expect(machine.flow?.queuedBytes).toBe(500);
    expect(acknowledge(10n)).toMatchObject([{ append: { offset: 11n, batch: { recordCount: 3 } } }]);
    // What was put together goes as it is: to read it again is the same work once more.
    expect(acknowledge(11n)).toMatchObject([{ append: { offset: 14n, batch: { recordCount: 3 } } }]);
    expect(acknowledge(14n)).toMatchObject([{ append: { offset: 17n, batch: { recordCount: 1 } } }]);
    acknowledge(17n);
    expect(machine.mirrorEnd).toBe(18n);
    expect(releasesOf(batches).every((count) => count === 1)).toBe(true);
    expect(machine.flow?.queuedBytes).toBe(0);
  });

  it('of which not even two may go together go alone from then on', () => {
    mirroring();
    const batches = [10n, 11n, 12n, 13n, 14n, 15n, 16n, 17n, 18n].map(
      (offset) => new TestBatch(offset, 1, { codec: 4, sizeBytes: 100, togetherMax: 1 }),
    );
    expect(fetch(...batches)).toMatchObject([{ append: { offset: 10n, isMerged: false } }]);
    for (const offset of [10n, 11n, 12n, 13n, 14n, 15n, 16n, 17n, 18n]) acknowledge(offset);
    expect(machine.mirrorEnd).toBe(19n);
    expect(releasesOf(batches)).toEqual(batches.map(() => 1));
  });

  it('of which one can’t be read go alone: what is in front of it is copied, and the destination tells which', () => {
    mirroring();
    const batches = [10n, 11n, 12n].map(small);
    batches[0]!.mergeWith = () => {
      throw new Error('checksum');
    };
    expect(fetch(...batches)).toMatchObject([{ append: { offset: 10n, isMerged: false } }]);
    expect(machine.hasToPrepare).toBe(false);
    expect(acknowledge(10n)).toMatchObject([{ append: { offset: 11n, isMerged: false } }]);
    fetch(small(13n), small(14n));
    expect(acknowledge(11n)).toMatchObject([{ append: { offset: 12n, isMerged: false } }]);
    expect(acknowledge(12n)).toMatchObject([{ append: { offset: 13n, isMerged: true } }]);
    expect(releasesOf(batches)).toEqual([1, 1, 1]);
  });

  it('go alone after a broker refused them together', () => {
    mirroring();
    fetch(small(10n), small(11n));
    machine.handle({ type: 'appendRefused', round: machine.round, errorCode: 10, reason: 'too large' });
    expect(machine.state.name).toBe('Recovering');
    again();
    expect(fetch(small(10n), small(11n))[0]).toMatchObject({
      append: { isMerged: false, batch: { recordCount: 1 } },
    });
    machine.handle({ type: 'appendRefused', round: machine.round, errorCode: 10, reason: 'too large' });
    expect(machine.state.name).toBe('Blocked');
  });
});

it('batches that were put together before it saw them are asked for in smaller ones when they are refused', () => {
  mirroring();
  const refused = (sizeBytes: number): void => {
    expect(fetch(new TestBatch(10n, 900, { isMerged: true, sizeBytes }))[0]).toMatchObject({
      append: { isMerged: true },
    });
    machine.handle({ type: 'appendRefused', round: machine.round, errorCode: 10, reason: 'too large' });
    expect(machine.state.name).toBe('Recovering');
    again();
  };
  expect(machine.mergedBytesMax).toBe(512 * 1024);
  refused(500_000);
  expect(machine.mergedBytesMax).toBe(64 * 1024);
  refused(60_000);
  expect(machine.mergedBytesMax).toBe(0);
});

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

  it('can be filled with copies of the record behind it, in one batch with that', () => {
    machine = new PartitionMachine<TestBatch>({ ...defaultPolicy, compactionGaps: 'copies' });
    mirroring();
    const batch = new TestBatch(14n, 2);
    expect(fetch(batch)).toMatchObject([
      { type: 'append', append: { offset: 10n, isMerged: true, batch: { recordCount: 6 } } },
    ]);
    acknowledge(10n);
    expect(machine.mirrorEnd).toBe(16n);
    expect(releasesOf([batch])).toEqual([1, 1]);
  });

  it('that is long is filled with copies part by part', () => {
    machine = new PartitionMachine<TestBatch>({ ...defaultPolicy, compactionGaps: 'copies' });
    mirroring();
    const batch = new TestBatch(12_010n, 2);
    const parts = [fetch(batch), acknowledge(10n), acknowledge(10_010n)].map(([action]) => action);
    expect(parts).toMatchObject([
      { append: { offset: 10n, batch: { recordCount: 10_000 } } },
      { append: { offset: 10_010n, batch: { recordCount: 2_000 } } },
      { append: { offset: 12_010n, identity: { epoch: 4, sequence: 12_010 }, batch: { recordCount: 2 } } },
    ]);
    acknowledge(12_010n);
    expect(releasesOf([batch])).toEqual([1, 1, 1, 1]);
  });
});

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
    machine = new PartitionMachine<TestBatch>({ ...defaultPolicy, retentionOvertook: 'jump' });
    const emptied = { ...view, logStart: 10n, tail: null };
    expect(compared(emptied, startsAt(30n))).toMatchObject([
      { type: 'appendFiller', filler: { offset: 10n, count: 20 } },
    ]);
    expect(machine.sourceLostCount).toBe(20n);
  });

  it('is counted once, however often the partition starts again before its hole is done', () => {
    machine = new PartitionMachine<TestBatch>({ ...defaultPolicy, retentionOvertook: 'jump' });
    compared(view, startsAt(30n));
    machine.handle({ type: 'sourceChanged', reason: 'another leader' });
    again(view, startsAt(30n));
    expect(machine.sourceLostCount).toBe(20n);
    machine.handle({ type: 'sourceChanged', reason: 'another leader' });
    again(view, startsAt(33n));
    expect(machine.sourceLostCount).toBe(23n);
  });

  it('becomes a hole where the user wants to go on', () => {
    machine = new PartitionMachine<TestBatch>({ ...defaultPolicy, retentionOvertook: 'jump' });
    expect(compared(view, startsAt(30n))).toMatchObject([
      { type: 'startFetching', offset: 30n },
      { type: 'pause', kind: 'claim' },
    ]);
    expect(machine.sourceLostCount).toBe(20n);
    expect(machine.flow?.hole).toMatchObject({ end: 30n });
  });
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
    machine = new PartitionMachine<TestBatch>(defaultPolicy, tag);
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
    machine = new PartitionMachine<TestBatch>(defaultPolicy, tag);
    mirroring();
    expect(types(fetch(batch(10n, others, { isControl: true })))).toEqual(['pause']);
  });

  it('are welcome where the direction turned', () => {
    machine = new PartitionMachine<TestBatch>();
    mirroring();
    expect(types(fetch(batch(10n, own)))).toEqual(['append']);
  });

  it('hold up no stop', () => {
    fetch(batch(10n, own));
    machine.handle({ type: 'stop' });
    expect(machine.state.name).toBe('Stopped');
    expect(returns()).toEqual([]);
    machine = new PartitionMachine<TestBatch>(defaultPolicy, tag);
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
