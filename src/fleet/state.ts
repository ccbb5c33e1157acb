// States, events and actions of a member's machine (machine.ts).
import type { LockstepError } from '../errors.ts';
import type { JoinGroupResponse } from '../protocol/index.ts';

/** What the coordinator tells the leader of each member. */
export type JoinedMember = JoinGroupResponse['members'][number];

/** What is done when the connections stand: join, or go on as a member. */
export type NextStep = 'join' | 'beat';

export type Phase =
  | { readonly name: 'Stopped' }
  /** A pause before something is tried again. */
  | { readonly name: 'Waiting'; readonly untilMs: number; readonly next: NextStep | 'joinOnSame' }
  /** The coordinator is looked up and connections to it are opened. */
  | { readonly name: 'Connecting'; readonly next: NextStep }
  /** JoinGroup waits until all members are there. */
  | { readonly name: 'Joining' }
  /** SyncGroup waits until the leader has shared out. */
  | { readonly name: 'Syncing'; readonly sentAtMs: number }
  | { readonly name: 'Stable' }
  | { readonly name: 'Leaving' };

/** Answers carry the number of the join or the connection they belong to. Times are by the member's clock. */
export type MemberEvent =
  | { readonly type: 'start' }
  | { readonly type: 'stop' }
  /** Nothing but the time that has come. */
  | { readonly type: 'wake' }
  | { readonly type: 'workChanged' }
  | { readonly type: 'connected'; readonly connection: number }
  /** A connection closed, could not be opened, or a request got no answer. */
  | { readonly type: 'failed'; readonly connection: number; readonly error: LockstepError }
  | {
      readonly type: 'joined';
      readonly attempt: number;
      readonly generation: number;
      readonly memberId: string;
      readonly leaderId: string;
      readonly protocolName: string;
      readonly members: readonly JoinedMember[];
    }
  | {
      readonly type: 'joinRefused';
      readonly attempt: number;
      readonly errorCode: number;
      readonly memberId: string;
    }
  | { readonly type: 'synced'; readonly attempt: number; readonly keys: readonly string[] }
  | { readonly type: 'syncRefused'; readonly attempt: number; readonly errorCode: number }
  /** The sharing out can't be read. */
  | { readonly type: 'syncUnreadable'; readonly attempt: number; readonly reason: string }
  | {
      readonly type: 'beaten';
      readonly memberId: string;
      readonly generation: number;
      readonly sentAtMs: number;
      readonly errorCode: number;
    }
  | { readonly type: 'released'; readonly keys: readonly string[] }
  | { readonly type: 'left' };

export type MemberAction =
  /** Closes the connections there are, finds the coordinator and opens new ones. */
  | { readonly type: 'connect'; readonly connection: number }
  | { readonly type: 'join'; readonly attempt: number; readonly memberId: string }
  /** `members` is set for the leader, who shares out. */
  | {
      readonly type: 'sync';
      readonly attempt: number;
      readonly memberId: string;
      readonly generation: number;
      readonly protocolName: string;
      readonly members: readonly JoinedMember[] | null;
    }
  | { readonly type: 'beat'; readonly memberId: string; readonly generation: number }
  | { readonly type: 'leave'; readonly memberId: string }
  | { readonly type: 'close' }
  | {
      readonly type: 'assigned';
      readonly added: readonly string[];
      readonly all: readonly string[];
      readonly generation: number;
      /** Who gave these up in the generation of this id was the last to have them; null: anybody may have been. */
      readonly follows: string | null;
    }
  | {
      readonly type: 'revoke';
      readonly keys: readonly string[];
      readonly reason: string;
      /** In which nobody else has these, nor this member again; null: somebody may. */
      readonly generationId: string | null;
    }
  | { readonly type: 'leader'; readonly isLeader: boolean }
  /** Something that does not get better by itself: the first join gives up, later ones are tried now and then. */
  | { readonly type: 'hopeless'; readonly error: LockstepError }
  | { readonly type: 'notice'; readonly level: 'info' | 'warning'; readonly text: string };
