// What a worker writes to the mirror: records, fillers, markers, and the cut of its start.
import type { FillerAppend, LogEnds, MarkerRun, PartitionEvent, PendingAppend } from '../partition/state.ts';
import type { MirrorContent, OnAnswer } from './destination.ts';
import type { MirrorLooks } from './mirror-looks.ts';
import { Requests } from './requests.ts';
import type { SimBatch } from './sim-batch.ts';
import type { SimWorker } from './sim-worker.ts';
import type { TailComparing } from './tail-comparing.ts';

const anotherLeader = 'the mirror has another leader: looking again';
/** DeleteRecords above the high watermark, and other refusals that come from reading. */
const clusterSeen = 'the broker refused';

export class MirrorWrites {
  readonly #worker: SimWorker;
  readonly #looks: MirrorLooks;
  readonly #comparing: TailComparing;
  readonly #requests: Requests;
  /** The round in which markers were sent last. */
  #markersRound = -1;

  constructor(worker: SimWorker, looks: MirrorLooks, comparing: TailComparing) {
    this.#worker = worker;
    this.#looks = looks;
    this.#comparing = comparing;
    this.#requests = new Requests(worker);
  }

  /** Whether nothing that was sent may still be carried out. */
  get isQuiet(): boolean {
    return this.#requests.isQuiet;
  }

