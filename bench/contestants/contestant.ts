// What the benchmark needs to know of a program that mirrors a topic.
import type { ChildProcess } from 'node:child_process';
import type { Stage } from '../stage.ts';

export type Contestant = {
  /** The name of the copy in the destination. */
  readonly copyTopic: string;
  /** What it is, for the table. */
  readonly title: string;
  /** Starts exactly one process; all of its work is in it. */
  start(stage: Stage): Promise<ChildProcess>;
};
