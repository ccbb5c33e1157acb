// What a person can do about each state that does not end by itself, in one sentence; docs/states.md says more.
import type { StopKind } from './state.ts';

export const waysOut: Readonly<Record<StopKind, string>> = {
  Diverged:
    'Run lockstep verify, withdraw WRITE on the mirror from everybody else, delete the mirror topic and start again.',
  ForeignData:
    'Nothing was touched. Delete this destination topic if nobody needs it, or mirror another one.',
  SourceTruncated:
    'The mirror holds records that the source lost. Run lockstep verify; keep them, or delete the mirror topic to mirror the source as it is now.',
  SourceRecreated: 'The mirror was left as it is. Delete it to mirror the new topic.',
  DestinationRecreated: 'Start the agent again to fill the new topic from offset 0.',
  RetentionOvertook:
    'Set retentionOvertook: jump on the link to go on behind the gap, or delete the mirror topic to start from what is left.',
  StartTooFar: 'Set start: shifted on the link, or raise fillOffsetsMax, then start the agent again.',
  Blocked: 'Change the setting that the reason names, then start the agent again.',
  Fenced: 'Nothing, if the promotion was meant.',
  Stopped: 'Start the agent again.',
  OldRecordFormat: 'Rewrite the topic with a current producer; what is before it is identical.',
};
