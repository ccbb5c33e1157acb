// Everything that is in flight counts, whatever comes: readers of several links, one pool, and writers that are slow.
//
// After every step of a seeded run:
// 1. Counted: buffers out of the pool (being filled, or held) and copies are not more than the budget says is in flight,
//    apart from what a batch takes that is larger than what was asked for, while it comes.
// 2. Bounded: what the budget says is not more than the budget, apart from such batches: one for each reader.
// At the end:
// 3. Fair: every reader with a backlog has read of it, also where the budget is smaller than a batch.
// 4. Whole: all is given back.
import { describe, expect, it } from 'vitest';
import { type Connection, type Frame, FramePool } from '../../client/index.ts';
import type { FetchRequest, Input } from '../../protocol/index.ts';
import { encodeBatch } from '../../records/index.ts';
import { SeededRandom } from '../simulation/random.ts';
import type { FetchPosition } from './fetch-session.ts';
import type { FetchTarget } from './fetch-target.ts';
import type { LeasedBatch } from './leased-batch.ts';
import { MemoryBudget } from './memory-budget.ts';
import { ReadLimit } from './read-limit.ts';
import { SourceReader } from './source-reader.ts';

const mib = 1024 * 1024;
/** Of batches of each kind. */
const batchBytes = { tiny: 200, small: 10_000, large: 1_500_000, compacted: 120 } as const;
type Kind = keyof typeof batchBytes;
const batches = Object.fromEntries(
  Object.entries(batchBytes).map(([kind, bytes]) => [
    kind,
    encodeBatch(
      [{ offset: 0n, timestamp: 1n, key: null, value: Buffer.alloc(bytes - 80, kind), headers: [] }],
      { compression: 'none' },
    ),
  ]),
) as Record<Kind, Buffer>;
const queuedBytesMax = 256 * 1024;
const mergedCountMax = 8;
/** Of batches that compaction left a record of, the offsets of each; the last one's is all that is left. */
const compactedOffsets = 10_000n;
/** What appends of copies in gaps take at most, in bytes: 512 KiB as plan.ts has it. */
const filledBytesMax = 512 * 1024;
const writesAtOnce = 8;
/** A pooled buffer is up to twice the class of what is in it. */
const bufferShareMax = 2.5;

/** What stays while a batch is held; small buffers share a page, which is not counted. */
function memoryBytes({ sizeBytes, view }: LeasedBatch): number {
  return sizeBytes < Buffer.poolSize / 2 ? sizeBytes : view.buffer.buffer.byteLength;
}

class Partition implements FetchTarget {
  readonly shift = 0n;
  /** Tiny ones are put together where the answer is cut, and again where they wait. */
  readonly mergedBytesMax = 2_000;
  readonly isLive: boolean;
  readonly kind: Kind;
  readonly name: string;
  readonly #partition: number;
  offset = 0n;
  queue: LeasedBatch[] = [];
  /** Where the mirror of a compacted one ends, of which all gaps are filled. */
  mirrorEnd = 0n;
  #position: FetchPosition | null = null;

  constructor(partition: number, kind: Kind, isLive: boolean) {
    this.#partition = partition;
    this.name = `id/${partition}`;
    this.kind = kind;
    this.isLive = isLive;
  }

  get isFull(): boolean {
    return this.queue.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) > queuedBytesMax;
  }

  position(): FetchPosition | null {
    if (this.isFull) return null;
    const { offset } = this;
    if (this.#position?.offset !== offset) {
      const epochs = { leaderEpoch: 1, lastFetchedEpoch: 1 };
      this.#position = { topic: 't', topicId: 'id', partition: this.#partition, offset, ...epochs };
    }
    return this.#position;
  }

  onFetched(asked: FetchPosition, fetched: LeasedBatch[]): void {
    expect(asked.offset).toBe(this.offset);
    this.queue.push(...fetched);
    for (const { lastOffset } of fetched) this.offset = lastOffset + 1n;
  }

  onFetchError(): void {
    throw new Error('unexpected');
  }
  onDiverging = this.onFetchError;
  onUnreadable(_asked: FetchPosition, reason: string): void {
    throw new Error(reason);
  }
  onReaderTrouble(reason: string): void {
    throw new Error(reason);
  }
}

interface Request {
  readonly request: Input<FetchRequest>;
  readonly resolve: (answer: unknown) => void;
  /** Null: its first bytes have not come yet. */
  frame: Frame | null;
  /** By partition. */
  content: Map<number, Buffer[]>;
}

class World {
  readonly #random: SeededRandom;
  readonly pool = new FramePool({ keptBytesMax: mib });
  readonly agent: MemoryBudget;
  readonly partitions = new Map<string, { partition: Partition; reader: SourceReader }>();
  readonly readers: SourceReader[] = [];
  #requests: Request[] = [];
  /** Appends under way. */
  #appends: { batch: LeasedBatch; copyBytes: number; done: () => void }[] = [];
  #isEnding = false;

