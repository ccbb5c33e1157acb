// A check of a move: a name, a mark and a detail. What fails stops a switchover before anything was done.

export interface Checked {
  readonly name: string;
  readonly mark: 'ok' | 'warn' | 'FAIL';
  readonly detail: string;
}

/** The check says no. */
export class CheckFailed extends Error {
  override name = 'CheckFailed';
  readonly failed: readonly Checked[];

  constructor(failed: readonly Checked[]) {
    super(failed.map(({ name, detail }) => `${name}: ${detail}`).join('; '));
    this.failed = failed;
  }
}

export function checkedLine({ name, mark, detail }: Checked): string {
  return `  ${mark.padEnd(4)}  ${name}: ${detail}`;
}

export const ok = (name: string, detail: string): Checked => ({ name, mark: 'ok', detail });
export const warn = (name: string, detail: string): Checked => ({ name, mark: 'warn', detail });
export const fail = (name: string, detail: string): Checked => ({ name, mark: 'FAIL', detail });
