// Finds processes that a test run started and did not end. They are known by a variable in their environment,
// which every descendant inherits, so that nobody else's broker is ever touched.
import { readdirSync, readFileSync } from 'node:fs';

/** The variable's name; its value is the id of the run. */
export const runVariable = 'LOCKSTEP_TEST_RUN';

export type LeftBehind = { readonly pid: number; readonly command: string };

/** Living processes of that run. Empty where there is no /proc. */
export function findLeftBehind(runId: string, procDirectory = '/proc'): LeftBehind[] {
  const found: LeftBehind[] = [];
  for (const entry of list(procDirectory)) {
    if (!/^\d+$/.test(entry)) continue;
    const environment = read(`${procDirectory}/${entry}/environ`).split('\0');
    if (!environment.includes(`${runVariable}=${runId}`)) continue;
    const words = read(`${procDirectory}/${entry}/cmdline`).split('\0').filter(Boolean);
    if (words.length === 0) continue; // it is ending
    const shown = words.filter((word) => !word.includes('.jar')).join(' ');
    found.push({
      pid: Number(entry),
      command: shown.length > 200 ? `${shown.slice(0, 80)} ... ${shown.slice(-100)}` : shown,
    });
  }
  return found;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
