// How long a partition pauses, by what it waits for.
import { type BackoffOptions, backoffMs } from '../../client/index.ts';
import type { PauseKind } from '../partition/state.ts';

/** Spread widely, so that many partitions do not come back as one. */
const retryBackoff: BackoffOptions = { initialMs: 100, maxMs: 5_000, jitter: 0.5 };
const replicasPauseMs = 100;
/** How far claims are spread, as a multiple of the settling pause. */
const claimSpread = 2;
const notAuthorizedPauseMs = 10_000;
/** How often a loop is looked at again. */
const loopPauseMs = 15_000;

/** In ms. `attempt`: how often it has failed in a row, from 1 on. */
export function pauseMs(
  kind: PauseKind,
  attempt: number,
  { settleMs, random }: { readonly settleMs: number; readonly random: () => number },
): number {
  switch (kind) {
    case 'settle':
      return settleMs;
    case 'claim':
      // Spread wide: of two workers that start together one is to be done before the other looks.
      return settleMs * (1 + claimSpread * random());
    case 'replicas':
      return replicasPauseMs;
    case 'notAuthorized':
      return notAuthorizedPauseMs;
    case 'loop':
      return loopPauseMs;
    case 'retry':
      return backoffMs(attempt - 1, retryBackoff, random);
  }
}
