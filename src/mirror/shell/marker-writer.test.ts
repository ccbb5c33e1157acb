// One writer and a broker that is played by hand: which jobs share a request, and who gets which answer.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../../client/index.ts';
import type { Input, WriteTxnMarkersRequest, WriteTxnMarkersResponse } from '../../protocol/index.ts';
import type { Answers, LogAddress } from './log-answers.ts';
import { type HoleJob, MarkerWriter, markersPerRequestMax } from './marker-writer.ts';

const producerId = 1n << 62n;
type Answered = [partition: string, errorCode: number];

/** What was sent, an entry a line: `epoch/generation orders-0,1`. */
interface Sent {
  readonly entries: string[];
  answer(...partitions: Answered[]): void;
  fail(error: Error): void;
}

let sent: Sent[];
let heard: string[];
let opened: number;
let nowMs: number;
let whenOpened: () => Promise<void>;
let writer: MarkerWriter;

beforeEach(() => {
  sent = [];
  heard = [];
  opened = 0;
  nowMs = 0;
  whenOpened = async () => {};
  writer = new MarkerWriter({ open, answerTimeoutMs: 40_000, nowMs: () => nowMs });
});

async function open(): Promise<Connection> {
  opened += 1;
  await whenOpened();
  let fail: (error: Error) => void = () => {};
  const connection = {
    isOpen: true,
    abort() {
      this.close();
    },
    close() {
      this.isOpen = false;
      fail(new Error('closed'));
    },
    send: (_api: unknown, request: Input<WriteTxnMarkersRequest>) =>
      new Promise<WriteTxnMarkersResponse>((resolve, reject) => {
        fail = reject;
        const entries = (request.markers ?? []).map(
          (marker) =>
            `${marker.producerEpoch}/${marker.coordinatorEpoch} ${(marker.topics ?? [])
              .map((topic) => `${topic.name}-${topic.partitionIndexes?.join(',')}`)
              .join(' ')}`,
        );
        expect(request.markers?.every((marker) => marker.transactionVersion === 0)).toBe(true);
        expect(request.markers?.every((marker) => marker.transactionResult)).toBe(true);
        const answer = (...partitions: Answered[]): void => {
          const topics = partitions.map(([name, errorCode]) => {
            const [topic = '', partition] = name.split('-');
            return { name: topic, partitions: [{ partitionIndex: Number(partition), errorCode }] };
          });
          resolve({ markers: [{ producerId, topics }] });
        };
        sent.push({ entries, answer, fail: reject });
      }),
  };
  return connection as unknown as Connection;
}

function job(name: string, count: number, run: Partial<HoleJob['markers']> = {}, isWanted = true): HoleJob {
  const [topic = '', partition] = name.split('-');
  return {
    topic,
    topicId: `id of ${topic}`,
    partition: Number(partition),
    markers: { producerId, epoch: 7, generation: 9, offset: 100n, count, ...run },
    isWanted: () => isWanted,
    onOutcome: (outcome) => {
      const code = outcome.kind === 'answered' ? ` ${outcome.errorCode}` : `: ${outcome.reason}`;
      heard.push(`${name} ${outcome.kind}${code}`);
    },
  };
}

/** Resolves when so many requests were sent, or outcomes told. */
const requests = (count: number) => vi.waitFor(() => expect(sent).toHaveLength(count));
const outcomes = (count: number) => vi.waitFor(() => expect(heard).toHaveLength(count));

