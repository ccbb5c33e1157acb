// What the commands take that move a region's work.
import type { Command } from 'commander';
import { LockstepError } from '../../errors.ts';

export interface MoveOptions {
  readonly to: string;
  readonly topics?: readonly string[];
  readonly group?: string;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly resume?: true;
  readonly undo?: true;
  readonly json?: true;
}

/** Time to leave a move so that others can go on with it, once a person has pressed Ctrl-C, ms. */
export const leaveMsMax = 4_000;

/** `--topics a,b`. */
function topicList(text: string): string[] {
  return [
    ...new Set(
      text
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== ''),
    ),
  ];
}

/** @throws LockstepError USAGE for two that contradict each other. */
export function requireOneWay({ resume, undo }: Pick<MoveOptions, 'resume' | 'undo'>): void {
  if (resume && undo) throw new LockstepError('USAGE', '--resume goes on and --undo takes back; not both');
}

/** What stands in the help of the options that all of them have. */
export interface MoveHelp {
  readonly dryRun: string;
  readonly resume: string;
  readonly undo: string;
}

/** Those that all of them have in common, behind their own. */
export function withMoveOptions(command: Command, { dryRun, resume, undo }: MoveHelp): Command {
  return command
    .option('--topics <topics>', 'these topics only: a,b', topicList)
    .option('--group <group>', 'the replication group; default: the only one of the file')
    .option('--dry-run', dryRun)
    .option('--yes', 'do not ask')
    .option('--resume', resume)
    .option('--undo', undo)
    .option('--json', 'print JSON');
}
