// The shell between a reader and a partition's machine, with a reader that is driven by hand: answers that come late,
// and brokers that answer errors as fast as they are asked.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BatchView, encodeBatch } from '../../records/index.ts';
import { type DestinationView, defaultPolicy, type TailVerdict } from '../partition/state.ts';
import type { AppendJob, AppendOutcome } from './destination-writer.ts';
import type { FetchPosition } from './fetch-session.ts';
import type { FetchTarget } from './fetch-target.ts';
import type { HoleJob } from './hole-writer.ts';
import { FrameLease, LeasedBatch } from './leased-batch.ts';
import { PartitionRunner } from './partition-runner.ts';
import type { PartitionServices } from './partition-services.ts';
import type { PartitionStart } from './partition-start.ts';
import { QueueShares } from './queue-shares.ts';
import { ReadLimit } from './read-limit.ts';

const producerId = 1n << 62n;
const log = { topic: 'orders', topicId: 'id', partition: 0, leader: 1, leaderEpoch: 3 };
const ends = { highWatermark: 100n, lastStableOffset: 100n, logStart: 0n, isAnswerEmpty: true };

let logEnd: bigint;
let jobs: AppendJob[];
let target: FetchTarget | null;
let heldFrames: number;
let isLed: boolean;
let skewMs: number;
let leaderEpoch: number;
let sourceEpoch: number;
let sourceLeader: number;
/** The same object while it is led as before. */
let sourceLog: typeof log;
/** The broker whose reader was taken last. */
let readBy: number | null;
let holes: HoleJob[];
let readerAnsweredAtMs: number | null;
let verdict: TailVerdict;
let fillers: ((outcome: AppendOutcome) => void)[];
let cuts: ((logStart: bigint) => void)[];
let runner: PartitionRunner;
let newRunner: (placement?: PartitionStart) => PartitionRunner;
/** Whether the topic's name has grown by a lap. */
let isGrown: boolean;
let returnsAsked: number;
let pauses: string[];
let limit: ReadLimit;
let limitMs: number;
let queueShares: QueueShares;
let wakes: number;

function view(): DestinationView {
  const position = { producerId, epoch: 0, sequence: Number(logEnd), isBehindHole: false };
  const ends = { leaderEpoch, logStart: 0n, logEnd, highWatermark: logEnd };
  return { ...ends, tail: null, position, generation: 1, isClosed: false };
}

function batch(baseOffset: bigint, recordCount: number, leaderEpoch = 3): LeasedBatch {
  const records = Array.from({ length: recordCount }, (_, index) => ({
    offset: baseOffset + BigInt(index),
    timestamp: 1n,
    key: null,
    value: Buffer.from('value'),
    headers: [],
  }));
  heldFrames += 1;
  const lease = new FrameLease(() => {
    heldFrames -= 1;
  });
  const bytes = encodeBatch(records, { compression: 'none', baseOffset, partitionLeaderEpoch: leaderEpoch });
  const leased = new LeasedBatch(new BatchView(bytes, 0), lease);
  lease.release();
  return leased;
}

async function reachesMirroring(): Promise<FetchPosition> {
  await vi.waitFor(() => expect(runner.status().state).toBe('Mirroring'), { interval: 1 });
  return target!.position()!;
}