describe('a request', () => {
  it('takes all that waits, and shares what is alike', async () => {
    writer.write(job('orders-0', 3));
    writer.write(job('orders-1', 2));
    writer.write(job('bills-0', 2));
    writer.write(job('bills-1', 1, { epoch: 2 }));
    writer.write(job('bills-2', 1, { generation: 10 }));
    await requests(1);
    expect(sent[0]?.entries).toEqual([
      '7/9 orders-0,1 bills-0',
      '7/9 orders-0,1 bills-0',
      '7/9 orders-0',
      '2/9 bills-1',
      '7/10 bills-2',
    ]);
    sent[0]?.answer(['orders-0', 0], ['orders-1', 52], ['bills-1', 0], ['bills-2', 47]);
    await outcomes(5);
    expect(heard).toEqual([
      'orders-0 answered 0',
      'orders-1 answered 52',
      'bills-0 unknown: the answer does not mention the partition',
      'bills-1 answered 0',
      'bills-2 answered 47',
    ]);
  });

  it('is the only one under way; what comes meanwhile shares the next, on the same connection', async () => {
    writer.write(job('orders-0', 1));
    await requests(1);
    writer.write(job('orders-1', 1));
    writer.write(job('orders-2', 1));
    await Promise.resolve();
    expect(sent).toHaveLength(1);
    sent[0]?.answer(['orders-0', 0]);
    await requests(2);
    expect(sent[1]?.entries).toEqual(['7/9 orders-1,2']);
    expect(opened).toBe(1);
  });

  it('is counted with what waits, and told of when its outcomes have been', async () => {
    const counts: number[] = [];
    writer = new MarkerWriter({
      ...{ open, answerTimeoutMs: 40_000, nowMs: () => nowMs },
      onDone: () => counts.push(writer.soonCount, heard.length),
    });
    writer.write(job('orders-0', 1));
    writer.write(job('orders-1', 1));
    expect(writer.soonCount).toBe(2);
    await requests(1);
    writer.write(job('orders-2', 1));
    expect(writer.soonCount).toBe(3);
    sent[0]?.answer(['orders-0', 0], ['orders-1', 0]);
    await requests(2);
    sent[1]?.fail(new Error('lost'));
    await outcomes(3);
    await Promise.resolve();
    expect(counts).toEqual([1, 2, 0, 3]);
  });

  it('that takes long is none that the records of others wait for, nor are those behind it', async () => {
    writer = new MarkerWriter({ open, answerTimeoutMs: 40_000, nowMs: () => nowMs });
    writer.write(job('orders-0', 10_000));
    await requests(1);
    expect(writer.soonCount).toBe(1);
    nowMs += 20;
    writer.write(job('orders-1', 1));
    expect(writer.soonCount).toBe(0);
    sent[0]?.answer(['orders-0', 0]);
    await requests(2);
    expect(writer.soonCount).toBe(1);
  });

  it('has at most 10,000 markers, counted for each partition; the rest follows', async () => {
    writer.write(job('orders-0', 6_000));
    writer.write(job('orders-1', 4_000));
    writer.write(job('orders-2', 1));
    await requests(1);
    expect(sent[0]?.entries).toHaveLength(6_000);
    expect(sent[0]?.entries[3_999]).toBe('7/9 orders-0,1');
    expect(sent[0]?.entries[4_000]).toBe('7/9 orders-0');
    sent[0]?.answer(['orders-0', 0], ['orders-1', 0]);
    await requests(2);
    expect(sent[1]?.entries).toEqual(['7/9 orders-2']);
  });

  describe('of a single marker', () => {
    const log = { topic: 'orders', topicId: 'id of orders', partition: 0, leaderEpoch: 4 };
    let asked: string[];
    let tell: (logEnd: bigint | null) => void;
    let told: unknown[];

    beforeEach(() => {
      asked = [];
      told = [];
      const readLogEnds = (_ask: unknown, logs: readonly LogAddress[]): Promise<Answers<bigint>> => {
        asked.push(`${sent.length} sent before ${logs.map(({ partition }) => partition).join(',')}`);
        return new Promise((resolve, reject) => {
          tell = (end) =>
            end === null ? reject(new Error('closed')) : resolve(new Map(logs.map((each) => [each, end])));
        });
      };
      writer = new MarkerWriter({ open, answerTimeoutMs: 40_000, nowMs: () => nowMs, readLogEnds });
    });

    async function answered(errorCode: number, logEnd: bigint | null): Promise<unknown> {
      writer.write({ ...job('orders-0', 1), log, onOutcome: (outcome) => told.push(outcome) });
      await requests(1);
      sent[0]?.answer(['orders-0', errorCode]);
      await Promise.resolve();
      expect(told).toEqual([]);
      tell(logEnd);
      await vi.waitFor(() => expect(told).toHaveLength(1));
      return told[0];
    }

    it('is followed by the question where the log ends, and both are answered together', async () => {
      const ends = { leaderEpoch: 4, logEnd: 101n, highWatermark: 101n };
      expect(await answered(0, 101n)).toMatchObject({ kind: 'answered', errorCode: 0, ends });
      expect(asked).toEqual(['1 sent before 0']);
    });

    it.each<[string, number, bigint | null]>([
      ['it timed out: replicas may lag', 7, 101n],
      ['it was refused', 47, 101n],
      ['the log has not grown', 0, 100n],
      ['the log has grown by more', 0, 102n],
      ['nobody answered', 0, null],
    ])('proves nothing where %s', async (_why, errorCode, logEnd) => {
      expect(await answered(errorCode, logEnd)).not.toHaveProperty('ends');
    });
  });

  it('names a partition once: an answer could not tell two of its runs apart', async () => {
    writer.write(job('orders-0', 1));
    writer.write(job('orders-0', 1, { generation: 10 }));
    await requests(1);
    expect(sent[0]?.entries).toEqual(['7/9 orders-0']);
    sent[0]?.answer(['orders-0', 0]);
    await requests(2);
    expect(sent[1]?.entries).toEqual(['7/10 orders-0']);
  });

  it.each([0, -1, 1.5, markersPerRequestMax + 1])('with %s markers is a mistake of ours', (count) => {
    expect(() => writer.write(job('orders-0', count))).toThrow(RangeError);
  });
});

