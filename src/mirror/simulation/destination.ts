// The destination's brokers in a simulated world: they carry out requests, wait for the follower before they answer,
// change leaders, and have every append compared with the source.
import {
  closingEpoch,
  generationMax,
  isContinued,
  isFillerProducerId,
  type MirrorLife,
  unrotated,
} from '../partition/identity.ts';
import type { MarkerRun } from '../partition/state.ts';
import type { Agenda } from './agenda.ts';
import { BrokerLog, type DataToAppend, mergedAnswer } from './broker-log.ts';
import type { SeededRandom } from './random.ts';
import type { SourceLog } from './source-log.ts';
import type { Truth } from './truth.ts';

/** What a data batch of a mirror holds. */
export interface MirrorContent {
  readonly values: readonly number[];
  readonly hasDeleteHorizon: boolean;
  readonly isFiller: boolean;
  /** Of what a producer wrote in one: aborted records stand in the log, and no consumer sees them. */
  readonly transaction?: { readonly outcome: 'open' | 'committed' | 'aborted' } | null;
}

export function isAborted({ transaction }: MirrorContent): boolean {
  return transaction?.outcome === 'aborted';
}

export type SimulatedLog = BrokerLog<MirrorContent>;

/** `null`: the connection broke. */
export type WriteAnswer = { readonly errorCode: number; readonly baseOffset: number } | null;
export type OnAnswer = (answer: WriteAnswer) => void;

export interface AppendRequest {
  /** The broker that it was sent to. Requests that write name no leader epoch: one that leads again takes them. */
  readonly broker: number;
  readonly sizeBytes: number;
  readonly batch: DataToAppend<MirrorContent>;
}

/** Who sends markers, and since when it knows what. */
export interface MarkerAuthor {
  readonly worker: string;
  /** When it read the log that its generation follows from. */
  readonly startedAt: number;
  readonly sentAt: number;
  /** The first request of its generation: the log end was looked at right before. */
  readonly isFirst: boolean;
}

export interface MarkersRequest {
  readonly by: MarkerAuthor;
  readonly broker: number;
  readonly markers: MarkerRun;
  /** Markers after which other requests come in between; 0: none do. */
  readonly splitAfter: number;
}

interface Waiting {
  readonly end: number;
  readonly baseOffset: number;
  readonly answer: OnAnswer;
}

const notLeader = 6;
const requestTimedOut = 7;
const messageTooLarge = 10;
const notEnoughReplicas = 19;
const notEnoughReplicasAfterAppend = 20;
/** Generations of workers that start within this time are in no order (identity.ts). */
const generationTicks = 90;
const liveProducerId = 7n;
/** What stands for closing markers where none are written, as a planted bug. */
const harmlessProducerId = 9n;
/** How long a broker waits for its follower, in ticks. */
const ackTicksMax = 15;

export class Destination {
  readonly log: SimulatedLog = new BrokerLog<MirrorContent>();
  /** Where a promotion has closed the mirror; null while it has not. */
  closedAt: number | null = null;
  /** Whose workers may write; null: whoever wants. */
  life: MirrorLife | null = null;
  /** The broker that leads: 0 or 1. */
  leader = 0;
  /** Replication stands still until then. */
  stalledUntil = -1;
  /** Too few replicas are in sync until then. */
  lacksReplicasUntil = -1;
  /** message.max.bytes. */
  readonly batchBytesMax: number;
  readonly #agenda: Agenda;
  readonly #random: SeededRandom;
  readonly #truth: Truth;
  #waiting: Waiting[] = [];
  /** By offset: who wrote the marker there; null for data. And when. */
  readonly #landed: { readonly by: MarkerAuthor | null; readonly at: number }[] = [];
  #isReplicating = false;
  /** How often each thing happened. */
  readonly seen = { duplicate: 0, refused: 0, markerRefused: 0, formerRefused: 0, timedOut: 0, lost: 0 };