beforeEach(() => {
  logEnd = 0n;
  jobs = [];
  target = null;
  heldFrames = 0;
  isLed = true;
  skewMs = 0;
  leaderEpoch = 3;
  sourceEpoch = 3;
  sourceLeader = 1;
  sourceLog = log;
  readBy = null;
  holes = [];
  verdict = { kind: 'agrees', lastFetchedEpoch: -1, compared: false, sourceStart: 0n };
  fillers = [];
  cuts = [];
  pauses = [];
  isGrown = false;
  returnsAsked = 0;
  readerAnsweredAtMs = null;
  const reader = {
    answeredAtMs: () => readerAnsweredAtMs,
    add: (_key: string, added: FetchTarget) => {
      target = added;
    },
    remove: () => {
      target = null;
    },
    wake: () => {
      wakes += 1;
    },
  };
  limitMs = 0;
  wakes = 0;
  limit = new ReadLimit(() => limitMs);
  // One that catches up has a byte, with markers ahead of it.
  queueShares = new QueueShares({ budget: { bytesMax: 2 }, fetchResponseBytesMax: 0, fetchBytesMax: 1 });
  const services = {
    sourceLog: () => {
      if (!isLed) return null;
      const isSame = sourceLog.leaderEpoch === sourceEpoch && sourceLog.leader === sourceLeader;
      if (!isSame) sourceLog = { ...log, leader: sourceLeader, leaderEpoch: sourceEpoch };
      return sourceLog;
    },
    lifeOf: (incarnation: number) => ({ producerId: 1n << 62n, incarnation }),
    destinationLog: () => ({ ...log, leaderEpoch }),
    holeWriter: () => ({ write: (job: HoleJob) => holes.push(job) }),
    reader: (broker: number) => {
      readBy = broker;
      return reader;
    },
    writer: () => ({ append: (job: AppendJob) => jobs.push(job) }),
    inspector: { read: async () => ({ view: view(), tail: null }), readEnds: async () => view() },
    comparer: {
      compare: async () => verdict,
    },
    guardStart: async () => {},
    appendFiller: (_log: unknown, _filler: unknown, onOutcome: (outcome: AppendOutcome) => void) =>
      fillers.push(onOutcome),
    cutStart: () => new Promise((resolve) => cuts.push(resolve)),
    refreshMetadata: () => {},
    pauseMs: (kind: string) => {
      pauses.push(kind);
      return 20;
    },
    nowMs: () => Date.now() + skewMs,
    monotonicMs: () => Date.now() + skewMs,
    policy: defaultPolicy,
    limit,
    queueShares,
    returning: {
      ownTag: 1n,
      isGrown: () => isGrown,
      ask: async () => {
        returnsAsked += 1;
        return { kind: 'passes', until: null };
      },
    },
  } as unknown as PartitionServices;
  newRunner = (placement) => new PartitionRunner(log, services, placement);
  runner = newRunner();
  runner.begin();
});

afterEach(async () => {
  const stopped = runner.stop();
  for (const job of [...jobs, ...holes]) job.onOutcome({ kind: 'unknown', reason: 'the test ends' });
  await stopped;
});

describe('where the source is led', () => {
  it('does nothing while it is led as before: thousands are told that metadata is new', async () => {
    await reachesMirroring();
    readBy = null;
    const before = wakes;
    runner.followLeaders();
    expect([readBy, wakes]).toEqual([null, before]);
  });

  it('reads by the broker that leads now', async () => {
    await reachesMirroring();
    sourceLeader = 2;
    sourceEpoch = 4;
    expect(target!.position()).toBeNull();
    runner.followLeaders();
    expect(readBy).toBe(2);
    expect(target!.position()).toMatchObject({ leaderEpoch: 4 });
  });

  it('asks with the new epoch where the same broker was elected again', async () => {
    await reachesMirroring();
    sourceEpoch = 4;
    const before = wakes;
    runner.followLeaders();
    expect(wakes).toBe(before + 1);
    expect(target!.position()).toMatchObject({ leaderEpoch: 4 });
  });

  it('reads again when somebody leads it that nobody led', async () => {
    isLed = false;
    await vi.waitFor(() => expect(runner.status().state).not.toBe('Mirroring'), { interval: 1 });
    isLed = true;
    runner.followLeaders();
    await reachesMirroring();
    expect(readBy).toBe(1);
  });
});

describe('a queue with markers', () => {
  /** A record, a hole, a record, a hole ... */
  const pairs = () => Array.from({ length: 6 }, (_, index) => batch(BigInt(index * 2), 1));

  it('is full at its share while its partition catches up, and reads again when it starts anew', async () => {
    const asked = await reachesMirroring();
    target!.onFetched(asked, pairs(), ends);
    expect(target!.isFull).toBe(true);
    expect(target!.position()).toBeNull();
    const reading = target!;
    await Promise.all([runner.stop(), jobs[0]!.onOutcome({ kind: 'unknown', reason: 'closed' })]);
    expect(reading.isFull).toBe(false);
    expect(queueShares.isEnough({ queuedBytes: 2, queue: Array(4).fill({ kind: 'hole' }) })).toBe(false);
  });

  it('has its share no more once its partition has stopped over what came', async () => {
    const asked = await reachesMirroring();
    const old = batch(0n, 1);
    Object.assign(old, { magic: 1 });
    target!.onFetched(asked, [old], ends);
    expect(runner.status().state).toBe('OldRecordFormat');
    expect(queueShares.isEnough({ queuedBytes: 2, queue: Array(4).fill({ kind: 'hole' }) })).toBe(false);
  });

  it('goes on reading at the end of the log, where it shares with nobody', async () => {
    const asked = await reachesMirroring();
    target!.onFetched(asked, pairs(), { ...ends, lastStableOffset: 11n });
    expect(target!.isFull).toBe(false);
    expect(target!.position()).toMatchObject({ offset: 11n });
  });
});

