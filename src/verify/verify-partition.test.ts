// One partition as it behaves on live clusters: growing, shrinking, lagging, failing.

import { describe, expect, it } from 'vitest';
import { ArrayLog, inBatches } from '../../test/verify/array-log.ts';
import { corruptions, plainRecords } from '../../test/verify/corruptions.ts';
import { LockstepError } from '../errors.ts';
import { encodeBatch, splitBatches } from '../records/index.ts';
import type { LogSettings } from './log-settings.ts';
import { type PartitionProgress, type VerifyPartitionOptions, verifyPartition } from './verify-partition.ts';

const records = plainRecords(40);
const log = (from = 0, to = 40, sizes = [4]) => new ArrayLog(inBatches(records.slice(from, to), sizes));
const verify = (source: ArrayLog, destination: ArrayLog, options: Partial<VerifyPartitionOptions> = {}) =>
  verifyPartition({
    source,
    destination,
    topic: 'orders',
    partition: 3,
    waitMsMax: 0,
    pollMs: 1,
    ...options,
  });

/** Lets the log grow by a batch each time its offsets are asked for. */
function growing(whole: ArrayLog, shownOffsets: bigint): ArrayLog {
  whole.highWatermark = shownOffsets;
  whole.lastStableOffset = shownOffsets;
  whole.onOffsets = () => {
    whole.highWatermark += 4n;
    whole.lastStableOffset = whole.highWatermark;
  };
  return whole;
}

describe('a partition', () => {
  it('is identical, with what was compared and seen', async () => {
    const verdict = await verify(log(), log(0, 40, [3]));
    expect(verdict).toMatchObject({
      topic: 'orders',
      destinationTopic: 'orders',
      partition: 3,
      outcome: 'identical',
      differences: [],
      notCompared: [],
      compared: { start: 0n, end: 40n, records: 40n, holes: 0n },
      source: { start: 0n, end: 40n },
      destination: { start: 0n, end: 40n },
    });
    expect(verdict.bytesRead).toBeGreaterThan(5000);
  });

  it('is identical when both sides are empty, at 0 or at a start above it', async () => {
    for (const start of [0n, 17n]) {
      const empty = () => new ArrayLog([], { logStartOffset: start });
      expect(await verify(empty(), empty())).toMatchObject({
        outcome: 'identical',
        compared: { records: 0n },
      });
    }
  });

  it.each(corruptions)('with $name is different', async ({ apply, kind, from = 0 }) => {
    const copy = new ArrayLog(inBatches(apply(records, 21), [4]));
    const { outcome, differences } = await verify(log(), copy);
    expect(outcome).toBe('different');
    expect(differences[0]).toMatchObject({ kind, offset: 21n + BigInt(from) });
  });

  it('without its tail is different at the end, and names the offset', async () => {
    const verdict = await verify(log(), log(0, 36));
    expect(verdict.differences).toEqual([
      { kind: 'end', offset: 36n, sourceOffset: 40n, destinationOffset: 36n },
    ]);
    expect(verdict.compared).toMatchObject({ end: 36n, records: 36n });
  });

  it('without any record is different at the end', async () => {
    const verdict = await verify(log(), new ArrayLog([]));
    expect(verdict.differences).toEqual([
      { kind: 'end', offset: 0n, sourceOffset: 40n, destinationOffset: 0n },
    ]);
  });

  it('with more than the source is different at the end', async () => {
    const verdict = await verify(log(0, 36), log());
    expect(verdict.differences).toEqual([
      { kind: 'end', offset: 36n, sourceOffset: 36n, destinationOffset: 40n },
    ]);
  });

  it('whose copy ends wrong and has a wrong record says both, in order', async () => {
    const copy = new ArrayLog(inBatches(corruptions[1]!.apply(records, 20).slice(0, 36), [4]));
    const { differences } = await verify(log(), copy);
    expect(differences.map(({ kind, offset }) => [kind, offset])).toEqual([
      ['value', 20n],
      ['end', 36n],
    ]);
  });
});

