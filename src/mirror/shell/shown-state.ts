// The state that people see. While a partition copies, the machine has one state; what it waits for meanwhile has a
// name of its own here, since "Mirroring" beside a lag that grows explains nothing.
import type { FillingHole } from '../partition/hole.ts';
import type { PartitionState } from '../partition/state.ts';

/** Shown in place of `Mirroring`. */
export type WaitingState = 'WaitingForTransaction' | 'WaitingAtHole' | 'ClaimingHole' | 'FillingHole';

/** What is known of a partition that copies. */
export interface CopyingFacts {
  readonly hole: FillingHole | null;
  readonly mirrorEnd: bigint;
  /** Why an open transaction holds the partition up, once it has for a while. */
  readonly transaction: string | null;
  /** From where to where the source has answered with nothing for a while, although its end is higher. */
  readonly silence: { readonly from: bigint; readonly to: bigint } | null;
}

export interface ShownState {
  readonly name: PartitionState['name'] | WaitingState;
  readonly reason: string | null;
}

/** What the facts amount to; null when the partition simply copies. */
export function waitingState({ hole, mirrorEnd, transaction, silence }: CopyingFacts): ShownState | null {
  if (hole !== null) {
    const missing = hole.end - mirrorEnd;
    const what = `${missing} offsets up to ${hole.end} hold nothing for consumers at the source`;
    if (hole.phase === 'claiming' || hole.phase === 'looking')
      return {
        name: 'ClaimingHole',
        reason: `${what}; looking that nobody else writes before markers are put there`,
      };
    return { name: 'FillingHole', reason: `${what}; markers are being written` };
  }
  if (transaction !== null) return { name: 'WaitingForTransaction', reason: transaction };
  if (silence === null) return null;
  const reason = `the source answers with nothing from ${silence.from} on, and ends at ${silence.to}: only the next record proves that nothing was there`;
  return { name: 'WaitingAtHole', reason };
}
