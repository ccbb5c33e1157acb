// Whether the mirror stands in the source: as tail-comparer.ts and compare-ends.ts of the shell ask. The judgement is
// production code (tail.ts); what is modelled is when each question is answered, and whether.
import type { TailVerdict } from '../partition/state.ts';
import { judgeTail, type SourceView } from '../partition/tail.ts';
import { isAborted } from './destination.ts';
import { sourceFingerprint } from './fingerprints.ts';
import type { Facts, MirrorLooks } from './mirror-looks.ts';
import type { SimWorker } from './sim-worker.ts';
import { noRecord, type SourceBatch } from './source-log.ts';

/** Before a later life of the mirror begins. */
const comparedOffsets = 64;

export class TailComparing {
  readonly #worker: SimWorker;
  readonly #looks: MirrorLooks;
  /** The source's leader epoch when the newest batch was compared. */
  #comparedEpoch: number | null = null;
  /** The destination's leader epoch at that time. */
  #viewedEpoch: number | null = null;
  /** The source was away, or refused a fetch, since then. */
  #isDoubted = false;

  constructor(worker: SimWorker, looks: MirrorLooks) {
    this.#worker = worker;
    this.#looks = looks;
  }

  /** The destination's leader epoch when the newest batch was compared. */
  get viewedEpoch(): number | null {
    return this.#viewedEpoch;
  }

  doubtSource(): void {
    this.#isDoubted = true;
  }

