// A worker's looks at the mirror: where it ends, what it ends with and who wrote it. As log-inspector.ts of the shell asks.
import type { ProducerEntry } from '../partition/identity.ts';
import type { DestinationView, LogEnds } from '../partition/state.ts';
import type { MirrorFingerprint, MirrorTail } from '../partition/tail.ts';
import { viewOf } from '../partition/view.ts';
import type { LogBatch } from './broker-log.ts';
import type { MirrorContent } from './destination.ts';
import { mirrorFingerprint } from './fingerprints.ts';
import type { SimWorker } from './sim-worker.ts';
import { lookTicksMax } from './ticks.ts';

export interface Facts {
  readonly view: DestinationView;
  readonly tail: MirrorTail | null;
}

export class MirrorLooks {
  readonly #worker: SimWorker;
  /** When the log end was asked for last. */
  #lookedAt = 0;
  /** What was read behind the marker whose answer is being delivered. */
  readBehind: LogEnds | null = null;

  constructor(worker: SimWorker) {
    this.#worker = worker;
  }

  /** Asks the destination's leader; `answer` runs there. */
  #ask(round: number, leaderEpoch: number, answer: () => void): void {
    const fails = this.#worker.world.fates.takesReadFailure();
    this.#worker.later(this.#worker.ticks(2), () => {
      if (!this.#worker.isAlive) return;
      if (this.#worker.isFrozen) return this.#worker.whenAwake(() => this.#ask(round, leaderEpoch, answer));
      if (fails) return this.#worker.readFailed(round, 'the connection broke');
      if (leaderEpoch !== this.#worker.destination.log.leaderEpoch)
        return this.#worker.readFailed(round, 'FENCED_LEADER_EPOCH');
      answer();
    });
  }

  #logEnd(): number {
    const { log } = this.#worker.destination;
    return this.#worker.mutation.shell?.logEndIsHighWatermark ? log.highWatermark : log.end;
  }

  /** As DestinationInspector does: the end, then all else, then the end again. */
  readFacts(round: number, done: (facts: Facts) => void): void {
    const leaderEpoch = this.#worker.known.destinationEpoch;
    this.#ask(round, leaderEpoch, () => {
      const before = this.#logEnd();
      this.#ask(round, leaderEpoch, () => {
        const { log } = this.#worker.destination;
        const { highWatermark, start } = log;
        const entries = log.producers.allFacts();
        const tail = before > start && highWatermark === before ? this.#tailAt(before) : null;
        this.#ask(round, leaderEpoch, () => {
          const end = this.#logEnd();
          done(
            this.#factsOf({ end, start, entries, tail, highWatermark: before === end ? highWatermark : -1 }),
          );
        });
      });
    });
  }

  #factsOf(read: {
    end: number;
    start: number;
    entries: readonly ProducerEntry[];
    tail: MirrorTail | null;
    highWatermark: number;
  }): Facts {
    const { clockMs } = this.#worker.world;
    const { tail, entries } = read;
    const view = viewOf(
      {
        leaderEpoch: this.#worker.known.destinationEpoch,
        logStart: BigInt(read.start),
        logEnd: BigInt(read.end),
        highWatermark: BigInt(read.highWatermark),
        tail,
        entries,
      },
      { ...this.#worker.life, nowMs: clockMs(), random: this.#worker.random.next() },
    );
    if (!this.#worker.mutation.shell?.keepsGeneration) return { view, tail };
    const generation = Math.max(0, ...entries.map(({ coordinatorEpoch }) => coordinatorEpoch));
    return { view: { ...view, generation }, tail };
  }

  #tailAt(end: number): MirrorTail | null {
    const { log } = this.#worker.destination;
    const batch = log.batchAt(end - 1);
    if (batch === null) return null;
    const newest = mirrorFingerprint(batch);
    let data: LogBatch<MirrorContent> | null = batch;
    while (data !== null && data.kind === 'marker') data = log.batchAt(data.baseOffset - 1);
    return {
      newest,
      newestData: data === null ? null : data === batch ? newest : mirrorFingerprint(data),
      // Where the hole begins is asked of the model itself (tail-comparing.ts).
      holeStart: null,
      beforeRun: this.#beforeRun(newest),
    };
  }

  #beforeRun(newest: MirrorFingerprint): MirrorTail['beforeRun'] {
    const { log } = this.#worker.destination;
    if (newest.isControl || newest.producerEpoch <= 0 || newest.lastSequence < 0) return 'unknown';
    const offset = Number(newest.lastOffset) - newest.lastSequence - 1;
    const before = log.batchAt(offset);
    return before === null ? 'unknown' : before.kind;
  }

  readLogEnd(round: number): void {
    const ends = this.readBehind;
    if (ends !== null) {
      this.readBehind = null;
      return this.#worker.later(0, () => this.#worker.deliver({ type: 'logEndRead', round, ends }));
    }
    this.#lookedAt = this.#worker.world.agenda.now;
    const leaderEpoch = this.#worker.known.destinationEpoch;
    this.#ask(round, leaderEpoch, () => {
      const { highWatermark } = this.#worker.destination.log;
      this.#ask(round, leaderEpoch, () => {
        const ends = { leaderEpoch, logEnd: BigInt(this.#logEnd()), highWatermark: BigInt(highWatermark) };
        this.#worker.deliver({ type: 'logEndRead', round, ends });
      });
    });
  }

  /** Somebody else may have written since an old look; who has claimed the partition is safe by its generation. */
  isLookFresh(): boolean {
    if (this.#worker.machine.flow?.isClaimed !== false) return true;
    return this.#worker.world.agenda.now - this.#lookedAt < lookTicksMax;
  }

  /** For planted bugs that do without a look. */
  pretend(): void {
    this.#lookedAt = this.#worker.world.agenda.now;
  }
}
