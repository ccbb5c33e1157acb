// One writer, a log and a transaction coordinator in memory: what is asked in which order, and what ends a job.
import { beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../../test/support/manual-clock.ts';
import type { ProducerIdentity } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { EmptyTransactionWriter, type TransactionRequests, transactionalIdOf } from './empty-transactions.ts';
import type { HoleJob, HoleOutcome } from './hole-writer.ts';

/** A coordinator that abides by the rules; tests replace single answers. */
class Coordinator implements TransactionRequests {
  readonly asked: string[] = [];
  readonly ends = new Map<string, bigint>();
  /** Looks at the log end until a marker is there, after EndTxn. */
  looksUntilMarker = 0;
  /** Markers that the next transactions leave. */
  markersEach = 1n;
  epoch = 0;
  open: string | null = null;
  #landing: { partition: string; looks: number } | null = null;

  async init(id: string): Promise<ProducerIdentity> {
    this.asked.push(`init ${id}`);
    if (this.open !== null) this.#grow(this.open, 1n);
    this.open = null;
    return { producerId: 4711n, producerEpoch: this.epoch++ };
  }
  async addPartition(
    id: string,
    producer: ProducerIdentity,
    { topic, partition }: { topic: string; partition: number },
  ): Promise<void> {
    this.asked.push(`add ${id} ${producer.producerEpoch}`);
    this.open = `${topic}-${partition}`;
  }
  async abort(id: string): Promise<void> {
    this.asked.push(`abort ${id}`);
    if (this.open !== null) this.#landing = { partition: this.open, looks: this.looksUntilMarker };
    this.open = null;
  }
  async isComplete(id: string): Promise<boolean> {
    this.asked.push(`complete? ${id}`);
    return true;
  }
  logEnd = async ({ topic, partition }: Pick<HoleJob, 'topic' | 'partition'>): Promise<bigint> => {
    if (this.#landing !== null && this.#landing.looks-- === 0) {
      this.#grow(this.#landing.partition, this.markersEach);
      this.#landing = null;
    }
    return this.ends.get(`${topic}-${partition}`) ?? 0n;
  };
  #grow(partition: string, count: bigint): void {
    this.ends.set(partition, (this.ends.get(partition) ?? 0n) + count);
  }
}

const clock = manualClock();
let coordinator: Coordinator;
let writer: EmptyTransactionWriter;
const id = 'lockstep.us-to-eu.orders-0';

beforeEach(() => {
  coordinator = new Coordinator();
  writer = new EmptyTransactionWriter({
    linkName: 'us-to-eu',
    transactions: coordinator,
    clock,
    markerTimeoutMs: 1_000,
  });
});

/** Runs a job to its end, moving the time on. */
async function outcomeOf(job: Partial<HoleJob> & { offset?: bigint; count?: number } = {}) {
  const { offset = 0n, count = 1, ...rest } = job;
  const outcomes: HoleOutcome[] = [];
  writer.write({
    topic: 'orders',
    topicId: 'id',
    partition: 0,
    markers: { producerId: 1n << 62n, epoch: 0, generation: 1, offset, count },
    onOutcome: (outcome) => outcomes.push(outcome),
    ...rest,
  });
  expect(outcomes).toEqual([]);
  for (let i = 0; i < 100 && outcomes.length === 0; i++) await clock.advance(50);
  await clock.advance(50);
  expect(outcomes).toHaveLength(1);
  return outcomes[0]!;
}

const done = { kind: 'answered', errorCode: 0 };
const kafkaError = (number: number, retriable = false) =>
  new LockstepError('KAFKA_ERROR', `refused with ${number}`, { detail: { number }, retriable });

describe('a job', () => {
  it('takes the transactional id once, and writes marker by marker', async () => {
    coordinator.looksUntilMarker = 2;
    expect(await outcomeOf({ count: 2 })).toMatchObject(done);
    const each = [`add ${id} 0`, `abort ${id}`];
    expect(coordinator.asked).toEqual([`init ${id}`, ...each, ...each, `complete? ${id}`]);
    expect(await outcomeOf({ offset: 2n })).toMatchObject(done);
    expect(coordinator.asked.slice(6)).toEqual([...each, `complete? ${id}`]);
    expect(coordinator.ends.get('orders-0')).toBe(3n);
  });

  it('waits while the transaction before is completing', async () => {
    let refusals = 3;
    const add = coordinator.addPartition.bind(coordinator);
    coordinator.addPartition = async (...args) => {
      if (refusals-- > 0) throw kafkaError(51, true);
      return add(...args);
    };
    expect(await outcomeOf()).toMatchObject(done);
    expect(refusals).toBe(-1);
  });

  it('ends only when its last transaction is complete', async () => {
    let looks = 0;
    coordinator.isComplete = async () => ++looks === 4;
    expect(await outcomeOf()).toMatchObject(done);
    expect(looks).toBe(4);
  });

  it('of the same partition waits for the one before', async () => {
    const first = outcomeOf();
    const second = outcomeOf({ offset: 1n });
    expect([await first, await second]).toMatchObject([done, done]);
    expect(coordinator.asked.filter((line) => line.startsWith('add'))).toHaveLength(2);
  });
});