describe('while records flow', () => {
  it('a source that grows is compared up to where it was', async () => {
    const source = log();
    source.highWatermark = 20n;
    source.onFetch = () => {
      source.highWatermark = 40n;
    };
    const verdict = await verify(source, log(0, 20));
    expect(verdict).toMatchObject({ outcome: 'identical', compared: { end: 20n } });
  });

  it('a destination that lags is waited for', async () => {
    const verdict = await verify(log(), growing(log(), 8n), { waitMsMax: 10_000 });
    expect(verdict).toMatchObject({ outcome: 'identical', compared: { end: 40n, records: 40n } });
  });

  it('a destination that lags too long is different at the end', async () => {
    const verdict = await verify(log(), log(0, 36), { waitMsMax: 30 });
    expect(verdict.differences).toEqual([
      { kind: 'end', offset: 36n, sourceOffset: 40n, destinationOffset: 36n },
    ]);
  });

  it('a destination that moves but is not there in time has something missing, not wrong', async () => {
    const verdict = await verify(log(), growing(log(), 8n), { waitMsMax: 12, pollMs: 10 });
    expect(verdict).toMatchObject({
      outcome: 'incomplete',
      differences: [],
      notCompared: [{ reason: 'lagging', side: 'destination', end: 40n }],
    });
    expect(verdict.compared.records).toBe(verdict.notCompared[0]!.start);
  });

  it('a hole at the end that the destination has not filled yet lacks no record', async () => {
    const marker = encodeBatch(
      [{ offset: 36n, timestamp: 1n, key: Buffer.alloc(4), value: null, headers: [] }],
      { isControl: true, lastOffset: 39n },
    );
    const whole = new ArrayLog([...inBatches(records.slice(0, 36), [4]), marker]);
    expect(await verify(whole, log(0, 36))).toMatchObject({
      outcome: 'incomplete',
      differences: [],
      notCompared: [{ reason: 'lagging', start: 36n, end: 40n }],
    });
  });

  it('what is waited for is told', async () => {
    const seen: PartitionProgress[] = [];
    const source = log();
    source.lastStableOffset = 28n;
    source.onOffsets = () => {
      if (seen.length > 2) source.lastStableOffset = 40n;
    };
    const onProgress = (progress: PartitionProgress) => seen.push({ ...progress });
    await verify(source, growing(log(), 20n), { waitMsMax: 10_000, onProgress });
    expect(seen.map(({ waitingFor }) => waitingFor)).toEqual(
      expect.arrayContaining([
        { side: 'source', at: 28n, end: 40n },
        expect.objectContaining({ side: 'destination', end: 40n }),
        null,
      ]),
    );
    expect(seen.at(-1)!.waitingFor).toBeNull();
  });

  it('a mirror that appends between the two looks at offsets is not taken for one that leads', async () => {
    // The destination is asked first; what comes to both sides before the source is asked must not matter.
    const source = log();
    const destination = log();
    source.highWatermark = source.lastStableOffset = 36n;
    destination.highWatermark = destination.lastStableOffset = 36n;
    destination.onOffsets = () => {
      source.highWatermark = source.lastStableOffset = 40n;
      destination.onFetch = () => {
        destination.highWatermark = destination.lastStableOffset = 40n;
      };
    };
    expect((await verify(source, destination)).differences.map(({ kind }) => kind)).toEqual(['end']);
    const again = log();
    again.onOffsets = (self) => {
      self.highWatermark = self.lastStableOffset = 40n;
    };
    again.highWatermark = 36n;
    expect((await verify(source, again)).outcome).toBe('identical');
  });

  it('open transactions are waited for, and counted when they stay open', async () => {
    const source = log();
    source.lastStableOffset = 28n;
    const verdict = await verify(source, log(0, 28));
    expect(verdict).toMatchObject({
      outcome: 'incomplete',
      differences: [],
      notCompared: [{ reason: 'openTransaction', side: 'source', start: 28n, end: 40n }],
      compared: { end: 28n },
    });
    const decided = log();
    decided.lastStableOffset = 28n;
    decided.onOffsets = () => {
      decided.lastStableOffset += 4n;
    };
    expect(await verify(decided, growing(log(), 20n), { waitMsMax: 10_000 })).toMatchObject({
      outcome: 'identical',
    });
  });

  it('records that retention deletes meanwhile are counted, and the rest is compared', async () => {
    const source = log();
    source.onFetch = (offset) => {
      if (offset >= 8n && offset < 20n) source.logStartOffset = 20n;
    };
    const destination = log();
    destination.onFetch = () => {
      if (source.logStartOffset === 20n) destination.logStartOffset = 20n;
    };
    const verdict = await verify(source, destination);
    expect(verdict.outcome).toBe('identical');
    expect(verdict.differences).toEqual([]);
    expect(verdict.notCompared).toHaveLength(1);
    const { reason, start, end } = verdict.notCompared[0]!;
    expect([reason, end]).toEqual(['retention', 20n]);
    expect(start).toBeLessThan(20n);
    expect(verdict.compared).toMatchObject({ end: 40n, records: 20n + start });
  });

  it('starts that differ only for a moment are no difference', async () => {
    const source = log();
    const destination = log();
    source.logStartOffset = 8n;
    destination.onFetch = () => {
      destination.logStartOffset = 8n;
    };
    expect(await verify(source, destination)).toMatchObject({
      outcome: 'identical',
      compared: { start: 8n },
    });
  });

  it('progress goes up to the end and counts the bytes', async () => {
    const seen: PartitionProgress[] = [];
    const verdict = await verify(log(), log(), { onProgress: (progress) => seen.push(progress) });
    const offsets = seen.map(({ offsetsCompared }) => offsetsCompared);
    expect(offsets).toEqual(offsets.toSorted((one, other) => Number(one - other)));
    expect(seen.at(-1)).toMatchObject({
      offsetsCompared: 40n,
      offsetsTotal: 40n,
      bytesRead: verdict.bytesRead,
    });
    expect(seen.length).toBeGreaterThan(5);
  });
});