  /** Why what the source sends is not appended before the newest batch was compared again; null when it may be. */
  whyCompareAgain(leaderEpoch: number): string | null {
    if (this.#worker.mutation.shell?.trustsNewSource) return null;
    if (this.#isDoubted) return 'the connection to the source was made anew';
    return this.#comparedEpoch === null || this.#comparedEpoch === leaderEpoch
      ? null
      : 'the source has another leader epoch';
  }

  compare(round: number): void {
    this.#looks.readFacts(round, (facts) => {
      const { logEnd, highWatermark, leaderEpoch } = facts.view;
      const before = this.#worker.machine.state;
      const isUnmoved =
        before.name === 'ComparingTail' &&
        before.view.logEnd === logEnd &&
        before.view.leaderEpoch === leaderEpoch;
      if (!isUnmoved || highWatermark !== logEnd)
        return this.#worker.readFailed(round, 'the mirror moved while it was compared');
      this.#isDoubted = false;
      const sourceEpoch = this.#worker.known.sourceEpoch;
      const data = facts.tail?.newestData ?? null;
      const offset = Number(data === null ? logEnd - 1n : data.lastOffset);
      const hole = facts.tail?.newest.isControl
        ? { from: data === null ? Number(facts.view.logStart) : offset + 1, to: Number(logEnd) }
        : null;
      this.#worker.later(this.#worker.ticks(2), () => {
        const { source } = this.#worker.world;
        if (sourceEpoch !== source.leaderEpoch)
          return this.#worker.readFailed(round, 'FENCED_LEADER_EPOCH at the source');
        const original = offset >= source.start && offset < source.end ? source.batchFrom(offset) : null;
        const verdict = this.#judge(facts, original, {
          logStart: BigInt(source.start),
          highWatermark: BigInt(source.end),
          lastStableOffset: BigInt(source.lastStableOffset),
          logEnd: BigInt(source.end),
          tail: original && sourceFingerprint(original),
          visibleInHole: hole === null ? null : this.#firstVisible(hole),
        });
        if (verdict === 'unreadable')
          return this.#worker.readFailed(round, 'OFFSET_OUT_OF_RANGE at the mirror');
        if (verdict === 'unsettled') return this.#worker.readFailed(round, 'the source can not say yet');
        this.#comparedEpoch = sourceEpoch;
        this.#viewedEpoch = leaderEpoch;
        const changed = this.#worker.mutation.verdict?.(verdict) ?? verdict;
        this.#worker.deliver({ type: 'tailCompared', round, verdict: changed });
      });
    });
  }

  /** As askFirstVisible does. */
  #firstVisible({ from, to }: { from: number; to: number }): bigint | null {
    const { source } = this.#worker.world;
    if (to > source.end) return null;
    const end = Math.min(to, source.lastStableOffset);
    for (let offset = from; offset < end; offset++) if (source.isVisible(offset)) return BigInt(offset);
    return null;
  }

  /** As TailComparer.compare does. */
  #judge(
    facts: Facts,
    original: SourceBatch | null,
    source: SourceView,
  ): TailVerdict | 'unsettled' | 'unreadable' {
    const judgement = judgeTail(facts.view, facts.tail, source, this.#worker.life);
    if (judgement === 'compareEnds') return this.#compareEnds(facts, source);
    const verdict =
      judgement === 'compareRecords' ? this.#compareRecords(facts, original!, source) : judgement;
    if (typeof verdict === 'string' || verdict.kind !== 'agrees' || verdict.compared) return verdict;
    return this.#holeBeforeRun(facts) ?? this.#earlierRecords(facts) ?? verdict;
  }

  /** As compare-ends.ts does. */
  #compareEnds({ view }: Facts, { logStart }: SourceView): TailVerdict {
    const { source } = this.#worker.world;
    const { log } = this.#worker.destination;
    for (
      let offset = Math.max(log.start, Number(view.logEnd) - comparedOffsets);
      offset < view.logEnd;
      offset++
    ) {
      const batch = log.batchAt(offset);
      const isSeen = batch?.kind === 'data' && !isAborted(batch.content);
      const found = isSeen ? batch.content.values[offset - batch.baseOffset] : noRecord;
      const wanted = source.isVisible(offset) ? source.written(offset) : noRecord;
      if (found !== wanted && !this.#worker.mutation.shell?.trustsFormerPrimary)
        return { kind: 'differs', offset: BigInt(offset), what: 'value' };
    }
    return { kind: 'agrees', lastFetchedEpoch: -1, compared: true, sourceStart: logStart };
  }

  #compareRecords({ tail }: Facts, original: SourceBatch, source: SourceView): TailVerdict | 'unreadable' {
    const { newest, newestData } = tail!;
    const offset = newestData!.lastOffset;
    const copy = this.#worker.destination.log.batchAt(Number(offset));
    // Retention has taken it meanwhile.
    if (copy === null) return 'unreadable';
    const wanted = original.values[Number(offset) - original.baseOffset] ?? noRecord;
    const found = copy.kind === 'data' ? copy.content.values[Number(offset) - copy.baseOffset] : noRecord;
    if (original.isControl) return { kind: 'differs', offset, what: 'only the mirror has a record there' };
    const sourceStart = source.logStart;
    if (wanted === noRecord) return { kind: 'agrees', lastFetchedEpoch: -1, compared: false, sourceStart };
    if (wanted !== found) return { kind: 'differs', offset, what: 'value' };
    const lastFetchedEpoch = newest === newestData ? (source.tail?.partitionLeaderEpoch ?? -1) : -1;
    return { kind: 'agrees', lastFetchedEpoch, compared: true, sourceStart };
  }

  #holeBeforeRun({ tail }: Facts): TailVerdict | null {
    if (tail === null || tail.newest.isControl || tail.beforeRun !== 'marker') return null;
    const { log } = this.#worker.destination;
    const to = Number(tail.newest.lastOffset) - tail.newest.lastSequence;
    let from = to;
    while (log.batchAt(from - 1)?.kind === 'marker') from -= 1;
    const visible = this.#firstVisible({ from, to });
    return visible === null ? null : { kind: 'differs', offset: visible, what: 'a record under a marker' };
  }

  #earlierRecords({ tail }: Facts): TailVerdict | null {
    const data = tail?.newestData ?? null;
    const copy = data === null ? null : this.#worker.destination.log.batchAt(Number(data.lastOffset));
    if (copy === null || copy.kind !== 'data' || copy.content.isFiller) return null;
    const { source } = this.#worker.world;
    for (const [index, value] of copy.content.values.entries()) {
      const offset = copy.baseOffset + index;
      const batch = offset < source.start ? null : source.batchFrom(offset);
      const original = batch?.values[offset - batch.baseOffset] ?? noRecord;
      if (original !== noRecord && original !== value)
        return { kind: 'differs', offset: BigInt(offset), what: 'value' };
    }
    return null;
  }
}
