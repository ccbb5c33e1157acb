// What both kinds of hooks are run with, and how they end.

export interface HookRun {
  /** Folder of lockstep.yaml. */
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Aborted at the time-out, or when the whole move is stopped. */
  readonly signal: AbortSignal;
}

export interface HookEnd {
  /** Null: it did what it should. */
  readonly failure: string | null;
  /** What it said. */
  readonly lines: readonly string[];
}