  constructor(seed: number, options: { agentBytesMax: number; links: number; kinds: readonly Kind[] }) {
    const random = new SeededRandom(seed);
    this.#random = random;
    this.agent = new MemoryBudget({ bytesMax: options.agentBytesMax });
    let number = 0;
    for (let link = 0; link < options.links; link++) {
      const bytesMax = Math.ceil(options.agentBytesMax / random.integer(1, 4));
      const budget = new MemoryBudget({ bytesMax, parent: this.agent });
      for (let broker = random.integer(1, 3); broker > 0; broker--) {
        const reader = new SourceReader({
          ...{ budget, limit: new ReadLimit(), open: async () => this.#connection() },
          ...{ fetchBytesMax: mib, fetchResponseBytesMax: 4 * mib, fetchWaitMsMax: 10 },
          onTrouble: async (error) => {
            throw error;
          },
        });
        this.readers.push(reader);
        for (let count = random.integer(1, 6); count > 0; count--) {
          const kind = options.kinds[random.integer(0, options.kinds.length - 1)]!;
          const partition = new Partition(number++, kind, random.chance(0.3));
          this.partitions.set(partition.name, { partition, reader });
          reader.add(partition.name, partition);
        }
      }
    }
  }

  #connection(): Connection {
    const sendForFrame = (_api: unknown, request: Input<FetchRequest>) =>
      new Promise((resolve) => {
        this.#requests.push({ request, resolve, frame: null, content: new Map() });
      });
    return { isOpen: true, close: () => {}, sendForFrame } as unknown as Connection;
  }

  get copyBytes(): number {
    const queued = [...this.partitions.values()].flatMap(({ partition }) => partition.queue);
    const made = queued.reduce((sum, { isMerged, sizeBytes }) => sum + (isMerged ? sizeBytes : 0), 0);
    return this.#appends.reduce((sum, { copyBytes }) => sum + copyBytes, made);
  }

  /** Of frames that are being filled, what is beyond what was asked for. */
  get largerBytes(): number {
    return this.#requests.reduce(
      (sum, { frame, request }) =>
        sum + (frame === null ? 0 : Math.max(0, frame.bytes.buffer.byteLength - (request.maxBytes ?? 0))),
      0,
    );
  }

  /** @param writing how likely it is that the destination goes on, and not the source. */
  async step(writing: number): Promise<void> {
    if (this.#random.chance(writing)) for (let times = writesAtOnce; times > 0; times--) this.#write();
    else this.#read();
    await new Promise(setImmediate);
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    let areClosed = false;
    const closing = Promise.all(this.readers.map((reader) => reader.close())).then(() => {
      areClosed = true;
    });
    while (!areClosed || this.#appends.length > 0) {
      // Who waits for room gets it, and gives it back.
      for (const { partition } of this.partitions.values())
        for (const batch of partition.queue.splice(0)) batch.release();
      this.#finish();
      this.#read();
      await new Promise(setImmediate);
    }
    await closing;
  }

  /** The source answers: at first a frame's first bytes come, then the rest. */
  #read(): void {
    if (this.#requests.length === 0) return;
    const index = this.#random.integer(0, this.#requests.length - 1);
    const asked = this.#requests[index]!;
    if (asked.frame === null) return this.#beginAnswer(asked);
    this.#requests.splice(index, 1);
    let at = 0;
    const partitions = Array.from(asked.content, ([partitionIndex, parts]) => {
      const begin = at;
      for (const part of parts) at += part.copy(asked.frame!.bytes, at);
      const facts = {
        errorCode: 0,
        divergingEpoch: { epoch: -1, endOffset: -1n },
        abortedTransactions: null,
      };
      const ends = { highWatermark: 1n << 40n, lastStableOffset: 1n << 40n, logStartOffset: 0n };
      return { partitionIndex, ...facts, ...ends, records: asked.frame!.bytes.subarray(begin, at) };
    });
    const responses = [{ topic: '', topicId: 'id', partitions }];
    asked.resolve({ body: { errorCode: 0, sessionId: 0, responses }, frame: asked.frame });
  }

  /** Whole batches up to what was asked for, and one in any case. */
  #beginAnswer(asked: Request): void {
    const all = (asked.request.topics ?? []).flatMap(({ partitions }) => partitions ?? []);
    // As brokers do: who had something goes to the end.
    const first = this.#random.integer(0, all.length);
    const wanted = [...all.slice(first), ...all.slice(0, first)];
    const { maxBytes = 0 } = asked.request;
    let left = maxBytes;
    let bytes = 0;
    for (const { partition = -1, fetchOffset = 0n, partitionMaxBytes = 0 } of this.#isEnding ? [] : wanted) {
      const known = this.partitions.get(`id/${partition}`)!.partition;
      if (known.isLive && this.#random.chance(0.7)) continue;
      const batch = batches[known.kind];
      const fitting = Math.floor(Math.min(left, partitionMaxBytes) / batch.length);
      const count = Math.min(50, Math.max(fitting, bytes === 0 ? 1 : 0));
      const parts = Array.from({ length: count }, (_none, index) => {
        const part = Buffer.from(batch);
        const stride = known.kind === 'compacted' ? compactedOffsets : 1n;
        part.writeBigInt64BE(fetchOffset + BigInt(index) * stride + stride - 1n, 0);
        return part;
      });
      if (count > 0) asked.content.set(partition, parts);
      bytes += count * batch.length;
      left -= count * batch.length;
    }
    asked.frame = this.pool.take(Math.max(bytes, 100));
  }

  /** The destination: an append begins, or ends. */
  #write(): void {
    if (this.#random.chance(0.5)) return this.#finish();
    const waiting = [...this.partitions.values()].filter(({ partition }) => partition.queue.length > 0);
    if (waiting.length === 0) return;
    const { partition, reader } = waiting[this.#random.integer(0, waiting.length - 1)]!;
    const done = () => reader.wake(partition.name);
    if (partition.kind === 'compacted') return this.#fill(partition, done);
    const merged = partition.kind === 'tiny' ? partition.queue.splice(0, mergedCountMax) : [];
    const first = merged[0] ?? partition.queue.shift()!;
    const batch = merged.length > 1 ? first.mergeWith(merged.slice(1))! : first;
    if (batch !== first) for (const each of merged) each.release();
    const isCopy = batch !== first || batch.isMerged;
    this.#appends.push({ batch, copyBytes: isCopy ? batch.sizeBytes : 0, done });
  }

  /** As filling-gaps.ts: what is made of the first batches, from where the mirror ends. */
  #fill(partition: Partition, done: () => void): void {
    const [first, ...next] = partition.queue.slice(0, mergedCountMax) as [LeasedBatch, ...LeasedBatch[]];
    const batch = first.withoutGaps(partition.mirrorEnd, next, filledBytesMax)!;
    partition.mirrorEnd = batch.lastOffset + 1n;
    while (partition.queue[0] && partition.queue[0].lastOffset < partition.mirrorEnd)
      partition.queue.shift()!.release();
    this.#appends.push({ batch, copyBytes: memoryBytes(batch), done });
  }

  #finish(): void {
    if (this.#appends.length === 0) return;
    const [append] = this.#appends.splice(this.#random.integer(0, this.#appends.length - 1), 1);
    append!.batch.release();
    append!.done();
  }
}