describe('starts that differ', () => {
  const nowMs = BigInt(Date.now());
  const day = 86_400_000n;
  /** Records whose age in days is 40, 39, 38, ... */
  const aged = () =>
    new ArrayLog(
      inBatches(
        records.map((record, index) => ({ ...record, timestamp: nowMs - BigInt(40 - index) * day })),
        [4],
      ),
    );
  const startingAt = (start: bigint, settings: Partial<LogSettings> = {}) => {
    const started = aged();
    started.logStartOffset = start;
    started.topicSettings = { ...started.topicSettings, ...settings };
    return started;
  };

  it.each([8n, 6n])(
    'because the source lost the first %i: counted, and the rest is identical',
    async (at) => {
      const verdict = await verify(startingAt(at), aged());
      expect(verdict).toMatchObject({
        outcome: 'identical',
        differences: [],
        notCompared: [{ reason: 'retention', side: 'source', start: 0n, end: at }],
        compared: { start: at, records: 40n - at },
      });
    },
  );

  describe('because the mirror was told to begin at 8', () => {
    const before = { reason: 'beforeStart', side: 'destination', start: 0n, end: 8n };

    it('what lies before is counted, and the rest is identical', async () => {
      expect(await verify(aged(), startingAt(8n), { startOffset: 8n })).toMatchObject({
        outcome: 'identical',
        notCompared: [before],
        compared: { start: 8n, records: 32n },
        source: { start: 0n, end: 40n },
      });
    });

    it('what it has lost beyond that is not explained by it', async () => {
      expect(await verify(aged(), startingAt(12n), { startOffset: 8n })).toMatchObject({
        outcome: 'incomplete',
        notCompared: [before, { reason: 'startUnexplained', start: 8n, end: 12n }],
      });
    });

    it('nothing is said once the source starts there, too', async () => {
      const verdict = await verify(startingAt(8n), startingAt(8n), { startOffset: 8n });
      expect(verdict).toMatchObject({ outcome: 'identical', notCompared: [] });
    });
  });

  it.each<[string, Partial<LogSettings>, string]>([
    ['retention.ms is shorter than the age of all that is gone', { retentionMs: 30n * day }, 'retention'],
    [
      'retention.ms is longer than the age of some that is gone',
      { retentionMs: 36n * day },
      'startUnexplained',
    ],
    ['at least retention.bytes are left', { retentionBytes: 1000n }, 'retention'],
    ['less than retention.bytes are left', { retentionBytes: 1_000_000n }, 'startUnexplained'],
    ['there is no limit', {}, 'startUnexplained'],
    ['the policy is compact only', { isDeleted: false, retentionMs: 1n }, 'startUnexplained'],
  ])('because the destination lost some, where %s', async (_, settings, reason) => {
    const verdict = await verify(aged(), startingAt(8n, settings));
    expect(verdict).toMatchObject({
      outcome: reason === 'retention' ? 'identical' : 'incomplete',
      differences: [],
      notCompared: [{ reason, side: 'destination', start: 0n, end: 8n }],
      compared: { start: 8n, records: 32n },
    });
  });

  it.each([
    [1_500n, 'incomplete'],
    [600n, 'identical'],
  ])('because markers took the room of retention.bytes=%i: %s', async (retentionBytes, outcome) => {
    const dated = records.map((record) => ({ ...record, timestamp: nowMs }));
    const kept = [dated.slice(0, 8), dated.slice(8, 12), dated.slice(32)];
    const hole = Array.from({ length: 20 }, (_, index) =>
      encodeBatch(
        [{ ...dated[12 + index]!, key: Buffer.from([0, 0, 0, 0]), value: Buffer.alloc(6), headers: [] }],
        { isControl: true, isTransactional: true, producerId: 1n, producerEpoch: 0, baseSequence: -1 },
      ),
    );
    const [first, second, third] = kept.map((batch) => encodeBatch(batch));
    const destination = new ArrayLog([first!, second!, ...hole, third!]);
    destination.logStartOffset = 8n;
    destination.topicSettings = { ...destination.topicSettings, retentionBytes };
    const verdict = await verify(new ArrayLog([first!, second!, third!]), destination);
    expect(verdict).toMatchObject({ outcome, differences: [], compared: { start: 8n, records: 12n } });
    const [sourceBytes, holeBytes] = [second!.length + third!.length, Buffer.concat(hole).length];
    expect(verdict.notCompared).toEqual([
      outcome === 'identical'
        ? { reason: 'retention', side: 'destination', start: 0n, end: 8n }
        : {
            reason: 'startUnexplained',
            side: 'destination',
            start: 0n,
            end: 8n,
            message:
              `retention.bytes=${retentionBytes} took them, although the source holds only ${sourceBytes} bytes from ` +
              `offset 8 on, and the destination ${sourceBytes + holeBytes}: markers in holes take room`,
          },
    ]);
  });

  it('because fillers can be read is a difference', async () => {
    const filler = encodeBatch(plainRecords(4), {
      producerId: (1n << 62n) + 0xff_ffffn,
      producerEpoch: 0,
      baseSequence: 0,
    });
    const destination = new ArrayLog([filler, ...inBatches(records.slice(4), [4])]);
    const source = log(4);
    expect((await verify(source, destination)).differences).toEqual([
      { kind: 'start', offset: 0n, sourceOffset: 4n, destinationOffset: 0n },
    ]);
    destination.logStartOffset = 4n;
    expect(await verify(source, destination)).toMatchObject({ outcome: 'identical', notCompared: [] });
  });
});

