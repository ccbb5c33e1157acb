// What both commands take.

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
export function topicList(text: string): string[] {
  return [
    ...new Set(
      text
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== ''),
    ),
  ];
}