describe('one worker behind the other', () => {
  it('tells how it left the mirror, and the next one begins there without settling', async () => {
    await reachesMirroring();
    expect(pauses).toEqual(['settle']);
    await runner.stop();
    expect(runner.left).toEqual({ topicId: 'id', leaderEpoch: 3, logEnd: 0n });
    pauses = [];
    const { left } = runner;
    runner = newRunner();
    runner.begin(left);
    await reachesMirroring();
    expect(pauses).toEqual([]);
  });

  it('settles where the mirror is another topic now', async () => {
    await reachesMirroring();
    await runner.stop();
    pauses = [];
    const { left } = runner;
    runner = newRunner();
    runner.begin({ ...left!, topicId: 'another' });
    await reachesMirroring();
    expect(pauses).toEqual(['settle']);
  });

  it('tells nothing while an append of before may still be carried out', async () => {
    const asked = await reachesMirroring();
    target!.onFetched(asked, [batch(0n, 2)], ends);
    // Not waited for any more: everything starts again.
    target!.onReaderTrouble('the source is away');
    target!.onFetched(target!.position()!, [batch(2n, 1)], ends);
    await vi.waitFor(() => expect(runner.status().state).toBe('Settling'), { interval: 1 });
    await reachesMirroring();
    await runner.stop();
    expect(runner.left).toBeNull();
    jobs[0]!.onOutcome({ kind: 'appended', baseOffset: 0n, logAppendTimeMs: -1n });
    expect(runner.left).not.toBeNull();
    jobs = [];
  });
});

describe('the status of an idle partition', () => {
  it('is the one before, with the newest time of an answer, until something happens', async () => {
    const asked = await reachesMirroring();
    target!.onFetched(asked, [], { ...ends, lastStableOffset: 0n, highWatermark: 0n });
    const idle = runner.status();
    expect(idle).toMatchObject({ state: 'Mirroring', lagRecords: 0n });
    readerAnsweredAtMs = Date.now() + 5_000;
    expect(runner.status()).toBe(idle);
    expect(runner.status().lastFetchAtMs).toBe(readerAnsweredAtMs);
    expect(runner.isQuiet).toBe(true);
    target!.onFetched(asked, [], { ...ends, lastStableOffset: 0n, highWatermark: 3n });
    expect(runner.isQuiet).toBe(false);
    expect(runner.status()).toMatchObject({ undecided: { highWatermark: 3n } });
    // Questions about the transaction go on, whatever is heard of it.
    expect(runner.isQuiet).toBe(false);
    target!.onFetched(asked, [], { ...ends, lastStableOffset: 3n, highWatermark: 3n });
    expect(runner.status()).toMatchObject({ sourceEnd: 3n, lagRecords: 3n });
  });

  it.each<[string, () => void, { reason: string } | { sourceEnd: null }]>([
    [
      'the source has no leader',
      () => (isLed = false),
      { reason: 'the partition has no leader at the source' },
    ],
    ['the source is away', () => target!.onReaderTrouble('away'), { reason: 'reading: away' }],
  ])('is another one as soon as %s', async (_what, happens, expected) => {
    const asked = await reachesMirroring();
    target!.onFetched(asked, [], { ...ends, lastStableOffset: 0n, highWatermark: 0n });
    expect(runner.status()).toBe(runner.status());
    happens();
    expect(runner.status()).toMatchObject({ state: 'Mirroring', ...expected });
  });
});