describe('what cannot be compared is counted and makes it incomplete', () => {
  const refused = new LockstepError('NOT_AUTHORIZED', 'cluster east: reading was refused.');

  it('when a cluster refuses the offsets', async () => {
    const destination = log();
    destination.onOffsets = () => {
      throw refused;
    };
    const verdict = await verify(log(), destination);
    expect(verdict).toMatchObject({
      outcome: 'incomplete',
      notCompared: [
        { reason: 'failed', side: 'destination', errorCode: 'NOT_AUTHORIZED', message: refused.message },
      ],
      source: null,
    });
  });

  it('when a cluster fails in the middle', async () => {
    const source = log();
    source.onFetch = (offset) => {
      if (offset >= 16n) throw refused;
    };
    const { outcome, notCompared, compared } = await verify(source, log());
    expect(outcome).toBe('incomplete');
    expect(notCompared).toEqual([
      {
        reason: 'failed',
        side: 'source',
        start: compared.end,
        end: 40n,
        errorCode: 'NOT_AUTHORIZED',
        message: refused.message,
      },
    ]);
    expect(compared.end).toBeGreaterThanOrEqual(8n);
  });

  it('when a batch is corrupt', async () => {
    const destination = log();
    destination.views[5]!.buffer[destination.views[5]!.start + 70]! ^= 1;
    const verdict = await verify(log(), destination);
    expect(verdict).toMatchObject({
      outcome: 'incomplete',
      notCompared: [
        { reason: 'failed', side: 'destination', start: 20n, end: 40n, errorCode: 'BATCH_CORRUPT' },
      ],
      compared: { end: 20n },
    });
  });

  it('when the broker gives nothing for what it says it has', async () => {
    const source = log(0, 20);
    source.highWatermark = source.lastStableOffset = 40n;
    const verdict = await verify(source, log());
    expect(verdict).toMatchObject({
      outcome: 'incomplete',
      notCompared: [{ reason: 'stalled', side: 'source', start: 20n, end: 40n }],
    });
  });

  it('when the caller stops it, while reading and while waiting', async () => {
    const reading = new AbortController();
    const source = log();
    source.onFetch = (offset) => {
      if (offset >= 16n) reading.abort();
    };
    const stopped = await verify(source, log(), { signal: reading.signal });
    expect(stopped).toMatchObject({
      outcome: 'incomplete',
      notCompared: [{ reason: 'cancelled', end: 40n }],
    });

    const waiting = new AbortController();
    const lagging = log(0, 20);
    let looks = 0;
    lagging.onOffsets = () => {
      looks += 1;
      if (looks === 3) waiting.abort();
    };
    const given = await verify(log(), lagging, { signal: waiting.signal, waitMsMax: 60_000 });
    expect(given).toMatchObject({
      outcome: 'incomplete',
      notCompared: [{ reason: 'cancelled', start: 0n, end: 40n }],
    });
  });

  it('but an error of ours is thrown', async () => {
    const source = log();
    source.onFetch = () => {
      throw new TypeError('a bug');
    };
    await expect(verify(source, log())).rejects.toThrow('a bug');
  });
});

