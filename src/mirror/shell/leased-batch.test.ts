import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  BatchView,
  type EncodeOptions,
  encodeBatch,
  type RecordView,
  readRecords,
  rewriteHeader,
  verifyChecksum,
} from '../../records/index.ts';
import { type BatchFacts, FrameLease, LeasedBatch } from './leased-batch.ts';
import { MemoryBudget } from './memory-budget.ts';

const frameBytes = 1000;
/** Node takes small buffers from pools of this size. */
const poolBytes = 64 * 1024;

class Frame {
  readonly budget = new MemoryBudget({ bytesMax: 10_000 });
  readonly #lease: FrameLease;

  constructor() {
    this.budget.take(frameBytes);
    this.#lease = new FrameLease(() => this.budget.giveBack(frameBytes), this.budget);
  }

  batch(offsets: readonly number[], options: EncodeOptions = {}, facts: BatchFacts = {}): LeasedBatch {
    return new LeasedBatch(new BatchView(encodeBatch(offsets.map(record), options), 0), this.#lease, facts);
  }

  ofRecord(one: RecordView, options: EncodeOptions): LeasedBatch {
    return new LeasedBatch(new BatchView(encodeBatch([one], options), 0), this.#lease);
  }

  /** The reader has cut the frame. */
  close(): void {
    this.#lease.release();
  }
}

function record(offset: number): RecordView {
  const value = Buffer.from(`value ${offset}`);
  return { offset: BigInt(offset), timestamp: BigInt(1000 + offset), key: null, value, headers: [] };
}

function content(batch: LeasedBatch): string[] {
  expect(verifyChecksum(batch.view)).toBe(true);
  return Array.from(
    readRecords(batch.view),
    ({ offset, timestamp, value }) => `${offset}@${timestamp} ${value}`,
  );
}

const spans = (batches: readonly LeasedBatch[]) =>
  batches.map(({ baseOffset, lastOffset }) => [baseOffset, lastOffset].map(Number));

describe('a batch that cannot be appended as it is', () => {
  it('becomes the runs of its records from an offset on, all in the offsets of the mirror', () => {
    const frame = new Frame();
    const batch = frame.batch([101, 102, 105, 106, 109], { lastOffset: 111n }, { shift: 100n });
    expect([batch.baseOffset, batch.lastOffset]).toEqual([1n, 11n]);
    const made = batch.reshape(2n, 100);
    expect(spans(made)).toEqual([
      [2, 2],
      [5, 6],
      [9, 9],
    ]);
    expect(made.flatMap(content)).toEqual(
      [102, 105, 106, 109].map((offset) => `${offset}@${1000 + offset} value ${offset}`),
    );
    const filled = batch.withoutGaps(3n, [], 1_000_000)!;
    expect(spans([filled])).toEqual([[3, 9]]);
    expect(content(filled).slice(0, 3)).toEqual([
      '103@1105 value 105',
      '104@1105 value 105',
      '105@1105 value 105',
    ]);
  });

  it('takes the time of the append for all records of a LogAppendTime batch', () => {
    const batch = new Frame().batch([7, 8], { timestampType: 'LogAppendTime', maxTimestamp: 5000n });
    const [made] = batch.reshape(0n, 100);
    expect([made!.timestampType, made!.maxTimestamp]).toEqual(['CreateTime', 5000n]);
    expect(content(made!)).toEqual(['7@5000 value 7', '8@5000 value 8']);
  });

  it('becomes no more than so many of them, in memory of their size', () => {
    for (const compression of ['none', 'zstd'] as const) {
      const frame = new Frame();
      const offsets = Array.from({ length: 10_000 }, (_, index) => 1 + index * 2);
      const batch = frame.batch(offsets, { compression });
      const made = batch.reshape(5n, 3);
      expect(spans(made)).toEqual([
        [5, 5],
        [7, 7],
        [9, 9],
      ]);
      expect(content(made[2]!)).toEqual(['9@1009 value 9']);
      for (const { view } of made) expect(view.buffer.buffer.byteLength).toBeLessThanOrEqual(poolBytes);
      expect(spans(batch.reshape(19_997n, 3))).toEqual([
        [19_997, 19_997],
        [19_999, 19_999],
      ]);
    }
  });

  it('gives nothing when no consumer sees its records', () => {
    const frame = new Frame();
    expect(frame.batch([1, 2], {}, { isAborted: true }).reshape(0n, 100)).toEqual([]);
    expect(frame.batch([1], { isControl: true }).reshape(0n, 100)).toEqual([]);
    expect(frame.batch([1, 2]).reshape(3n, 100)).toEqual([]);
  });

  it('is refused when its bytes were changed on the way, since the new batch would have a right checksum', () => {
    const batch = new Frame().batch([1, 3]);
    batch.view.buffer[batch.sizeBytes - 2]! ^= 1;
    const corrupt = expect.objectContaining({ code: 'BATCH_CORRUPT' });
    expect(() => batch.reshape(0n, 100)).toThrow(corrupt);
    expect(() => batch.withoutGaps(0n, [], 1_000)).toThrow(corrupt);
    const small = new Frame().batch([1, 2]);
    small.view.buffer[small.sizeBytes - 2]! ^= 1;
    expect(() => small.mergeWith([])).toThrow(corrupt);
  });

  it('is not made into others after its header was rewritten for the append', () => {
    const batch = new Frame().batch([1, 2]);
    rewriteHeader(batch.view, { baseOffset: 0n });
    expect(() => batch.reshape(0n, 100)).toThrow('after it was appended');
  });
});

describe('neighbours', () => {
  it('become one batch of their codec', () => {
    const frame = new Frame();
    const [first, second] = [
      frame.batch([4, 5], { compression: 'lz4' }),
      frame.batch([6], { compression: 'lz4' }),
    ];
    const merged = first.mergeWith([second])!;
    expect(merged).toMatchObject({ baseOffset: 4n, lastOffset: 6n, recordCount: 3, codec: 3 });
    expect(content(merged)).toEqual(['4@1004 value 4', '5@1005 value 5', '6@1006 value 6']);
  });

  it('that are small only because they are compressed go together as far as that is small, too', () => {
    const frame = new Frame();
    const value = Buffer.alloc(300_000, 'x');
    const batches = Array.from({ length: 8 }, (_, index) =>
      frame.ofRecord({ ...record(index), value }, { compression: 'zstd', partitionLeaderEpoch: index }),
    );
    const [first, ...next] = batches as [LeasedBatch, ...LeasedBatch[]];
    expect(batches.every(({ sizeBytes }) => sizeBytes < 500)).toBe(true);
    const merged = first.mergeWith(next)!;
    // Whoever reads on behind it has read the epoch of the last that went in.
    expect(merged).toMatchObject({ lastOffset: 5n, recordCount: 6, partitionLeaderEpoch: 5, isMerged: true });
    expect(verifyChecksum(merged.view)).toBe(true);
    const [large, larger] = [8, 9].map((offset) =>
      frame.ofRecord({ ...record(offset), value: Buffer.alloc(1_000_001) }, { compression: 'zstd' }),
    );
    expect(large!.mergeWith([larger!])).toBeNull();
  });

  it('that brokers would not take together, compressed as we do, are fewer', () => {
    const frame = new Frame();
    const batches = Array.from({ length: 41 }, (_, index) =>
      frame.ofRecord({ ...record(index), value: randomBytes(25_000) }, { compression: 'lz4' }),
    );
    const [first, ...next] = batches as [LeasedBatch, ...LeasedBatch[]];
    const merged = first.mergeWith(next)!;
    expect(merged).toMatchObject({ baseOffset: 0n, lastOffset: 20n, recordCount: 21 });
    expect(content(merged)).toEqual(batches.slice(0, 21).flatMap(content));
  });

  it('become one uncompressed batch', () => {
    const frame = new Frame();
    const facts = { shift: 4n };
    const [first, second, third] = [
      frame.batch([4, 5], { isTransactional: true, producerId: 3n }, facts),
      frame.batch([6], { compression: 'lz4' }, facts),
      frame.batch([7], { timestampType: 'LogAppendTime', maxTimestamp: 5000n }, facts),
    ];
    expect([first, second].map(({ codec }) => codec)).toEqual([0, 3]);
    const merged = first.mergeWith([second, third])!;
    expect(merged).toMatchObject({ baseOffset: 0n, lastOffset: 3n, recordCount: 4 });
    expect([merged.codec, merged.isTransactional, merged.timestampType]).toEqual([0, false, 'CreateTime']);
    expect(content(merged)).toEqual(['4@1004 value 4', '5@1005 value 5', '6@1006 value 6', '7@5000 value 7']);
  });
});

describe('the memory of what was made', () => {
  it('counts in the budget of the frame until each batch was given back, also when the frame is gone', () => {
    const frame = new Frame();
    const { budget } = frame;
    const batch = frame.batch([1, 3, 5]);
    frame.close();
    const made = batch.reshape(0n, 100);
    const bytes = made.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect(budget.heldBytes).toBe(frameBytes + bytes);
    batch.release();
    expect(budget.heldBytes).toBe(bytes);
    const again = made[0]!.mergeWith([])!;
    for (const one of made) one.release();
    expect(budget.heldBytes).toBe(again.sizeBytes);
    again.release();
    expect(budget.heldBytes).toBe(0);
    expect(() => again.release()).toThrow('given back twice');
  });

  it('is not taken when nothing was made', () => {
    const frame = new Frame();
    expect(frame.batch([1]).reshape(2n, 100)).toEqual([]);
    expect(frame.budget.heldBytes).toBe(frameBytes);
  });

  it('is of a part of the room for copies in gaps, and at least one of them', () => {
    const budget = new MemoryBudget({ bytesMax: 1024 * 1024 });
    const lease = new FrameLease(() => {}, budget);
    const record = { offset: 1n << 40n, timestamp: 1n, key: null, value: Buffer.alloc(50), headers: [] };
    const source = new LeasedBatch(new BatchView(encodeBatch([record]), 0), lease);
    const made = Array.from(
      { length: 200 },
      (_, index) => source.withoutGaps(BigInt(index), [], 512 * 1024)!,
    );
    const sizes = made.map(({ sizeBytes }) => sizeBytes);
    expect(sizes[0]).toBeLessThanOrEqual(32 * 1024);
    expect(sizes[1]).toBeLessThan(sizes[0]!);
    expect(made.at(-1)?.recordCount).toBe(1);
    expect(budget.heldBytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
    expect(budget.heldBytes).toBeLessThan(300 * 1024);
    for (const batch of made) batch.release();
    expect(budget.heldBytes).toBe(0);
    expect(source.withoutGaps(0n, [], 512 * 1024)?.sizeBytes).toBe(sizes[0]);
    const large = { ...record, value: Buffer.alloc(2_000_000) };
    const whole = new LeasedBatch(new BatchView(encodeBatch([large], { compression: 'zstd' }), 0), lease);
    expect(spans([whole.withoutGaps(3n, [], 512 * 1024)!])).toEqual([[3, 3]]);
  });
});

describe.each(['lz4', 'none'] as const)('the memory of batches that were put together, %s', (compression) => {
  /** Two records with values of this byte and of others, which are too many to be left to the collector. */
  function merged(frame: Frame, from: number, byte: number): LeasedBatch {
    const [first, ...next] = [from, from + 1].map((offset) =>
      frame.ofRecord(
        { ...record(offset), value: Buffer.concat([Buffer.of(byte), randomBytes(10_000)]) },
        { compression },
      ),
    );
    const made = first!.mergeWith(next)!;
    for (const batch of [first!, ...next]) batch.release();
    return made;
  }

  const firstBytes = (batch: LeasedBatch) => {
    expect(verifyChecksum(batch.view)).toBe(true);
    return Array.from(readRecords(batch.view), ({ value }) => value![0]);
  };

  it('serves nobody else while somebody holds it, and the next one afterwards', () => {
    const frame = new Frame();
    const one = merged(frame, 0, 1);
    one.retain();
    const another = merged(frame, 2, 2);
    const memory = one.view.buffer.buffer;
    expect(another.view.buffer.buffer).not.toBe(memory);
    one.release();
    // A writer still has its bytes on their way.
    const third = merged(frame, 4, 3);
    expect([one, another, third].map(firstBytes)).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    one.release();
    const fourth = merged(frame, 6, 4);
    expect(fourth.view.buffer.buffer).toBe(memory);
    expect([another, third, fourth].map(firstBytes)).toEqual([
      [2, 2],
      [3, 3],
      [4, 4],
    ]);
    for (const batch of [another, third, fourth]) batch.release();
    frame.close();
    expect(frame.budget.heldBytes).toBe(0);
  });
});