  append(round: number, { batch, identity, offset }: PendingAppend<SimBatch>): void {
    if (this.#worker.known.destinationEpoch !== this.#comparing.viewedEpoch)
      return this.#worker.deliver({ type: 'appendUnknown', round, reason: anotherLeader });
    const values = batch.records;
    const keepsHorizon = this.#worker.mutation.shell?.keepsDeleteHorizon === true;
    const hasDeleteHorizon = keepsHorizon && batch.hasDeleteHorizon;
    const { sizeBytes, recordCount } = batch;
    this.#worker.world.trace(
      () =>
        `${this.#worker.name} sends records for ${offset} (${recordCount}, epoch ${identity.epoch}, sequence ${identity.sequence})`,
    );
    this.#appendBatch(
      round,
      { identity, count: recordCount, sizeBytes, offset },
      { values, hasDeleteHorizon, isFiller: false },
    );
    this.#worker.later(1, () => this.#worker.machine.prepare());
  }

  appendFiller(round: number, { identity, count, offset }: FillerAppend): void {
    this.#worker.world.trace(() => `${this.#worker.name} sends ${count} fillers`);
    this.#appendBatch(
      round,
      { identity, count, sizeBytes: 100, offset },
      { values: [], hasDeleteHorizon: false, isFiller: true },
    );
  }

  #appendBatch(
    round: number,
    facts: {
      identity: PendingAppend<SimBatch>['identity'];
      count: number;
      sizeBytes: number;
      offset: bigint;
    },
    content: MirrorContent,
  ): void {
    const destination = this.#worker.destination;
    const { identity, count, sizeBytes } = facts;
    const batch = { ...identity, count, timestampMs: this.#worker.world.recordTime(), content };
    const broker = this.#worker.known.destinationLeader;
    this.#requests.send({
      canRepeat: true,
      carryOut: (onAnswer) => {
        destination.append({ broker, sizeBytes, batch }, (answer) => {
          this.#worker.world.trace(
            () => `  ${this.#worker.name}'s records: ${inWords(answer)}, log end ${destination.log.end}`,
          );
          onAnswer(answer);
        });
        this.#worker.world.onAppend();
      },
      onAnswer: (answer) => {
        const isHeard =
          this.#worker.isAlive && !this.#worker.isFrozen && this.#worker.machine.round === round;
        this.#worker.deliver(appendEvent(round, answer));
        const landedAt = answer?.errorCode === 0 ? BigInt(answer.baseOffset) : facts.offset;
        if (isHeard && landedAt !== facts.offset && this.#worker.machine.round === round)
          this.#worker.world.fail(
            `${this.#worker.name} goes on though a batch for ${facts.offset} landed at ${landedAt}`,
          );
      },
    });
  }

  /** The log end as it is read right behind a marker; null where that proves nothing (marker-writer.ts of the shell). */
  #readBehindOf({ offset, count }: MarkerRun, answer: Parameters<OnAnswer>[0]): LogEnds | null {
    const { log } = this.#worker.destination;
    // Every other one, so that the usual way is gone, too.
    const isAsked = count === 1 && offset % 2n === 0n && log.leaderEpoch === this.#comparing.viewedEpoch;
    if (!isAsked || answer === null) return null;
    const isTaken = this.#worker.mutation.shell?.takesAnyMarkerAnswer === true || answer.errorCode === 0;
    const logEnd = BigInt(log.end);
    if (!isTaken || logEnd !== offset + 1n) return null;
    return { leaderEpoch: log.leaderEpoch, logEnd, highWatermark: logEnd };
  }

  writeMarkers(round: number, markers: MarkerRun): void {
    if (this.#worker.known.destinationEpoch !== this.#comparing.viewedEpoch)
      return this.#worker.deliver({ type: 'markersUnknown', round, reason: anotherLeader });
    const destination = this.#worker.destination;
    const broker = this.#worker.known.destinationLeader;
    const splitAfter =
      markers.count > 1 && this.#worker.world.fates.takesSplit()
        ? this.#worker.random.integer(1, markers.count - 1)
        : 0;
    const { offset, count, epoch, generation } = markers;
    this.#worker.world.trace(
      () =>
        `${this.#worker.name} sends ${count} markers for ${offset} (epoch ${epoch}, generation ${generation})`,
    );
    const isFirst = this.#markersRound !== round;
    this.#markersRound = round;
    const by = {
      worker: this.#worker.name,
      startedAt: this.#worker.startedAt,
      sentAt: this.#worker.world.agenda.now,
      isFirst,
    };
    const resends = this.#worker.mutation.shell?.resendsMarkers === true;
    let readBehind: LogEnds | null = null;
    this.#requests.send({
      canRepeat: false,
      mayLeave: () => {
        if (this.#worker.machine.round !== round) return false;
        if (this.#looks.isLookFresh()) return true;
        this.#worker.deliver({ type: 'markersNotSent', round });
        return false;
      },
      carryOut: (onAnswer) => {
        destination.writeMarkers({ by, broker, markers, splitAfter }, (answer) => {
          this.#worker.world.trace(
            () => `  ${this.#worker.name}'s markers: ${inWords(answer)}, log end ${destination.log.end}`,
          );
          readBehind = this.#readBehindOf(markers, answer);
          onAnswer(answer);
        });
        this.#worker.world.onAppend();
      },
      onAnswer: (answer) => {
        if (resends && (answer === null || answer.errorCode === 7)) return this.writeMarkers(round, markers);
        if (answer === null)
          return this.#worker.deliver({ type: 'markersUnknown', round, reason: 'the connection broke' });
        const { errorCode } = answer;
        this.#looks.readBehind = readBehind;
        this.#worker.deliver({ type: 'markersAnswered', round, errorCode, reason: `error ${errorCode}` });
        this.#looks.readBehind = null;
      },
    });
  }

  cutStart(round: number, beforeOffset: bigint): void {
    const destination = this.#worker.destination;
    const broker = this.#worker.known.destinationLeader;
    this.#requests.send({
      canRepeat: true,
      carryOut: (onAnswer) => {
        const isLeader = broker === destination.leader;
        const start = isLeader ? destination.cut(Number(beforeOffset)) : null;
        onAnswer(start === null ? null : { errorCode: 0, baseOffset: start });
      },
      onAnswer: (answer) => {
        if (answer === null) return this.#worker.readFailed(round, `${clusterSeen} the cut`);
        this.#worker.deliver({ type: 'startCut', round, logStart: BigInt(answer.baseOffset) });
      },
    });
  }
}

function appendEvent(round: number, answer: Parameters<OnAnswer>[0]): PartitionEvent<SimBatch> {
  if (answer === null) return { type: 'appendUnknown', round, reason: 'the connection broke' };
  const { errorCode, baseOffset } = answer;
  if (errorCode === 0) return { type: 'appended', round, baseOffset: BigInt(baseOffset) };
  return { type: 'appendRefused', round, errorCode, reason: `error ${errorCode}` };
}

function inWords(answer: Parameters<OnAnswer>[0]): string {
  if (answer === null) return 'connection broken';
  if (answer.errorCode !== 0) return `error ${answer.errorCode}`;
  return answer.baseOffset < 0 ? 'no error' : `base offset ${answer.baseOffset}`;
}