describe('memory', () => {
  it('holds at most two fetches of each side, and gives all back', async () => {
    const source = log(0, 40, [1]);
    const destination = log(0, 40, [3]);
    await verify(source, destination);
    expect(source.fetches).toBeGreaterThanOrEqual(20);
    expect([source.heldMost, destination.heldMost]).toEqual([2, 2]);
    expect([source.held, destination.held]).toEqual([0, 0]);
  });

  it('gives fetches back after a difference, too', async () => {
    const source = log(0, 40, [1]);
    const destination = new ArrayLog(inBatches(corruptions[0]!.apply(records, 7), [2]));
    expect((await verify(source, destination)).outcome).toBe('different');
    await new Promise((resolve) => setImmediate(resolve));
    expect([source.held, destination.held]).toEqual([0, 0]);
  });
});

it('a batch that decompresses beyond the bound is counted, not swallowed', async () => {
  const big = encodeBatch([{ ...records[0]!, value: Buffer.alloc(1_000_000) }], { compression: 'zstd' });
  const other = encodeBatch([{ ...records[0]!, value: Buffer.alloc(1_000_000) }], { compression: 'gzip' });
  expect(splitBatches(big).batches).toHaveLength(1);
  const verdict = await verify(new ArrayLog([big]), new ArrayLog([other]), { decompressedBytesMax: 1000 });
  expect(verdict).toMatchObject({
    outcome: 'incomplete',
    notCompared: [{ errorCode: 'BATCH_CORRUPT', side: 'source' }],
  });
});
