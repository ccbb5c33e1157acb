// A process id alone is no identity: ids are reused, and a signal sent to a remembered one may hit a stranger.
// A process is named here by its id and the moment it started.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** `startTime` is opaque: clock ticks since boot on Linux, ps's date elsewhere. Equal means the same process. */
export type ProcessIdentity = { readonly pid: number; readonly startTime: string };

/** The identity of a process that runs now, or null when there is none (a zombie counts as gone). */
export function processIdentity(pid: number): ProcessIdentity | null {
  const startTime = process.platform === 'linux' ? linuxStartTime(pid) : psStartTime(pid);
  return startTime === null ? null : { pid, startTime };
}

/** Whether that very process still runs. */
export function isSameProcess(identity: ProcessIdentity): boolean {
  return processIdentity(identity.pid)?.startTime === identity.startTime;
}

function linuxStartTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses and may hold spaces: count from the last ')'.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTicks] = [fields[0], fields[19]];
    return state === 'Z' || state === 'X' ? null : (startTicks ?? null);
  } catch {
    return null;
  }
}

function psStartTime(pid: number): string | null {
  try {
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return started === '' ? null : started;
  } catch {
    return null;
  }
}
