// A watch over arrays that grow: what each round finds, and what it costs.

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ArrayLog, inBatches } from '../../test/verify/array-log.ts';
import { corruptions, plainRecords } from '../../test/verify/corruptions.ts';
import { LockstepError } from '../errors.ts';
import { encodeTail } from '../records/index.ts';
import type { LogSource } from './log-source.ts';
import { Pacer } from './pacer.ts';
import { RunningDigest } from './running-digest.ts';
import {
  describeRound,
  type WatchRound,
  type WatchTopicsOptions,
  watchRoundAsJson,
  watchTopics,
} from './watch-link.ts';

const records = plainRecords(40);

/** A log of which the first `shown` offsets are there. */
function grown(shown: bigint, all = records, sizes = [4]): ArrayLog {
  const log = new ArrayLog(inBatches(all, sizes));
  log.highWatermark = log.lastStableOffset = shown;
  return log;
}

function show(log: ArrayLog, end: bigint): void {
  log.highWatermark = log.lastStableOffset = end;
}

function cluster(topics: Record<string, ArrayLog[]>): LogSource {
  return {
    topicSizes: async (names) => new Map(names.map((name) => [name, topics[name]?.length ?? null])),
    // Looked up when asked, since partitions are added while watches run.
    partitionLog: (topic, partition) => ({
      offsets: () => topics[topic]![partition]!.offsets(),
      fetch: (offset) => topics[topic]![partition]!.fetch(offset),
      settings: () => topics[topic]![partition]!.settings(),
      firstOffsetSince: (timestampMs) => topics[topic]![partition]!.firstOffsetSince(timestampMs),
    }),
    close: () => {},
  };
}

/** Runs as many rounds as there are steps; each step runs behind its round, the last one ends the watch. */
async function watch(
  source: LogSource,
  destination: LogSource,
  steps: ((round: WatchRound) => void)[],
  options: Partial<WatchTopicsOptions> = {},
): Promise<{ rounds: WatchRound[]; last: WatchRound }> {
  const stopping = new AbortController();
  const rounds: WatchRound[] = [];
  const last = await watchTopics(source, destination, {
    topics: async () => [{ source: 'orders', destination: 'orders' }],
    everyMs: 1,
    waitMsMax: 0,
    signal: stopping.signal,
    onRound: (round) => {
      rounds.push(round);
      steps[round.number]?.(round);
      if (round.number >= steps.length - 1) stopping.abort();
    },
    ...options,
  });
  return { rounds, last };
}

/** The digest as the documentation describes it. */
function digestOf(some: typeof records): string {
  const hash = createHash('sha256');
  for (const { offset, timestamp, key, value, headers } of some) {
    const tail = encodeTail(key, value, headers);
    const prefix = Buffer.alloc(20);
    prefix.writeBigInt64BE(offset, 0);
    prefix.writeBigInt64BE(timestamp, 8);
    prefix.writeInt32BE(tail.length, 16);
    hash.update(prefix).update(tail);
  }
  return hash.digest('hex');
}

