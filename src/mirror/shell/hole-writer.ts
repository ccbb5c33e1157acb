// What fills holes: the offsets of the source that no consumer sees become transaction markers, one each.
//
// Two ways lead there, behind one interface: WriteTxnMarkers (marker-writer.ts), and empty transactions where the right
// for that is missing (empty-transactions.ts). Neither can compare before it appends, and neither's answer proves that
// the log grew as meant: the log end is read afterwards, by whoever asked or by the writer right behind the markers.
import type { LogEnds, MarkerRun } from '../partition/state.ts';
import type { LogAddress } from './log-answers.ts';

/** Kafka answered; 0 does not prove that all were written, another number not that none was. */
export interface AnsweredHole {
  readonly kind: 'answered';
  readonly errorCode: number;
  readonly reason: string;
  /** Where the leader's log ended when the markers had been answered; absent where the writer did not read it. */
  readonly ends?: LogEnds;
}

export type HoleOutcome =
  | AnsweredHole
  /** Nothing was sent: what the job was planned by had become too old when its turn came. */
  | { readonly kind: 'notSent'; readonly reason: string }
  /** Some, all or none may be in the log, now or later. */
  | { readonly kind: 'unknown'; readonly reason: string };

export interface HoleJob {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly markers: MarkerRun;
  /** The same log with the leader epoch it was looked at under, so that its end can be read behind the markers. */
  readonly log?: LogAddress;
  /**
   * Asked just before the markers are sent, since a job may wait behind others: one that is not wanted any more is
   * dropped, and ends as unknown. Default: wanted.
   */
  readonly isWanted?: () => boolean;
  /**
   * Whether the look at the log end that the job was planned by is young enough; asked as `isWanted`, by writers that
   * do not look themselves. Default: it is.
   */
  readonly isFresh?: () => boolean;
  /** Called exactly once, never within `write`. */
  readonly onOutcome: (outcome: HoleOutcome) => void;
}

export interface HoleWriter {
  /** The most markers that one job may ask for. */
  readonly markersPerJobMax: number;
  /** @throws RangeError for a job without markers, or with more than `markersPerJobMax`. */
  write(job: HoleJob): void;
  /** Closes at once; jobs under way end as unknown. */
  close(): void;
}

/** @throws RangeError */
export function checkCount({ topic, partition, markers }: HoleJob, countMax: number): void {
  const { count } = markers;
  if (Number.isInteger(count) && count > 0 && count <= countMax) return;
  throw new RangeError(`${topic}-${partition}: ${count} markers asked for at once, of 1 to ${countMax}`);
}

export const writerClosed = 'the writer was closed';
export const notWanted = 'not sent: the partition starts again';