  constructor(options: { agenda: Agenda; random: SeededRandom; truth: Truth; batchBytesMax: number }) {
    this.#agenda = options.agenda;
    this.#random = options.random;
    this.#truth = options.truth;
    this.batchBytesMax = options.batchBytesMax;
  }

  append({ broker, sizeBytes, batch }: AppendRequest, answer: OnAnswer): void {
    const { log } = this;
    if (broker !== this.leader) return answer(refusal(notLeader));
    if (sizeBytes > this.batchBytesMax) return answer(refusal(messageTooLarge));
    const lacksReplicas = this.#lacksReplicas();
    if (lacksReplicas && this.#random.chance(0.5)) return answer(refusal(notEnoughReplicas));
    const previous = log.newest;
    const { errorCode, baseOffset, isDuplicate } = log.append(batch);
    if (errorCode !== 0) {
      this.seen.refused += 1;
      if (this.#formerLife(batch.producerId) !== null) this.seen.formerRefused += 1;
      return answer(refusal(errorCode));
    }
    if (isDuplicate) this.seen.duplicate += 1;
    else {
      this.#landed[baseOffset] = { by: null, at: this.#agenda.now };
      this.#compare(batch, baseOffset, previous !== null && this.#isReadableFiller(previous));
      this.replicateSoon();
    }
    if (lacksReplicas) return answer(refusal(notEnoughReplicasAfterAppend));
    this.#wait({ end: baseOffset + batch.count, baseOffset, answer });
  }

  writeMarkers(request: MarkersRequest, answer: OnAnswer): void {
    const { markers, splitAfter } = request;
    if (splitAfter <= 0 || splitAfter >= markers.count) {
      return this.#finishMarkers(this.#writeSome(request, markers.count), answer);
    }
    const codes = this.#writeSome(request, splitAfter);
    this.#agenda.add(this.#random.integer(1, 2), () => {
      this.#finishMarkers([...codes, ...this.#writeSome(request, markers.count - splitAfter)], answer);
    });
  }