describe('a watch', () => {
  it('compares all first, then only what has come, and keeps a digest of it', async () => {
    const source = grown(20n);
    const destination = grown(20n, records, [3, 5]);
    const fetched: bigint[] = [];
    const { rounds } = await watch(cluster({ orders: [source] }), cluster({ orders: [destination] }), [
      () => {
        source.onFetch = (offset) => fetched.push(offset);
        show(source, 30n);
        show(destination, 28n);
      },
      () => show(destination, 30n),
      () => {},
      () => {},
    ]);
    expect(rounds.map(({ outcome, records: compared }) => [outcome, compared])).toEqual([
      ['identical', 20n],
      ['identical', 8n],
      ['identical', 2n],
      ['identical', 0n],
    ]);
    expect(rounds.map(({ partitions }) => partitions[0]!.lagOffsets)).toEqual([0n, 2n, 0n, 0n]);
    expect(fetched.every((offset) => offset >= 20n)).toBe(true);
    expect(rounds[3]!.bytesRead).toBe(0);
    expect(rounds.map(({ partitions }) => partitions[0]!.digest)).toEqual(
      [20, 28, 30, 30].map((end) => ({
        from: 20n,
        records: BigInt(end - 20),
        source: digestOf(records.slice(20, end)),
        destination: digestOf(records.slice(20, end)),
      })),
    );
  });

  it.each(corruptions.filter(({ kind }) => kind !== 'missing'))(
    'finds $name in what has come, and stays different',
    async ({ apply, kind, from = 0 }) => {
      const source = grown(20n);
      const destination = grown(20n, apply(records, 25));
      const { rounds, last } = await watch(
        cluster({ orders: [source] }),
        cluster({ orders: [destination] }),
        [
          () => {
            show(source, 40n);
            show(destination, 40n);
          },
          () => {},
          () => {},
        ],
      );
      expect(rounds.map(({ outcome }) => outcome)).toEqual(['identical', 'different', 'different']);
      expect(last.partitions[0]!.differences).toMatchObject([{ kind, offset: 25n + BigInt(from) }]);
      expect(last.partitions[0]!.comparedTo).toBe(20n);
    },
  );

  it('goes on after a failure from where it was, as if nothing had been', async () => {
    const source = grown(20n);
    const destination = grown(20n);
    const { rounds } = await watch(cluster({ orders: [source] }), cluster({ orders: [destination] }), [
      () => {
        show(source, 40n);
        show(destination, 40n);
        destination.onFetch = (offset) => {
          if (offset >= 28n) throw new LockstepError('CONNECTION_CLOSED', 'cluster east: closed');
        };
      },
      () => {
        destination.onFetch = () => {};
      },
      () => {},
    ]);
    expect(rounds.map(({ outcome }) => outcome)).toEqual(['identical', 'incomplete', 'identical']);
    expect(rounds[1]!.partitions[0]!.notCompared).toMatchObject([
      { reason: 'failed', side: 'destination', errorCode: 'CONNECTION_CLOSED' },
    ]);
    expect(rounds[2]!.partitions[0]!.digest.source).toBe(digestOf(records.slice(20)));
  });

  it('says when a mirror stands still, and when a log was cut back', async () => {
    const source = grown(20n);
    const destination = grown(20n);
    const { rounds } = await watch(cluster({ orders: [source] }), cluster({ orders: [destination] }), [
      () => show(source, 24n),
      () => {},
      () => show(destination, 24n),
      () => show(source, 16n),
      () => {},
    ]);
    expect(rounds.map(({ outcome }) => outcome)).toEqual([
      'identical',
      'identical',
      'incomplete',
      'identical',
      'different',
    ]);
    expect(rounds[2]!.partitions[0]!.notCompared).toEqual([
      { reason: 'lagging', side: 'destination', start: 20n, end: 24n },
    ]);
    expect(rounds[4]!.partitions[0]!.differences).toMatchObject([{ kind: 'end', sourceOffset: 16n }]);
  });

  it('is incomplete in every round in which a transaction is open, and says so', async () => {
    const source = grown(20n);
    const destination = grown(20n);
    source.highWatermark = 24n;
    const sources = [source, grown(20n)];
    const { rounds } = await watch(
      cluster({ orders: sources }),
      cluster({ orders: [destination, grown(20n)] }),
      [
        () => {},
        () => {
          // What is decided goes on, behind it another one is open.
          source.lastStableOffset = 22n;
          source.highWatermark = 28n;
          show(destination, 22n);
        },
        () => {
          show(source, 28n);
          show(destination, 28n);
        },
        () => {},
      ],
      { everyMs: 1 },
    );
    expect(rounds.map(({ outcome, records: compared }) => [outcome, compared])).toEqual([
      ['incomplete', 40n],
      ['incomplete', 0n],
      ['incomplete', 2n],
      ['identical', 6n],
    ]);
    const open = (start: bigint, end: bigint) => [{ reason: 'openTransaction', side: 'source', start, end }];
    expect(rounds.map(({ partitions }) => partitions[0]!.notCompared)).toEqual([
      open(20n, 24n),
      open(20n, 24n),
      open(22n, 28n),
      [],
    ]);
    const lines = rounds.map(describeRound);
    for (const line of lines.slice(0, 2))
      expect(line).toMatch(
        /^incomplete {2}1 of 2 partitions identical {2}\d+ records more {2}4 offsets held back by open transactions in 1 partition {2}digest/,
      );
    expect(lines.map((line) => line.includes('no lag'))).toEqual([false, false, false, true]);
    expect(JSON.parse(watchRoundAsJson('us-to-eu', rounds[1]!)).partitions[0].notCompared).toMatchObject([
      {
        reason: 'openTransaction',
        text: 'offsets 20..23 belong to transactions that are still open',
      },
    ]);
  });

  it('does not wait for an open transaction behind the first pass', async () => {
    const source = grown(20n);
    const { rounds } = await watch(
      cluster({ orders: [source] }),
      cluster({ orders: [grown(20n)] }),
      [
        () => {
          source.highWatermark = 24n;
        },
        () => {},
      ],
      { waitMsMax: 60_000 },
    );
    expect(rounds.map(({ outcome }) => outcome)).toEqual(['identical', 'incomplete']);
  });

  it('ended in the middle of a round does not forget that something was open', async () => {
    const source = grown(20n);
    source.highWatermark = 24n;
    const destination = grown(20n);
    const stopping = new AbortController();
    const last = await watchTopics(cluster({ orders: [source] }), cluster({ orders: [destination] }), {
      topics: async () => [{ source: 'orders', destination: 'orders' }],
      everyMs: 1,
      waitMsMax: 0,
      signal: stopping.signal,
      onRound: () => {
        destination.onOffsets = () => {
          stopping.abort();
          throw new LockstepError('CONNECTION_CLOSED', 'cluster east: closed');
        };
      },
    });
    expect(last).toMatchObject({
      number: 1,
      outcome: 'incomplete',
      partitions: [{ notCompared: [{ reason: 'cancelled', start: 20n, end: 24n }] }],
    });
    expect(describeRound(last)).not.toContain('no lag');
  });

  it('counts what retention deleted before it was compared', async () => {
    const source = grown(20n);
    const destination = grown(20n);
    const { rounds } = await watch(cluster({ orders: [source] }), cluster({ orders: [destination] }), [
      () => {
        source.logStartOffset = destination.logStartOffset = 28n;
        show(source, 40n);
        show(destination, 40n);
      },
      () => {},
    ]);
    expect(rounds[1]).toMatchObject({
      outcome: 'identical',
      records: 12n,
      partitions: [{ notCompared: [{ reason: 'retention', start: 20n, end: 28n }] }],
    });
  });

  it('takes in partitions that are new, and misses those that do not come', async () => {
    const sources = [grown(20n)];
    const destinations = [grown(20n)];
    const { rounds } = await watch(cluster({ orders: sources }), cluster({ orders: destinations }), [
      () => sources.push(grown(8n)),
      () => destinations.push(grown(8n)),
      () => sources.push(grown(8n)),
      () => {},
      () => {},
    ]);
    expect(rounds.map(({ outcome, partitions }) => [outcome, partitions.length])).toEqual([
      ['identical', 1],
      ['incomplete', 2],
      ['identical', 2],
      ['incomplete', 3],
      ['different', 3],
    ]);
  });

  it('in bounded bytes a second reads no faster', async () => {
    const source = grown(40n);
    const startedMs = performance.now();
    const { rounds } = await watch(
      cluster({ orders: [source] }),
      cluster({ orders: [grown(40n)] }),
      [() => {}],
      {
        bytesPerSecondMax: 3000,
      },
    );
    const { bytesRead } = rounds[0]!;
    // A second's worth is free, and the last answers are not waited for.
    expect(bytesRead).toBeGreaterThan(7000);
    expect(performance.now() - startedMs).toBeGreaterThan(((bytesRead - 3000 - 2500) / 3000) * 1000);
  });

  it('says a round in one line, for people and for programs', async () => {
    const { last } = await watch(cluster({ orders: [grown(20n)] }), cluster({ orders: [grown(20n)] }), [
      () => {},
    ]);
    expect(describeRound(last)).toMatch(
      /^identical {2}1 of 1 partitions identical {2}20 records more {2}no lag {2}digest [0-9a-f]{16}$/,
    );
    const line = watchRoundAsJson('us-to-eu', last);
    expect(line).not.toContain('\n');
    expect(JSON.parse(line)).toMatchObject({
      link: 'us-to-eu',
      outcome: 'identical',
      partitions: [{ topic: 'orders', partition: 0, comparedTo: 20, digest: { from: 20, records: 0 } }],
    });
    expect(line).not.toMatch(/value \d|key \d/);
  });
});

