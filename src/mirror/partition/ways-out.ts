// What a person can do about each state that does not end by itself, in one sentence; docs/states.md says more.
import type { StopKind } from './state.ts';

export const waysOut: Readonly<Record<StopKind, string>> = {
  Diverged:
    'Run lockstep verify, withdraw WRITE on the mirror from everybody else, delete the mirror topic and start again.',
  ForeignData:
    'Nothing was touched. Delete this destination topic if nobody needs it, or mirror another one.',
  SourceStartAhead: 'Logs that start above 0 can not be copied yet; nothing wrong was written.',
  SourceRecreated: 'The mirror was left as it is. Delete it to mirror the new topic.',
  DestinationRecreated: 'Start the agent again to fill the new topic from offset 0.',
  Blocked: 'Change the setting that the reason names, then start the agent again.',
  Fenced: 'Nothing, if the promotion was meant.',
  Stopped: 'Start the agent again.',
  HoleAhead: 'Gaps can not be copied yet; what is before it is identical.',
  TransactionAhead: 'Transactions can not be copied yet; what is before it is identical.',
  CompactedBatch: 'Compacted batches can not be copied yet; what is before it is identical.',
  LogAppendTime: 'LogAppendTime can not be copied yet; what is before it is identical.',
  OldRecordFormat: 'Rewrite the topic with a current producer; what is before it is identical.',
  MisalignedBatch: 'Run lockstep verify; then delete the mirror topic and start again.',
};