  #writeSome({ by, broker, markers }: MarkersRequest, count: number): number[] {
    const { log } = this;
    const codes: number[] = [];
    if (broker !== this.leader) return [notLeader];
    if (this.#lacksReplicas()) return [notEnoughReplicas];
    const { producerId, epoch, generation, offset } = markers;
    for (let i = 0; i < count; i++) {
      const at = log.end;
      const previous = log.newest;
      const code = log.writeMarker({ producerId, epoch, coordinatorEpoch: generation }, this.#agenda.now);
      codes.push(code);
      if (code !== 0) {
        this.seen.markerRefused += 1;
        if (this.#formerLife(producerId) !== null) this.seen.formerRefused += 1;
        continue;
      }
      if (previous !== null && this.#isReadableFiller(previous))
        this.#truth.noteWrong('filler', at, `a marker at ${at} follows fillers that can be read`);
      this.replicateSoon();
      this.#landed[at] = { by, at: this.#agenda.now };
      const former = this.#formerLife(producerId);
      if (former !== null) this.#truth.noteWrong('marker', at, `${former} wrote a marker at ${at}`);
      else if (this.closedAt === null)
        this.#truth.markerAppended(at, this.#isInWindow(Number(offset), at, by));
      else this.#truth.noteWrong('marker', at, `a worker wrote a marker at ${at}, behind the promotion`);
    }
    return codes;
  }

  #finishMarkers(codes: readonly number[], answer: OnAnswer): void {
    const errorCode = mergedAnswer(codes, { hasFollowers: true });
    if (!codes.includes(0)) return answer(refusal(errorCode));
    this.#wait({ end: this.log.end, baseOffset: -1, answer });
  }

  /**
   * The known window: from the hole's start on there are only markers; another author wrote some, that had read the log
   * no later or at about the same time, and they came in after this request was sent. In place of a marker there can be
   * a record that the other one had read before the source's cleaner took it.
   */
  #isInWindow(holeStart: number, at: number, by: MarkerAuthor): boolean {
    let hasOthers = false;
    for (let offset = holeStart; offset < at; ) {
      const batch = this.log.batchAt(offset);
      const landed = this.#landed[offset];
      if (batch === null || landed === undefined) return false;
      offset += batch.count;
      // Another worker, or a request that this one sent before it started again.
      if (landed.by?.worker === by.worker && landed.by.startedAt === by.startedAt) continue;
      if (landed.by === null && this.#truth.isVisible(holeStart)) return false;
      if (landed.by !== null && landed.by.startedAt > by.startedAt + generationTicks) return false;
      if (by.isFirst && landed.at < by.sentAt) return false;
      hasOthers = true;
    }
    return hasOthers;
  }

  #compare(batch: DataToAppend<MirrorContent>, baseOffset: number, followsFiller: boolean): void {
    const { content } = batch;
    const former = this.#formerLife(batch.producerId);
    if (former !== null)
      return this.#truth.noteWrong('record', baseOffset, `${former} wrote at ${baseOffset}`);
    if (this.closedAt !== null)
      return this.#truth.noteWrong(
        'record',
        baseOffset,
        `a worker wrote at ${baseOffset}, behind the promotion`,
      );
    if (content.isFiller) return this.#truth.fillerAppended(baseOffset, batch.count);
    if (isFillerProducerId(batch.producerId))
      this.#truth.noteWrong('attributes', baseOffset, `data at ${baseOffset} carries a filler’s producer id`);
    if (followsFiller)
      this.#truth.noteWrong('filler', baseOffset, `data at ${baseOffset} follows fillers that can be read`);
    if (content.hasDeleteHorizon)
      this.#truth.noteWrong(
        'attributes',
        baseOffset,
        `the batch at ${baseOffset} has the source’s delete horizon`,
      );
    this.#truth.recordsAppended(baseOffset, content.values);
  }

  #isReadableFiller(batch: NonNullable<SimulatedLog['newest']>): boolean {
    return batch.kind === 'data' && batch.content.isFiller && batch.baseOffset + batch.count > this.log.start;
  }

  #formerLife(producerId: bigint): string | null {
    if (this.life === null || unrotated(producerId) === unrotated(this.life.producerId)) return null;
    return 'a worker of a former life';
  }

  /** As fencePartition does, which waits for replicas: two closing markers. Then others write. */
  close(life: MirrorLife, { isHarmless = false }: { isHarmless?: boolean } = {}): void {
    const { log } = this;
    this.closedAt ??= log.end;
    let { producerId } = life;
    for (const batch of log.batches()) {
      if (isContinued(batch.producerId, life) && !isFillerProducerId(batch.producerId))
        producerId = batch.producerId;
    }
    for (const id of [producerId, producerId + 1n]) {
      const closing = { producerId: id, epoch: closingEpoch, coordinatorEpoch: generationMax };
      const harmless = { producerId: harmlessProducerId, epoch: 0, coordinatorEpoch: 0 };
      log.writeMarker(isHarmless ? harmless : closing, this.#agenda.now);
    }
    log.replicate();
    log.raiseHighWatermark();
    this.#answerReplicated();
  }

  /** A producer of the promoted topic. */
  writeLive(): void {
    const { log } = this;
    const sequence = (log.producers.facts(liveProducerId)?.lastSequence ?? -1) + 1;
    const content = { values: [], hasDeleteHorizon: false, isFiller: false };
    const writer = { producerId: liveProducerId, epoch: 0, sequence };
    log.append({ ...writer, count: 1, timestampMs: this.#agenda.now, content });
    this.replicateSoon();
  }

  /** The log of a primary: what its producers wrote, as they wrote it. */
  takeFrom(source: SourceLog): void {
    const { log } = this;
    for (let batch = source.batchFrom(log.end); log.end < source.end; batch = source.batchFrom(log.end)) {
      if (batch === null || batch.baseOffset !== log.end)
        throw new Error(`the source has no batch that begins at ${log.end}`);
      const { values, isControl, transaction } = batch;
      const sequence = (log.producers.facts(liveProducerId)?.lastSequence ?? -1) + 1;
      const writer = { producerId: liveProducerId, epoch: 0 };
      const content = { values, hasDeleteHorizon: false, isFiller: false, transaction };
      if (isControl) log.writeMarker({ ...writer, coordinatorEpoch: 0 }, this.#agenda.now);
      else log.append({ ...writer, sequence, count: values.length, timestampMs: this.#agenda.now, content });
    }
    log.replicate();
    log.raiseHighWatermark();
  }

  /** DeleteRecords; null when it asks for more than is replicated. */
  cut(beforeOffset: number): number | null {
    if (beforeOffset > this.log.highWatermark) return null;
    this.log.cut(beforeOffset);
    return this.log.start;
  }

  // ── Replication ─────────────────────────────────────────────────────────────────────────────────────

  #wait(waiting: Waiting): void {
    if (waiting.end <= this.log.highWatermark) return waiting.answer(answerOf(waiting));
    this.#waiting.push(waiting);
    this.#agenda.add(ackTicksMax, () => {
      const index = this.#waiting.indexOf(waiting);
      if (index < 0) return;
      this.#waiting.splice(index, 1);
      this.seen.timedOut += 1;
      waiting.answer(refusal(requestTimedOut));
    });
    this.replicateSoon();
  }

  replicateSoon(): void {
    if (this.#isReplicating) return;
    this.#isReplicating = true;
    const delay = Math.max(this.#random.integer(0, 2), this.stalledUntil - this.#agenda.now);
    this.#agenda.add(delay, () => {
      if (this.stalledUntil > this.#agenda.now) {
        this.#isReplicating = false;
        return this.replicateSoon();
      }
      // Not always all of it.
      this.log.replicate(this.#random.chance(0.3) ? this.#random.integer(1, 2) : Number.POSITIVE_INFINITY);
      this.#agenda.add(this.#random.integer(0, 1), () => {
        this.#isReplicating = false;
        this.log.raiseHighWatermark();
        this.#answerReplicated();
        if (this.log.highWatermark < this.log.end) this.replicateSoon();
      });
    });
  }

  #answerReplicated(): void {
    const { highWatermark } = this.log;
    const done = this.#waiting.filter(({ end }) => end <= highWatermark);
    if (done.length === 0) return;
    this.#waiting = this.#waiting.filter(({ end }) => end > highWatermark);
    for (const waiting of done) waiting.answer(answerOf(waiting));
  }

  #lacksReplicas(): boolean {
    return this.lacksReplicasUntil > this.#agenda.now;
  }

  // ── Leaders ─────────────────────────────────────────────────────────────────────────────────────────

  /** What was not replicated is gone; who waited for that hears that this broker leads no more. */
  changeLeader(): void {
    this.leader = 1 - this.leader;
    this.#lost(this.log.changeLeader());
    this.#answerAll(refusal(notLeader));
  }

  /** The same broker leads again where it was the one that lost its tail. */
  electUnclean(end: number, { isSameLeader }: { isSameLeader: boolean }): void {
    if (!isSameLeader) this.leader = 1 - this.leader;
    this.#lost(this.log.electUnclean(end));
    this.#answerAll(refusal(notLeader));
  }

  /** The leader starts again, with or without having been stopped in order; its connections break. */
  restart(options: { isClean: boolean; expirationTicks: number }): void {
    const { isClean, expirationTicks } = options;
    this.log.restart({ isClean, nowMs: this.#agenda.now, expirationMs: expirationTicks });
    this.log.leaderEpoch += 1;
    this.#answerAll(null);
  }

  #lost({ lostCount }: { lostCount: number }): void {
    this.seen.lost += lostCount;
    this.#truth.truncated(this.log.end);
  }

  #answerAll(answer: WriteAnswer): void {
    for (const waiting of this.#waiting.splice(0)) waiting.answer(answer);
    this.replicateSoon();
  }
}

function refusal(errorCode: number): WriteAnswer {
  return { errorCode, baseOffset: -1 };
}

function answerOf({ baseOffset }: Waiting): WriteAnswer {
  return { errorCode: 0, baseOffset };
}