it('a pacer lets through a second at once, and then what the rate allows', () => {
  let nowMs = 0;
  const pacer = new Pacer(1000, () => nowMs);
  pacer.spend(1000);
  expect(pacer.waitMs).toBe(0);
  pacer.spend(500);
  expect(pacer.waitMs).toBe(500);
  nowMs = 500;
  expect(pacer.waitMs).toBe(0);
  nowMs = 100_000;
  pacer.spend(3000);
  expect(pacer.waitMs).toBe(2000);
});

it('a digest does not depend on how lengths are written, and copies go on by themselves', () => {
  const digest = new RunningDigest();
  const copied = records.map(({ offset, timestamp, key, value, headers }) => ({
    offset,
    timestamp,
    tail: encodeTail(key, value, headers),
  }));
  for (const record of copied.slice(0, 20)) digest.add(record);
  const copy = digest.copy();
  // The key's length (5 or 6, zigzag 10 or 12) in two bytes instead of one.
  for (const { tail, ...record } of copied.slice(20))
    copy.add({ ...record, tail: Buffer.concat([Buffer.from([tail[0]! | 0x80, 0]), tail.subarray(1)]) });
  expect(copy.value()).toBe(digestOf(records));
  expect(digest.value()).toBe(digestOf(records.slice(0, 20)));
  const big = { ...records[0]!, value: Buffer.alloc(200_000, 7) };
  digest.add({ ...copied[0]!, tail: encodeTail(big.key, big.value, big.headers) });
  expect(digest.value()).toBe(digestOf([...records.slice(0, 20), big]));
});
