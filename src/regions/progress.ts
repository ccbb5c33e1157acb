// What a long step tells whoever waits for it; the caller decides between a bar and plain lines.

/** One sign of life of a long step. `doneCount` and `totalCount` are there where an end is in sight. */
export type Progress = {
  /** What is being done, stable over the step's life: 'kafka 4.3.1', 'region us-east'. */
  readonly step: string;
  /** What happened, in words for a person. */
  readonly message: string;
  readonly doneCount?: number;
  readonly totalCount?: number;
};
export type OnProgress = (progress: Progress) => void;
