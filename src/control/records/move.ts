// A region's work on its way to another one.

/** A switchover, failover or restore: written down step by step, so that it can be gone on with or undone. */
export interface MoveRecord {
  readonly v: number;
  readonly id: string;
  readonly group: string;
  readonly kind: 'switchover' | 'failover' | 'restore';
  /** The region that was primary; of a restore: the region that is restored from. */
  readonly from: string;
  /** The region that becomes primary; of a restore: the region that is restored. */
  readonly to: string;
  /** Null: all topics of the group. */
  readonly topics: readonly string[] | null;
  readonly by: string;
  readonly startedAtMs: number;
  readonly changedAtMs: number;
  /** Grows by one with every change; who writes names the one that it saw. */
  readonly revision: number;
  readonly state: 'running' | 'done' | 'undone' | 'failed';
  /** The step that is under way, or was when it ended. */
  readonly step: string;
  readonly done: readonly MoveStepDone[];
  /** Generation of the roles when it began. */
  readonly rolesGeneration: number;
  /** What later steps need of earlier ones; JSON. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** A step of a move that is done. */
export interface MoveStepDone {
  readonly step: string;
  readonly startedAtMs: number;
  readonly tookMs: number;
  /** What was seen, in words. */
  readonly remark: string;
}