describe('records of a topic whose name has grown by a lap', () => {
  it.each<[string, { placement: PartitionStart; isGrown?: boolean; asked: number }]>([
    ['are asked about once', { placement: {}, asked: 1 }],
    ['are not asked about where it has not', { placement: {}, isGrown: false, asked: 0 }],
    ['may come back where roles say so', { placement: { mayReturn: true }, asked: 0 }],
    ['may come back in a later life', { placement: { incarnation: 1 }, asked: 0 }],
    [
      'are asked about in the life that began as a copy of another tool',
      { placement: { incarnation: 1, witness: null }, asked: 1 },
    ],
  ])('%s', async (_name, { placement, asked, ...more }) => {
    await runner.stop();
    isGrown = more.isGrown ?? true;
    runner = newRunner(placement);
    runner.begin();
    const asks = await reachesMirroring();
    target!.onFetched(asks, [batch(0n, 1)], ends);
    // What is asked about is fetched again behind the answer.
    if (asked > 0) {
      await vi.waitFor(() => expect(target?.position() ?? null).not.toBeNull(), { interval: 1 });
      target!.onFetched(target!.position()!, [batch(0n, 1)], ends);
    }
    await vi.waitFor(() => expect(jobs).toHaveLength(1), { interval: 1 });
    expect(returnsAsked).toBe(asked);
  });
});

describe('a link with a limit in bytes a second', () => {
  /** Somebody has waited for it for more than two seconds. */
  function hold(): void {
    limit.set({ bytesPerSecondMax: 2048, share: 0.5 });
    limit.spend({ bytes: 1_000_000, behindBytes: 0 });
    for (limitMs = 1_000; limitMs <= 4_000; limitMs += 1_000)
      limit.plan(limit, { hasLive: true, hasBehind: true, answerBytesMax: 1 });
    limitMs = 4_000;
  }

  /** One batch comes and is appended. */
  function copies(from: bigint, count: number, sourceEnd: bigint): void {
    const to = { ...ends, highWatermark: sourceEnd, lastStableOffset: sourceEnd };
    target!.onFetched(target!.position()!, [batch(from, count)], to);
    jobs.shift()!.onOutcome({ kind: 'appended', baseOffset: from, logAppendTimeMs: -1n });
  }

  it('reads first who was at the end of its log a moment ago', async () => {
    await reachesMirroring();
    expect(target!.isLive).toBe(false);
    copies(0n, 40, 100n);
    expect(target!.isLive).toBe(false);
    copies(40n, 60, 100n);
    expect(target!.isLive).toBe(true);
    skewMs += 60_000;
    expect(target!.isLive).toBe(true);
    copies(100n, 1, 500n);
    expect(target!.isLive).toBe(false);
    copies(101n, 399, 500n);
    copies(500n, 1, 900n);
    expect(target!.isLive).toBe(true);
    skewMs += 10_000;
    expect(target!.isLive).toBe(false);
  });

  it('says why a partition lags, and only of one that does', async () => {
    const asked = await reachesMirroring();
    hold();
    target!.onFetched(asked, [batch(0n, 40)], ends);
    expect(runner.status()).toMatchObject({
      state: 'Mirroring',
      isHeldBack: true,
      reason:
        'held back by the limit of the link: bytesPerSecondMax is 2.0 KiB/s (1.0 KiB/s of it for this agent)',
    });
    target!.onFetched(target!.position()!, [batch(40n, 60)], ends);
    expect(runner.status().reason).toBeNull();
    expect(runner.status().isHeldBack).toBeUndefined();
  });

  it('does not know where the source ends when the limit has kept it from asking for long', async () => {
    const asked = await reachesMirroring();
    target!.onFetched(asked, [batch(0n, 40)], ends);
    jobs.shift()!.onOutcome({ kind: 'appended', baseOffset: 0n, logAppendTimeMs: -1n });
    expect(runner.status().lagRecords).toBe(60n);
    skewMs += 6_000;
    expect(runner.status().lagRecords).toBe(60n);
    hold();
    expect(runner.status().lagRecords).toBeNull();
  });
});

describe('where a partition wants to be read', () => {
  it('is told with one object while it stays', async () => {
    const asked = await reachesMirroring();
    expect(target!.position()).toBe(asked);
  });

  it('is told anew after records, under another leader, and after another comparison', async () => {
    const asked = await reachesMirroring();
    sourceEpoch = 4;
    expect(target!.position()).toEqual({ ...asked, leaderEpoch: 4 });
    sourceEpoch = 3;
    expect(target!.position()).toEqual(asked);
    verdict = { kind: 'agrees', lastFetchedEpoch: 2, compared: false, sourceStart: 0n };
    target!.onReaderTrouble('the source is away');
    target!.onFetched(asked, [], ends);
    await vi.waitFor(() => expect(target).toBeNull(), { interval: 1 });
    const again = await reachesMirroring();
    expect(again).toEqual({ ...asked, lastFetchedEpoch: 2 });
    target!.onFetched(again, [batch(0n, 10, 2)], ends);
    expect(target!.position()).toEqual({ ...again, offset: 10n });
  });
});

