// What a worker fetches of the source, one fetch at a time. As source-reader.ts and partition-reading.ts of the shell do.
import { fetchedBatch, mergedNeighbours } from './sim-batch.ts';
import type { SimWorker } from './sim-worker.ts';
import { noRecord, type SourceBatch } from './source-log.ts';
import type { TailComparing } from './tail-comparing.ts';
import type { World } from './world.ts';

const fetchBatchesMax = 4;
const queueStepsMax = 6;
const idleFetchTicks = 4;

interface Asked {
  readonly offset: number;
  readonly lastFetchedEpoch: number;
  readonly leaderEpoch: number;
}

export class SourceFetching {
  readonly #worker: SimWorker;
  readonly #comparing: TailComparing;
  #fetching: { readonly round: number; lastFetchedEpoch: number } | null = null;
  #isFetchUnderWay = false;

  constructor(worker: SimWorker, comparing: TailComparing) {
    this.#worker = worker;
    this.#comparing = comparing;
  }

  start({ round, lastFetchedEpoch }: { round: number; lastFetchedEpoch: number }): void {
    this.#fetching = { round, lastFetchedEpoch };
  }

  stop(): void {
    this.#fetching = null;
  }

  /** One fetch at a time, as SourceReader does. */
  fetch(): void {
    const { flow } = this.#worker.machine;
    const fetching = this.#fetching;
    if (this.#isFetchUnderWay || fetching === null || flow === null || this.#worker.isFrozen) return;
    if (flow.queue.length > queueStepsMax) return;
    this.#isFetchUnderWay = true;
    const asked: Asked = {
      offset: Number(flow.fetchOffset),
      lastFetchedEpoch: fetching.lastFetchedEpoch,
      leaderEpoch: this.#worker.known.sourceEpoch,
    };
    this.#worker.later(this.#worker.ticks(2), () => {
      const { source } = this.#worker.world;
      const answer = source.fetch({
        ...asked,
        batchCountMax: this.#worker.random.integer(1, fetchBatchesMax),
      });
      const end = source.lastStableOffset;
      this.#worker.later(this.#worker.ticks(2), () => this.#onFetch(asked, answer, end));
    });
  }

  #onFetch(asked: Asked, answer: ReturnType<World['source']['fetch']>, end: number): void {
    if (!this.#worker.isAlive) return;
    if (this.#worker.isFrozen) return this.#worker.whenAwake(() => this.#onFetch(asked, answer, end));
    const next = (ticks: number): void =>
      this.#worker.later(ticks, () => {
        this.#isFetchUnderWay = false;
        if (this.#worker.isAlive && !this.#worker.isFrozen) this.fetch();
        else if (this.#worker.isAlive) this.#worker.whenAwake(() => this.fetch());
      });
    const fetching = this.#fetching;
    if (fetching === null) return next(1);
    const isCurrent = this.#isCurrent(asked);
    if (answer.kind === 'refused') {
      next(3);
      this.#comparing.doubtSource();
      const { errorCode } = answer;
      if (isCurrent)
        this.#worker.deliver({
          type: 'fetchRefused',
          round: fetching.round,
          errorCode,
          reason: `${errorCode}`,
        });
      return;
    }
    if (answer.kind === 'diverging') {
      next(1);
      const { epoch, endOffset } = answer;
      if (isCurrent)
        this.#worker.deliver({
          type: 'sourceDiverged',
          round: fetching.round,
          epoch,
          endOffset: BigInt(endOffset),
        });
      return;
    }
    const unproven = this.#comparing.whyCompareAgain(asked.leaderEpoch);
    if (unproven !== null) {
      next(1);
      return this.#worker.deliver({ type: 'sourceChanged', reason: unproven });
    }
    const isEmpty = answer.batches.length === 0 || this.#worker.world.fates.takesEmptyFetch();
    next(isEmpty ? idleFetchTicks : 0);
    if (!isCurrent) return;
    if (isEmpty) {
      if (this.#worker.mutation.shell?.emptyFetchIsHole && end > asked.offset)
        this.#inventHole(asked, end, fetching.round);
      return;
    }
    fetching.lastFetchedEpoch = (answer.batches.at(-1) as SourceBatch).leaderEpoch;
    const single = answer.batches.map((batch) => fetchedBatch(this.#misread(batch), this.#worker.holdings));
    const batches = mergedNeighbours(single, {
      from: asked.offset,
      bytesMax: this.#worker.machine.mergedBytesMax,
      isTold: this.#worker.mutation.shell?.hidesMerging !== true,
    });
    this.#worker.deliver({ type: 'fetched', round: fetching.round, batches });
  }

  #isCurrent(asked: Asked): boolean {
    if (this.#worker.mutation.shell?.takesAnyFetch) return true;
    return (
      BigInt(asked.offset) === this.#worker.machine.flow?.fetchOffset &&
      asked.lastFetchedEpoch === this.#fetching?.lastFetchedEpoch
    );
  }

  #misread(batch: SourceBatch): SourceBatch {
    const { overlooksAborted, closesGaps } = this.#worker.mutation.shell ?? {};
    if (overlooksAborted && batch.transaction?.outcome === 'aborted') return { ...batch, transaction: null };
    if (closesGaps && !batch.isControl) {
      const values = batch.values.filter((value) => value !== noRecord);
      if (values.length > 0) return { ...batch, values, lastOffset: batch.baseOffset + values.length - 1 };
    }
    return batch;
  }

  #inventHole(asked: Asked, end: number, round: number): void {
    const gap: SourceBatch = {
      baseOffset: asked.offset,
      lastOffset: end - 1,
      values: Array(end - asked.offset).fill(noRecord),
      isControl: true,
      transaction: null,
      leaderEpoch: asked.leaderEpoch,
      isCompressed: false,
      isLogAppendTime: false,
      hasDeleteHorizon: false,
    };
    this.#worker.deliver({ type: 'fetched', round, batches: [fetchedBatch(gap, this.#worker.holdings)] });
  }
}