/** 1 and 2 after each step, 3 and 4 at the end. */
async function run(world: World, steps: number, largeBatches: number): Promise<void> {
  const { agent, pool } = world;
  for (let step = 0; step < steps; step++) {
    // Now the source is faster, now the destination.
    await world.step(step % 300 < 200 ? 0.35 : 0.8);
    const outstanding = pool.statistics().outstandingBytes + world.copyBytes;
    expect(outstanding).toBeLessThanOrEqual(agent.heldBytes + world.largerBytes);
    const beyond = largeBatches * world.readers.length * batchBytes.large * bufferShareMax;
    expect(agent.heldBytes).toBeLessThanOrEqual(agent.bytesMax + beyond);
  }
  const behind = [...world.partitions.values()].filter(({ partition }) => !partition.isLive);
  const perReader = Map.groupBy(behind, ({ reader }) => reader);
  const readerOffsets = Array.from(perReader.values(), (all) =>
    all.reduce((sum, { partition }) => sum + Number(partition.offset), 0),
  );
  expect(readerOffsets.filter((offset) => offset === 0)).toEqual([]);
  await world.end();
  expect(agent.heldBytes).toBe(0);
  expect(pool.statistics().outstandingBytes).toBe(0);
}

describe('what is in flight', () => {
  const shapes: [string, { agentBytesMax: number; kinds: readonly Kind[]; large: number }][] = [
    ['of tiny batches, put together', { agentBytesMax: 2 * mib, kinds: ['tiny'], large: 0 }],
    ['of small batches', { agentBytesMax: 4 * mib, kinds: ['small'], large: 0 }],
    ['of batches larger than what is asked for', { agentBytesMax: 16 * mib, kinds: ['large'], large: 1 }],
    ['of compacted logs, filled with copies', { agentBytesMax: 4 * mib, kinds: ['compacted'], large: 0 }],
    ['of all of them', { agentBytesMax: 16 * mib, kinds: ['tiny', 'small', 'large', 'compacted'], large: 1 }],
    ['of batches larger than the budget', { agentBytesMax: mib, kinds: ['large', 'small'], large: 1 }],
  ];
  it.for(shapes)('%s counts, is bounded, and goes on fairly', async ([, { agentBytesMax, kinds, large }]) => {
    for (let seed = 1; seed <= 5; seed++) {
      const links = seed;
      try {
        await run(new World(seed, { agentBytesMax, links, kinds }), 1_000, large);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
});