describe('a stop', () => {
  /** Whether a stop that is asked for now is over before what is under way is answered. */
  async function stopsBefore(answer: () => void): Promise<boolean> {
    let isOver = false;
    const stopping = runner.stop().then(() => {
      isOver = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    const wasOver = isOver;
    answer();
    await stopping;
    return wasOver;
  }

  it('waits for the append that is under way', async () => {
    const asked = await reachesMirroring();
    target!.onFetched(asked, [batch(0n, 10)], ends);
    const answered = { kind: 'unknown', reason: 'late' } as const;
    expect(await stopsBefore(() => jobs[0]!.onOutcome(answered))).toBe(false);
    expect(heldFrames).toBe(0);
  });

  it('waits for a filler, and cuts nothing afterwards', async () => {
    verdict = { kind: 'sourceStartsAfter', sourceStart: 10n };
    await vi.waitFor(() => expect(fillers).toHaveLength(1), { interval: 1 });
    const appended = { kind: 'appended', baseOffset: 0n, logAppendTimeMs: -1n } as AppendOutcome;
    expect(await stopsBefore(() => fillers[0]!(appended))).toBe(false);
    expect(cuts).toEqual([]);
  });

  it('waits for a cut', async () => {
    verdict = { kind: 'sourceStartsAfter', sourceStart: 10n };
    await vi.waitFor(() => expect(fillers).toHaveLength(1), { interval: 1 });
    fillers[0]!({ kind: 'appended', baseOffset: 0n, logAppendTimeMs: -1n } as AppendOutcome);
    await vi.waitFor(() => expect(cuts).toHaveLength(1), { interval: 1 });
    expect(await stopsBefore(() => cuts[0]!(10n))).toBe(false);
    expect(runner.status().state).toBe('Stopped');
  });

  it('waits for nothing where nothing is under way', async () => {
    await reachesMirroring();
    expect(await stopsBefore(() => {})).toBe(true);
  });
});

describe('answers that come late', () => {
  it('takes no answer to a position from before it started again', async () => {
    const first = await reachesMirroring();
    target!.onFetched(first, [batch(0n, 10), batch(10n, 10)], ends);
    const late = target!.position()!;
    expect(late.offset).toBe(20n);
    // The first append is lost with its connection; the partition starts again at 0 while the fetch at 20 travels.
    jobs[0]!.onOutcome({ kind: 'unknown', reason: 'the connection broke' });
    expect(runner.status().state).toBe('Recovering');
    const again = await reachesMirroring();
    expect(again.offset).toBe(0n);
    target!.onFetched(late, [batch(20n, 5)], ends);
    target!.onDiverging(late, { epoch: 2, endOffset: 0n });
    target!.onFetchError(late, 1);
    expect(runner.status()).toMatchObject({ state: 'Mirroring', reason: null });
    expect(target!.position()).toEqual(again);
    await runner.stop();
    expect(heldFrames).toBe(0);
  });
});

it('says that records wait for an open transaction, which no lag shows', async () => {
  const asked = await reachesMirroring();
  target!.onFetched(asked, [], { ...ends, highWatermark: 30n, lastStableOffset: 0n });
  expect(runner.status()).toMatchObject({ state: 'Mirroring', lagRecords: 0n });
  skewMs = 5_000;
  const reason = '30 offsets from 0 on wait for a transaction that is open at the source';
  expect(runner.status()).toMatchObject({ state: 'WaitingForTransaction', lagRecords: 0n, reason });
  target!.onFetched(asked, [], { ...ends, highWatermark: 30n, lastStableOffset: 30n });
  expect(runner.status()).toMatchObject({ state: 'Mirroring', reason: null });
});

it('says that it waits where the source answers with nothing below its end', async () => {
  const asked = await reachesMirroring();
  // An answer that was full of others' records proves nothing.
  target!.onFetched(asked, [], { ...ends, isAnswerEmpty: false });
  skewMs = 3_000;
  expect(runner.status().state).toBe('Mirroring');
  target!.onFetched(asked, [], ends);
  expect(runner.status().state).toBe('Mirroring');
  skewMs = 6_000;
  const reason = expect.stringContaining('from 0 on, and ends at 100');
  expect(runner.status()).toMatchObject({ state: 'WaitingAtHole', reason });
  target!.onFetched(asked, [batch(0n, 100)], ends);
  expect(runner.status().state).toBe('Mirroring');
});

describe('a mirror that is led by another broker now', () => {
  it('is looked at again before anything is appended', async () => {
    const asked = await reachesMirroring();
    leaderEpoch = 4;
    target!.onFetched(asked, [batch(0n, 10)], ends);
    const reason = 'the mirror’s leader epoch was 3 and is 4: looking again';
    expect(runner.status()).toMatchObject({ state: 'Recovering', reason });
    expect({ appended: jobs.length, heldFrames }).toEqual({ appended: 0, heldFrames: 0 });
    const again = await reachesMirroring();
    target!.onFetched(again, [batch(0n, 10)], ends);
    expect(jobs).toHaveLength(1);
  });
});

/** A batch of the source that becomes a hole. */
function markerBatch(): LeasedBatch {
  const marker = {
    offset: 0n,
    timestamp: 1n,
    key: Buffer.from([0, 0, 0, 1]),
    value: Buffer.alloc(6),
    headers: [],
  };
  const bytes = encodeBatch([marker], {
    producerId: 5n,
    producerEpoch: 0,
    isControl: true,
    isTransactional: true,
  });
  return new LeasedBatch(new BatchView(bytes, 0), new FrameLease(() => {}));
}

describe('a claim', () => {
  it('is worth nothing once the look before it is old', async () => {
    const asked = await reachesMirroring();
    target!.onFetched(asked, [markerBatch()], ends);
    expect(runner.status().state).toBe('ClaimingHole');
    await vi.waitFor(() => expect(holes).toHaveLength(1), { interval: 1 });
    expect(holes[0]!.isFresh?.()).toBe(true);
    skewMs = 1_000;
    expect(holes[0]!.isFresh?.()).toBe(false);
    holes[0]!.onOutcome({ kind: 'notSent', reason: 'too old' });
    await vi.waitFor(() => expect(holes).toHaveLength(2), { interval: 1 });
    expect(holes[1]!.isFresh?.()).toBe(true);
  });
});

it('is read on behind a hole that took long, although nothing waits behind it: its reader may sleep', async () => {
  const asked = await reachesMirroring();
  target!.onFetched(asked, [markerBatch()], ends);
  await vi.waitFor(() => expect(holes).toHaveLength(1), { interval: 1 });
  skewMs = 2_000;
  expect(target!.position()).toBeNull();
  wakes = 0;
  logEnd = 1n;
  holes[0]!.onOutcome({ kind: 'answered', errorCode: 0, reason: '' });
  await vi.waitFor(() => expect(runner.status().holeOffsetsCount).toBe(1n), { interval: 1 });
  expect(target!.position()?.offset).toBe(1n);
  expect(wakes).toBeGreaterThan(0);
});

describe('a source that may hold another log now', () => {
  it('is compared again before what it sends is appended, after its connection was lost', async () => {
    const asked = await reachesMirroring();
    target!.onReaderTrouble('connection reset');
    target!.onFetched(asked, [batch(0n, 10)], ends);
    expect(runner.status().state).toBe('Recovering');
    expect({ appended: jobs.length, heldFrames }).toEqual({ appended: 0, heldFrames: 0 });
    const again = await reachesMirroring();
    target!.onFetched(again, [batch(0n, 10)], ends);
    expect(jobs).toHaveLength(1);
  });

  it('is compared again when its leader epoch has changed', async () => {
    const asked = await reachesMirroring();
    target!.onFetched({ ...asked, leaderEpoch: 4 }, [batch(0n, 10)], ends);
    const reason = 'the source’s leader epoch was 3 and is 4: comparing again';
    expect(runner.status()).toMatchObject({ state: 'Recovering', reason });
    expect({ appended: jobs.length, heldFrames }).toEqual({ appended: 0, heldFrames: 0 });
  });
});

it('does not claim to know the lag while nothing is heard from the source', async () => {
  const asked = await reachesMirroring();
  target!.onFetched(asked, [], ends);
  expect(runner.status().lagRecords).toBe(100n);
  target!.onReaderTrouble('the broker is down');
  expect(runner.status()).toMatchObject({
    lagRecords: null,
    sourceEnd: null,
    reason: 'reading: the broker is down',
  });
  target!.onFetched(asked, [], ends);
  await vi.waitFor(() => expect(runner.status().state).toBe('Mirroring'), { interval: 1 });
  expect(runner.status()).toMatchObject({ lagRecords: 100n, reason: null });
  isLed = false;
  const reason = 'the partition has no leader at the source';
  expect(runner.status()).toMatchObject({ lagRecords: null, reason });
});

describe('fetch errors', () => {
  it('pauses after each, so that the broker is not asked as fast as it answers', async () => {
    const asked = await reachesMirroring();
    target!.onFetchError(asked, 6);
    expect(target!.position()).toBeNull();
    expect(target!.isFull).toBe(false);
    await vi.waitFor(() => expect(target!.position()).toEqual(asked), { interval: 1 });
  });

  it('shows a source that can’t read its log, instead of waiting in Mirroring', async () => {
    const asked = await reachesMirroring();
    target!.onFetchError(asked, 56);
    expect(runner.status()).toMatchObject({ state: 'Recovering', reason: 'KAFKA_STORAGE_ERROR' });
    const again = await reachesMirroring();
    target!.onUnreadable(again, 'batch length 7 is impossible');
    expect(runner.status()).toMatchObject({ state: 'Recovering', reason: 'batch length 7 is impossible' });
  });
});

describe('what metrics are made of', () => {
  it('counts what was appended, and errors by kind', async () => {
    const asked = await reachesMirroring();
    target!.onFetched(asked, [batch(0n, 10)], ends);
    jobs[0]!.onOutcome({ kind: 'appended', baseOffset: 0n, logAppendTimeMs: -1n });
    expect(runner.status()).toMatchObject({ recordsMirrored: 10, batchesMirrored: 1 });
    expect(runner.status().bytesMirrored).toBeGreaterThan(0);
    target!.onFetchError({ ...asked, offset: 10n }, 6);
    target!.onReaderTrouble('connection reset');
    expect(runner.status().errorCounts).toMatchObject({
      fetchRefused: 1,
      sourceUnreachable: 1,
      appendRefused: 0,
    });
  });

  it('knows since when a transaction holds it up, not since when the source was quiet', async () => {
    const asked = await reachesMirroring();
    target!.onFetched(asked, [], ends);
    skewMs = 60_000;
    expect(runner.status().openTransactionSinceMs).toBeNull();
    target!.onFetched(asked, [], { ...ends, highWatermark: 101n });
    const sinceMs = runner.status().openTransactionSinceMs!;
    expect(sinceMs).toBeGreaterThanOrEqual(runner.status().lastFetchAtMs!);
    skewMs = 70_000;
    target!.onFetched(asked, [], { ...ends, highWatermark: 102n });
    expect(runner.status().openTransactionSinceMs).toBe(sinceMs);
    target!.onFetched(asked, [], { ...ends, highWatermark: 102n, lastStableOffset: 102n });
    expect(runner.status().openTransactionSinceMs).toBeNull();
  });

  it('was fetched last when the session was answered, though it had no news', async () => {
    const asked = await reachesMirroring();
    target!.onFetched(asked, [], ends);
    const fetchedAtMs = runner.status().lastFetchAtMs!;
    readerAnsweredAtMs = fetchedAtMs + 5_000;
    expect(runner.status().lastFetchAtMs).toBe(fetchedAtMs + 5_000);
    // Another reader, which has not answered yet.
    readerAnsweredAtMs = null;
    expect(runner.status().lastFetchAtMs).toBe(fetchedAtMs + 5_000);
    // Who promotes now is told when the source was seen, which was then; what is answered from now on is not for this partition.
    target!.onReaderTrouble('connection reset');
    readerAnsweredAtMs = fetchedAtMs + 9_000;
    expect(runner.status().lastFetchAtMs).toBe(fetchedAtMs + 5_000);
  });
});
