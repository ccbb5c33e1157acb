// A partition as a rule-abiding broker keeps it, in memory, with deviations that can be switched on: the rules'
// tests need brokers that behave wrongly, and no real one does on demand.
import { BatchView, encodeBatch } from '../../records/index.ts';
import type {
  AppendOptions,
  AppendResult,
  FetchOptions,
  FetchResult,
  MarkerOptions,
  ProbeLog,
  ProbeProducer,
  ProducerEntry,
  WriteResult,
} from './probe-log.ts';

/** Ways in which a broker may differ from what mirrors need. */
export type Deviation =
  | 'refusesChosenIds'
  | 'startsAtSequence0Only'
  | 'acceptsGaps'
  | 'appendsDuplicates'
  | 'forgetsOlderDuplicates'
  | 'answersDuplicatesWithNewOffset'
  | 'acceptsLowerEpochs'
  | 'acceptsBaseOffsets'
  | 'appendsWhatItRefuses'
  | 'appendsTwice'
  | 'appendsDuplicatesSilently'
  | 'sequenceDoesNotWrap'
  | 'logEndIsBehind'
  | 'answersWrongBaseOffset'
  | 'recompresses'
  | 'hidesEntries'
  | 'writesTwoMarkers'
  | 'ignoresMarkers'
  | 'markersAreData'
  | 'markersDoNotFence'
  | 'remembersBatchesOfLowerEpochs'
  | 'ignoresCoordinatorEpochs'
  | 'refusesEqualCoordinatorEpochs'
  | 'newEpochClearsCoordinatorEpoch'
  | 'hidesCoordinatorEpochs'
  | 'newEpochTakesAnySequence'
  | 'acceptsLateMarkers'
  | 'refusesMarkersOfUnknown'
  | 'writesEqualMarkersOnce'
  | 'forgetsAtHighestEpoch'
  | 'ignoresLeaderEpochs'
  | 'neverDiverges'
  | 'cutsNothing';

interface Producer {
  epoch: number;
  lastSequence: number;
  coordinatorEpoch: number;
  batches: { sequence: number; baseOffset: bigint }[];
}

const sequenceCount = 2 ** 31;
const epochMax = 32_767;

export class ModelLog implements ProbeLog {
  readonly leaderEpoch = 4;
  readonly #deviation: Deviation | undefined;
  readonly #producers = new Map<bigint, Producer>();
  readonly #batches: Buffer[] = [];
  readonly #seen = new Set<string>();
  #end = 0n;
  #nextProducerId = 1n << 62n;

  constructor(deviation?: Deviation) {
    this.#deviation = deviation;
  }

