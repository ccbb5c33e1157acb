// What a hook is told of the move: as JSON on a command's stdin or in a POST's body, and the most important of it in a
// command's environment.
import type { MoveRecord } from '../../control/index.ts';
import type { HookPoint } from '../../topology/index.ts';

/** Never holds a secret. Fields may be added; `v` grows when one changes its meaning. */
export interface HookEvent {
  readonly v: 1;
  readonly group: string;
  readonly kind: MoveRecord['kind'];
  readonly from: string;
  readonly to: string;
  /** Null: all topics of the group. */
  readonly topics: readonly string[] | null;
  /** The move's id: the same for each of its hooks, and when the move is gone on with after a crash. */
  readonly move: string;
  /** The step that is under way. */
  readonly step: string;
  readonly by: string;
  /** When the move began, ISO 8601. */
  readonly startedAt: string;
  /** Why it failed (`at: failure`), or what else people should know; null: nothing. */
  readonly message: string | null;
}

/** As it is sent. */
export type SentHookEvent = HookEvent & { readonly at: HookPoint };

export function hookEvent(move: MoveRecord, message: string | null = null): HookEvent {
  const { group, kind, from, to, topics, step, by } = move;
  const startedAt = new Date(move.startedAtMs).toISOString();
  return { v: 1, group, kind, from, to, topics, move: move.id, step, by, startedAt, message };
}

/** Variables beside those that the command line itself was started with. */
export function hookEnvironment({
  at,
  group,
  kind,
  from,
  to,
  move,
  step,
}: SentHookEvent): Record<string, string> {
  return {
    LOCKSTEP_AT: at,
    LOCKSTEP_GROUP: group,
    LOCKSTEP_KIND: kind,
    LOCKSTEP_FROM: from,
    LOCKSTEP_TO: to,
    LOCKSTEP_MOVE: move,
    LOCKSTEP_STEP: step,
  };
}