describe('a request without an answer', () => {
  it('leaves all its jobs unknown, and its connection is given up', async () => {
    writer.write(job('orders-0', 1));
    writer.write(job('orders-1', 1));
    await requests(1);
    sent[0]?.fail(new Error('no answer within 40000 ms'));
    await outcomes(2);
    expect(heard).toEqual([
      'orders-0 unknown: no answer within 40000 ms',
      'orders-1 unknown: no answer within 40000 ms',
    ]);
    writer.write(job('orders-0', 1));
    await requests(2);
    expect(opened).toBe(2);
  });

  it('because no connection could be opened is told the same way, and tried again by the next', async () => {
    whenOpened = async () => {
      if (opened === 1) throw new Error('nobody answers');
    };
    writer.write(job('orders-0', 1));
    await outcomes(1);
    expect(heard).toEqual(['orders-0 unknown: nobody answers']);
    writer.write(job('orders-0', 1));
    await requests(1);
  });

  it('because the writer was closed: under way, waiting, and late', async () => {
    writer.write(job('orders-0', 1));
    await requests(1);
    writer.write(job('orders-1', 1));
    writer.close();
    writer.write(job('orders-2', 1));
    await outcomes(3);
    expect(heard.sort()).toEqual([
      'orders-0 unknown: the writer was closed',
      'orders-1 unknown: the writer was closed',
      'orders-2 unknown: the writer was closed',
    ]);
    expect(sent).toHaveLength(1);
  });

  it('because the writer was closed while it connected', async () => {
    let letIn = (): void => {};
    whenOpened = () =>
      new Promise((resolve) => {
        letIn = resolve;
      });
    writer.write(job('orders-0', 1));
    await vi.waitFor(() => expect(opened).toBe(1));
    writer.close();
    letIn();
    await outcomes(1);
    expect(heard).toEqual(['orders-0 unknown: the writer was closed']);
    expect(sent).toEqual([]);
  });
});

describe('a job that waited', () => {
  it('is not sent when it is not wanted any more', async () => {
    writer.write(job('orders-0', 1, {}, false));
    writer.write(job('orders-1', 1));
    await requests(1);
    expect(sent[0]?.entries).toEqual(['7/9 orders-1']);
    expect(heard).toEqual(['orders-0 unknown: not sent: the partition starts again']);
  });

  it('is not sent after a minute, as when the process was frozen', async () => {
    writer.write(job('orders-0', 1));
    nowMs = 60_001;
    await outcomes(1);
    expect(heard[0]).toMatch(/^orders-0 unknown: not sent: it has waited 60 s/);
    expect(sent).toEqual([]);
  });
});
