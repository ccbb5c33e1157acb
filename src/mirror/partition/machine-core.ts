// What the machine of one partition holds, and the ways out that all its concerns share: starting again from the log,
// ending, and dropping what is in memory. Concerns are functions that get it, a file each; machine.ts says what calls what.

import { compressedBytesMax, mergedBytesMax } from './plan.ts';
import { Returning } from './returning.ts';
import {
  defaultPolicy,
  type FetchedBatch,
  type Flow,
  type LeftLog,
  type PartitionAction,
  type PartitionEvent,
  type PartitionPolicy,
  type PartitionState,
  type StopKind,
} from './state.ts';

export type EventOf<B extends FetchedBatch, T extends PartitionEvent<B>['type']> = Extract<
  PartitionEvent<B>,
  { type: T }
>;

export class MachineCore<B extends FetchedBatch> {
  state: PartitionState<B> = { name: 'Idle' };
  /** Grows whenever everything asked so far becomes void. Answers that carry an older round are ignored. */
  round = 0;
  /** Failures since the last acknowledged append or successful look at both logs. */
  attempt = 0;
  /** How often the destination had lost offsets that were acknowledged (for status and metrics). */
  acknowledgedLostCount = 0;
  /** Offsets that retention at the source took before they were mirrored; a hole stands in their place. */
  sourceLostCount = 0n;
  /** Offsets that became holes. */
  holeOffsetsCount = 0n;
  /** The mirror's end as last known; survives recovery so that a step back is noticed. */
  mirrorEnd: bigint | null = null;
  /** Set by a stop that leaves nothing under way: who follows may go on from there without settling. */
  left: LeftLog | null = null;

  /** Small batches are put together up to so many bytes; less when a broker refuses that as too large, 0: not at all. */
  mergedBytesMax: number = mergedBytesMax;
  /** The same of compressed ones while `mergedBytesMax` is what it was; `mergedBytesMax`, too, once a broker refused more. */
  compressedBytesMax: number = compressedBytesMax;

  readonly policy: PartitionPolicy;
  /** The source's leader epoch of what stands right before `end`, where this worker copied it. */
  copied: { end: bigint; epoch: number } | null = null;
  /** Where this worker has cut fillers off: nothing was lost if the source's start moves on before the first record. */
  cutAt: bigint | null = null;
  /** Losses below are counted in `sourceLostCount`; each start meets them again until their hole is done. */
  lossCountedTo = 0n;
  /** Something landed elsewhere than it was meant to; whether the mirror was closed meanwhile is being read. */
  doubt: { offset: bigint; reason: string; looks: number } | null = null;
  /** Compressed ones are, too, until some can't be read for that. */
  mayRecompress = true;
  /** Batches in front of this offset go alone: one of them could not be read when they were put together. */
  aloneBelow = 0n;
  /** Null: what comes back is welcome, as in a restore. */
  readonly returning: Returning | null;
  /** The destination's leader epoch of the look that copying began with. */
  viewedEpoch = -1;

  /** What is to be done for the event that is being handled, in order. */
  actions: PartitionAction<B>[] = [];

  /**
   * @param ownTag of the cluster that is written to: batches that come back to it are not copied. Default: they are.
   * @param isGrown as `Returning` has it
   */
  constructor(policy: PartitionPolicy = defaultPolicy, ownTag: bigint | null = null, isGrown = false) {
    this.policy = policy;
    this.returning = ownTag === null ? null : new Returning(ownTag, isGrown);
  }

  /** The moving parts while copying, or null in any other state. */
  get flow(): Flow<B> | null {
    return this.state.name === 'Mirroring' || this.state.name === 'Stopping' ? this.state.flow : null;
  }

  readDestination(): void {
    this.state = { name: 'ReadingDestination' };
    this.act({ type: 'readDestination', round: this.round });
  }

  moveTo(flow: Flow<B>, mirrorEnd: bigint): void {
    flow.mirrorEnd = mirrorEnd;
    this.mirrorEnd = mirrorEnd;
    this.attempt = 0;
  }

  recover(reason: string): void {
    this.drop();
    this.attempt += 1;
    this.state = { name: 'Recovering', reason, attempt: this.attempt };
    this.act({ type: 'refreshMetadata', side: 'destination' });
    this.pause('retry', this.attempt);
  }

  lacksRight(reason: string): void {
    // A stop that was asked for must not turn into a start ten seconds later.
    if (this.state.name === 'Stopping') return this.stopOrRecover(reason);
    this.drop();
    this.attempt += 1;
    this.state = { name: 'NotAuthorized', reason, attempt: this.attempt };
    this.pause('notAuthorized', this.attempt);
  }

  stopOrRecover(reason: string): void {
    if (this.state.name === 'Stopping')
      return this.end('Stopped', this.mirrorEnd, `stopped; the last append: ${reason}`);
    this.recover(reason);
  }

  /**
   * Nothing is written any more. Behind a promotion others write rightly, and a person must not be told to delete their
   * topic: so the log is read once more before this is called Diverged.
   */
  suspect(offset: bigint, reason: string): void {
    if (this.state.name === 'Stopping') return this.end('Diverged', offset, reason);
    this.doubt = { offset, reason, looks: 0 };
    this.drop();
    this.readDestination();
  }

  /** Stops where all that was ever sent is answered, and stands in the log. */
  leave({ mirrorEnd }: Flow<B>): void {
    this.left = { logEnd: mirrorEnd, leaderEpoch: this.viewedEpoch };
    this.end('Stopped', mirrorEnd, 'stopped as asked');
  }

  end(name: StopKind, offset: bigint | null, reason: string): void {
    this.drop();
    this.state = { name, offset, reason };
  }

  /** Makes every question asked so far void and gives all memory back. */
  drop(): void {
    const { flow } = this;
    this.round += 1;
    this.act({ type: 'stopFetching' });
    if (flow === null) return;
    giveBack(flow);
    flow.inFlight?.batch.release();
    flow.inFlight = null;
    flow.hole = null;
  }

  pause(kind: Extract<PartitionAction, { type: 'pause' }>['kind'], attempt: number): void {
    this.act({ type: 'pause', round: this.round, kind, attempt });
  }

  act(action: PartitionAction<B>): void {
    this.actions.push(action);
  }
}

/** What waits in the queue, not what is under way. */
export function giveBack<B extends FetchedBatch>(flow: Flow<B>): void {
  for (const step of flow.queue.splice(0)) if (step.kind === 'data') step.batch.release();
  flow.queuedBytes = 0;
}

export function unreadable({ baseOffset }: FetchedBatch, error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  return `the source batch at offset ${baseOffset} can’t be read: ${reason}`;
}