  newProducer(): ProbeProducer {
    this.#nextProducerId += 1n;
    return { producerId: this.#nextProducerId, epoch: 0 };
  }

  async logEnd(): Promise<bigint> {
    return this.#is('logEndIsBehind') && this.#end > 0n ? this.#end - 1n : this.#end;
  }

  append({ producerId, epoch, sequence, count = 1, baseOffset = 0n }: AppendOptions): Promise<AppendResult> {
    const records = Array.from({ length: count }, (_, i) => ({
      offset: baseOffset + BigInt(i),
      timestamp: 1n,
      key: null,
      value: null,
      headers: [],
    }));
    return this.appendBatch(
      encodeBatch(records, { producerId, producerEpoch: epoch, baseSequence: sequence }),
    );
  }

  async appendBatch(batch: Buffer): Promise<AppendResult> {
    const endBefore = await this.logEnd();
    const { errorCode, baseOffset } = this.#accept(new BatchView(batch, 0), batch);
    return { errorCode, baseOffset, endBefore, endAfter: await this.logEnd() };
  }

  #accept(view: BatchView, batch: Buffer): { errorCode: number; baseOffset: bigint } {
    const refused = (errorCode: number) => {
      if (this.#is('appendsWhatItRefuses')) this.#end += BigInt(view.recordCount);
      return { errorCode, baseOffset: -1n };
    };
    if (view.baseOffset !== 0n && !this.#is('acceptsBaseOffsets')) return refused(87);
    if (this.#is('refusesChosenIds')) return refused(59);
    const { producerId, producerEpoch: epoch, baseSequence, recordCount } = view;
    const known = this.#producers.get(producerId);
    if (known === undefined && this.#is('startsAtSequence0Only') && baseSequence !== 0) return refused(45);
    if (known !== undefined) {
      if (
        this.#is('remembersBatchesOfLowerEpochs') &&
        this.#seen.has(`${producerId} ${epoch} ${baseSequence}`)
      )
        return { errorCode: 0, baseOffset: 0n };
      if (epoch < known.epoch && !this.#is('acceptsLowerEpochs') && !this.#is('markersDoNotFence'))
        return refused(47);
      const duplicate = epoch === known.epoch ? this.#duplicate(known, baseSequence) : undefined;
      if (duplicate !== undefined) {
        if (this.#is('appendsDuplicatesSilently')) this.#end += BigInt(recordCount);
        return { errorCode: 0, baseOffset: duplicate };
      }
      const next = known.lastSequence < 0 ? 0 : (known.lastSequence + 1) % sequenceCount;
      const expected = epoch > known.epoch ? 0 : next;
      const tolerated =
        this.#is('acceptsGaps') ||
        this.#is('appendsDuplicates') ||
        epoch < known.epoch ||
        (epoch > known.epoch && this.#is('newEpochTakesAnySequence'));
      if (baseSequence !== expected && !tolerated) return refused(45);
    }
    const last = (baseSequence + recordCount - 1) % sequenceCount;
    if (this.#is('sequenceDoesNotWrap') && last < baseSequence) return refused(45);
    return { errorCode: 0, baseOffset: this.#store(view, batch, last) };
  }

  #store(view: BatchView, batch: Buffer, lastSequence: number): bigint {
    const { producerId, producerEpoch: epoch, baseSequence, recordCount } = view;
    const baseOffset = this.#end;
    const before = this.#producers.get(producerId);
    const earlier = before?.epoch === epoch ? before.batches : [];
    const batches = [...earlier, { sequence: baseSequence, baseOffset }].slice(-5);
    const forgets = this.#is('newEpochClearsCoordinatorEpoch') && before?.epoch !== epoch;
    const coordinatorEpoch = forgets ? -1 : (before?.coordinatorEpoch ?? -1);
    this.#producers.set(producerId, { epoch, lastSequence, coordinatorEpoch, batches });
    this.#seen.add(`${producerId} ${epoch} ${baseSequence}`);
    this.#keep(batch);
    this.#end += BigInt(recordCount) * (this.#is('appendsTwice') ? 2n : 1n);
    return this.#is('answersWrongBaseOffset') ? baseOffset + 1n : baseOffset;
  }

  #keep(batch: Buffer): void {
    const kept = Buffer.from(batch);
    kept.writeBigInt64BE(this.#end, 0);
    kept.writeInt32BE(this.leaderEpoch, 12);
    if (this.#is('recompresses')) kept[kept.length - 1] = (kept.at(-1) ?? 0) ^ 1;
    this.#batches.push(kept);
  }

  #duplicate(known: Producer, baseSequence: number): bigint | undefined {
    if (this.#is('appendsDuplicates')) return undefined;
    const remembered = this.#is('forgetsOlderDuplicates') ? known.batches.slice(-1) : known.batches;
    const found = remembered.find((entry) => entry.sequence === baseSequence)?.baseOffset;
    return found !== undefined && this.#is('answersDuplicatesWithNewOffset') ? this.#end : found;
  }

  async writeMarker(options: MarkerOptions): Promise<WriteResult> {
    const endBefore = await this.logEnd();
    const count = this.#is('writesEqualMarkersOnce') ? 1 : (options.count ?? 1);
    let errorCode = 0;
    for (let i = 0; i < count; i++) errorCode = this.#acceptMarker(options);
    return { errorCode, endBefore, endAfter: await this.logEnd() };
  }

  #acceptMarker({ producerId, epoch, coordinatorEpoch }: MarkerOptions): number {
    const known = this.#producers.get(producerId);
    if (known === undefined && this.#is('refusesMarkersOfUnknown')) return 49;
    if (known !== undefined && epoch < known.epoch && !this.#is('acceptsLateMarkers')) return 47;
    if (known !== undefined && this.#isOldCoordinator(coordinatorEpoch, known)) return 52;
    if (this.#is('ignoresMarkers')) return 0;
    const sameEpoch = known !== undefined && known.epoch === epoch;
    this.#producers.set(producerId, {
      epoch,
      coordinatorEpoch,
      lastSequence: sameEpoch ? known.lastSequence : -1,
      batches: sameEpoch ? known.batches : [],
    });
    if (epoch === epochMax && this.#is('forgetsAtHighestEpoch')) this.#producers.delete(producerId);
    const record = { offset: 0n, timestamp: 1n, key: Buffer.alloc(4), value: Buffer.alloc(6), headers: [] };
    const isControl = !this.#is('markersAreData');
    for (let i = 0; i < (this.#is('writesTwoMarkers') ? 2 : 1); i++) {
      this.#keep(
        encodeBatch([record], { isControl, isTransactional: true, producerId, producerEpoch: epoch }),
      );
      this.#end += 1n;
    }
    return 0;
  }

  #isOldCoordinator(coordinatorEpoch: number, known: Producer): boolean {
    if (this.#is('ignoresCoordinatorEpochs')) return false;
    if (this.#is('refusesEqualCoordinatorEpochs') && coordinatorEpoch === known.coordinatorEpoch) return true;
    return coordinatorEpoch < known.coordinatorEpoch;
  }

  async fetch({
    offset,
    currentLeaderEpoch = this.leaderEpoch,
    lastFetchedEpoch = -1,
  }: FetchOptions): Promise<FetchResult> {
    if (currentLeaderEpoch > this.leaderEpoch && !this.#is('ignoresLeaderEpochs')) {
      return { errorCode: 75, batch: null, diverging: null };
    }
    if (lastFetchedEpoch >= 0 && offset > this.#end && !this.#is('neverDiverges')) {
      return { errorCode: 0, batch: null, diverging: { epoch: this.leaderEpoch, endOffset: this.#end } };
    }
    if (offset > this.#end) return { errorCode: 1, batch: null, diverging: null };
    const batch = this.#batches.find((each) => new BatchView(each, 0).nextOffset > offset) ?? null;
    return { errorCode: 0, batch, diverging: null };
  }

  async entry(producerId: bigint): Promise<ProducerEntry | null> {
    const known = this.#producers.get(producerId);
    if (known === undefined || this.#is('hidesEntries')) return null;
    const { epoch, lastSequence, coordinatorEpoch } = known;
    return {
      epoch,
      lastSequence,
      coordinatorEpoch: this.#is('hidesCoordinatorEpochs') ? -1 : coordinatorEpoch,
    };
  }

  async cut(beforeOffset: bigint): Promise<bigint> {
    return this.#is('cutsNothing') ? 0n : beforeOffset;
  }

  #is(deviation: Deviation): boolean {
    return this.#deviation === deviation;
  }
}
