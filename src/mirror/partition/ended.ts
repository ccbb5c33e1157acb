// States in which a partition is not copied any more until a person does something.
import type { StopKind } from './state.ts';

const ended: Readonly<Record<Exclude<StopKind, 'Stopped'>, true>> = {
  OldRecordFormat: true,
  Diverged: true,
  ForeignData: true,
  SourceTruncated: true,
  SourceRecreated: true,
  DestinationRecreated: true,
  RetentionOvertook: true,
  StartTooFar: true,
  HoleTooLong: true,
  Blocked: true,
  Fenced: true,
};

/** Whether a partition waits for a person; a clean stop is no such end. */
export function hasEnded(state: string): boolean {
  return Object.hasOwn(ended, state);
}
