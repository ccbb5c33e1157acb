// What a person asked of a switchover; kept in the move's facts, so that it holds when it is gone on with.
import type { MoveRecord } from '../../control/index.ts';

export interface SwitchoverOptions {
  /** Producers are stopped by ACLs. */
  readonly denyWrites: boolean;
  /** How long producers may take to stop, and mirrors to catch up, ms. */
  readonly timeoutMs: number;
}

export const switchoverDefaults: SwitchoverOptions = { denyWrites: false, timeoutMs: 60_000 };

export function optionsOf({ facts }: MoveRecord): SwitchoverOptions {
  return { ...switchoverDefaults, ...(facts.options as Partial<SwitchoverOptions> | undefined) };
}
