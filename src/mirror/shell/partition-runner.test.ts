// The shell between a reader and a partition's machine, with a reader that is driven by hand: answers that come late,
// and brokers that answer errors as fast as they are asked.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BatchView, encodeBatch } from '../../records/index.ts';
import type { DestinationView } from '../partition/state.ts';
import type { AppendJob } from './destination-writer.ts';
import type { FetchPosition } from './fetch-session.ts';
import { FrameLease, LeasedBatch } from './leased-batch.ts';
import { PartitionRunner, type PartitionServices } from './partition-runner.ts';
import type { FetchTarget } from './source-reader.ts';

const producerId = 1n << 62n;
const log = { topic: 'orders', topicId: 'id', partition: 0, leader: 1, leaderEpoch: 3 };
const ends = { highWatermark: 100n, lastStableOffset: 100n, logStart: 0n };

let logEnd: bigint;
let jobs: AppendJob[];
let target: FetchTarget | null;
let heldFrames: number;
let isLed: boolean;
let runner: PartitionRunner;

function view(): DestinationView {
  const identity = { producerId, epoch: 0, sequence: Number(logEnd) };
  return { leaderEpoch: 3, logStart: 0n, logEnd, highWatermark: logEnd, tail: null, identity };
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
  const reader = {
    add: (_key: string, added: FetchTarget) => {
      target = added;
    },
    remove: () => {
      target = null;
    },
    wake: () => {},
  };
  const services = {
    sourceLog: () => (isLed ? log : null),
    destinationLog: () => log,
    reader: () => reader,
    writer: () => ({ append: (job: AppendJob) => jobs.push(job) }),
    inspector: { read: async () => ({ view: view(), tail: null }) },
    comparer: { compare: async () => ({ kind: 'agrees', lastFetchedEpoch: -1, compared: false }) },
    refreshMetadata: () => {},
    pauseMs: () => 20,
    nowMs: Date.now,
  } as unknown as PartitionServices;
  runner = new PartitionRunner(log, services);
  runner.begin();
});

afterEach(() => runner.stop());

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
  target!.onFetched(asked, [], { highWatermark: 30n, lastStableOffset: 0n, logStart: 0n });
  const reason = '30 offsets from 0 on wait for a transaction that is open at the source';
  expect(runner.status()).toMatchObject({ state: 'Mirroring', lagRecords: 0n, reason });
  target!.onFetched(asked, [], { highWatermark: 30n, lastStableOffset: 30n, logStart: 0n });
  expect(runner.status().reason).toBeNull();
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
