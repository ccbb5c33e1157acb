// What the parts of the room share: a group with its regions as they can be reached now, and a move as steps.
import type { Cluster, ClusterConfig } from '../client/index.ts';
import type { AnswerRecord, CommandBody, FleetState, MoveRecord, RolesRecord } from '../control/index.ts';
import type { ReplicationGroupConfig, Topology } from '../topology/index.ts';

/** A region that answers. */
export interface OpenRegion {
  readonly name: string;
  readonly config: ClusterConfig;
  readonly cluster: Cluster;
  /** What its control topic says, followed; null where it has none. */
  readonly state: FleetState | null;
  /** Asks its fleet. @throws LockstepError NO_AGENT, REQUEST_TIMED_OUT; what the leader refused is in the answer. */
  send(
    body: CommandBody,
    options: { readonly timeoutMs: number; readonly isDryRun?: boolean; readonly signal?: AbortSignal },
  ): Promise<AnswerRecord>;
}

/** A region that does not, and why, in words. */
export interface ClosedRegion {
  readonly name: string;
  readonly config: ClusterConfig;
  readonly cluster: null;
  readonly state: null;
  readonly reason: string;
}

export type Region = OpenRegion | ClosedRegion;

export interface OpenGroup extends AsyncDisposable {
  readonly topology: Topology;
  readonly config: ReplicationGroupConfig;
  /** By name; all regions of the group. */
  readonly regions: ReadonlyMap<string, Region>;
  /** The newest roles that any region tells; null: none has any. */
  readonly roles: () => RolesRecord | null;
  /** Tries to reach regions that did not answer. */
  reopen(): Promise<void>;
}

/** What the steps of a move work with. */
export interface MoveContext {
  readonly group: OpenGroup;
  /** Where the move is written down: the region that becomes primary (or is restored from). */
  readonly home: OpenRegion;
  readonly by: string;
  readonly nowMs: () => number;
  /** A line below the step that is under way. */
  readonly say: (line: string) => void;
  /** Keeps facts in the move's record at once: what a step is about to make, so that it can be taken back after a crash. */
  readonly note: (facts: Readonly<Record<string, unknown>>) => Promise<void>;
  readonly signal: AbortSignal;
}

export interface StepOutcome {
  /** What was seen, in words; stands beside the step. */
  readonly remark: string;
  /** Kept in the move's record for later steps. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/**
 * One numbered step. It may be run again after a crash in its midst or behind it: whatever it did already must be found
 * done, or be done again without harm.
 */
export interface Step {
  readonly name: string;
  /** What is done, for people: `promote the mirrors at eu-west`. */
  title(move: MoveRecord): string;
  /** What it would do now, in words, for the plan; changes nothing. Absent: the title says it. */
  preview?(context: MoveContext, move: MoveRecord): Promise<string>;
  /** How long it may take, ms; then it has failed, and can be gone on with. Default 60 s. */
  limitMs?(move: MoveRecord): number;
  run(context: MoveContext, move: MoveRecord): Promise<StepOutcome>;
  /**
   * Takes back what it did; absent: there is nothing to take back. Not called behind the point of no return; the step
   * that is this point may have one that refuses where it is too late.
   */
  undo?(context: MoveContext, move: MoveRecord): Promise<string>;
  /** When this step has begun, the move can only go on. */
  readonly isPointOfNoReturn?: true;
}