describe('the log end decides', () => {
  it.each([
    ['a log that ends elsewhere is not written to', { offset: 5n }, 'the log ends at 0 instead of 5'],
    ['two markers of one transaction are told', { twice: true }, 'the log ends at 2 instead of 1'],
    ['a marker that does not come is told', { never: true }, 'no marker came to offset 0 within 1000 ms'],
  ])(
    '%s',
    async (_name, {
      offset = 0n,
      twice,
      never,
    }: { offset?: bigint; twice?: boolean; never?: boolean }, reason) => {
      if (twice) coordinator.markersEach = 2n;
      if (never) coordinator.looksUntilMarker = 1_000_000;
      expect(await outcomeOf({ offset })).toEqual({ kind: 'unknown', reason });
      // The id was taken anew, so that nothing of ours is left open.
      expect(coordinator.asked.at(-1)).toBe(`init ${id}`);
    },
  );

  it('a marker that taking the id leaves behind counts: the hole has become smaller', async () => {
    coordinator.open = 'orders-0';
    expect(await outcomeOf()).toEqual({ kind: 'unknown', reason: 'the log ends at 1 instead of 0' });
    expect(await outcomeOf({ offset: 1n })).toMatchObject(done);
  });
});

describe('trouble', () => {
  it.each([47, 90])(
    'another agent took the id (%i): told as it is, and the id is not taken back',
    async (number) => {
      coordinator.abort = async () => {
        throw kafkaError(number);
      };
      expect(await outcomeOf()).toEqual({
        kind: 'answered',
        errorCode: number,
        reason: `another agent has taken the transactional id. refused with ${number}`,
      });
      expect(coordinator.asked).toEqual([`init ${id}`, `add ${id} 0`]);
      // The next job takes it: then the other agent is fenced.
      coordinator.open = null;
      coordinator.abort = Coordinator.prototype.abort.bind(coordinator);
      expect(await outcomeOf()).toMatchObject(done);
    },
  );

  it('a right that is missing is told with its number', async () => {
    coordinator.init = async () => {
      throw new LockstepError('NOT_AUTHORIZED', 'no WRITE', { detail: { number: 53 } });
    };
    expect(await outcomeOf()).toEqual({
      kind: 'answered',
      errorCode: 53,
      reason:
        'empty transactions need the right WRITE on transactional ids that begin with lockstep.us-to-eu.: no WRITE',
    });
  });

  it('an answer that is lost leaves it unknown', async () => {
    coordinator.abort = async () => {
      throw new LockstepError('REQUEST_TIMED_OUT', 'no answer', { detail: { sent: true } });
    };
    expect(await outcomeOf()).toEqual({ kind: 'unknown', reason: 'no answer' });
    expect(coordinator.asked.at(-1)).toBe(`init ${id}`);
    // What was open is aborted by that, and its marker is in the log before the outcome is told.
    expect(coordinator.ends.get('orders-0')).toBe(1n);
  });

  it('a job that is not wanted any more stops between two markers', async () => {
    let looks = 0;
    expect(await outcomeOf({ count: 5, isWanted: () => ++looks < 4 })).toMatchObject({ kind: 'unknown' });
    expect(coordinator.ends.get('orders-0')).toBe(2n);
  });

  it('closing ends all jobs at once', async () => {
    coordinator.looksUntilMarker = 1_000_000;
    const outcome = outcomeOf({ count: 3 });
    writer.close();
    expect(await outcome).toEqual({ kind: 'unknown', reason: 'the writer was closed' });
    expect(await outcomeOf()).toEqual({ kind: 'unknown', reason: 'the writer was closed' });
  });
});

it('the transactional id names link, topic and partition', () => {
  expect(transactionalIdOf('us-to-eu', { topic: 'orders.eu', partition: 12 })).toBe(
    'lockstep.us-to-eu.orders.eu-12',
  );
});
