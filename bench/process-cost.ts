// What one process has cost so far, by the kernel's own books: /proc/<pid>/stat and status. Linux only.
import { readFileSync } from 'node:fs';

export type ProcessCost = {
  /** User and system time of all its threads since it started. */
  readonly cpuSeconds: number;
  /** Its largest resident memory so far (VmHWM). */
  readonly peakRssBytes: number;
  /** Its resident memory now (VmRSS). */
  readonly rssBytes: number;
};

/** Linux has reported these times in hundredths of a second for decades, whatever its own clock. */
const ticksPerSecond = 100;

/** Throws when the process does not exist. */
export function readProcessCost(pid: number, procDirectory = '/proc'): ProcessCost {
  const stat = readFileSync(`${procDirectory}/${pid}/stat`, 'latin1');
  const status = readFileSync(`${procDirectory}/${pid}/status`, 'latin1');
  // The second field is the command in parentheses and may hold blanks: count from the last ')'.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  const peakKib = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]);
  const nowKib = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
  return {
    rssBytes: nowKib * 1024,
    cpuSeconds: (user + system) / ticksPerSecond,
    peakRssBytes: peakKib * 1024,
  };
}
