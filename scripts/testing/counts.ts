// Counts tests the way the last line of `npm test` promises: whatever did not run because something before it
// broke counts as failed, never as skipped.

export type Counts = { passed: number; failed: number; skipped: number };

export function noCounts(): Counts {
  return { passed: 0, failed: 0, skipped: 0 };
}

/** The last line of `npm test`. */
export function lastLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** A test, suite or file as vitest's reporters see it, reduced to what counting needs. */
export type CountedTask = {
  readonly type: 'test' | 'suite' | 'module';
  /** What the runner says of it: 'passed', 'failed', 'skipped', 'pending', 'queued'. */
  readonly state: string;
  /** Whether it has errors of its own: a file that did not load, a hook that threw. */
  readonly hasErrors: boolean;
  readonly children: readonly CountedTask[];
};

/** Adds up a tree. A suite or file with an error of its own is one failure more. */
export function countTask(task: CountedTask, isInBroken = false): Counts {
  const counts = noCounts();
  if (task.type === 'test') {
    if (task.state === 'passed') counts.passed++;
    else if (task.state === 'skipped' && !isInBroken) counts.skipped++;
    else counts.failed++;
    return counts;
  }
  for (const child of task.children) add(counts, countTask(child, isInBroken || task.hasErrors));
  if (task.hasErrors) counts.failed++;
  // A file may fail without telling why; it must not vanish from the sum.
  if (task.type === 'module' && task.state === 'failed' && counts.failed === 0) counts.failed++;
  return counts;
}

export function add(sum: Counts, more: Counts): void {
  sum.passed += more.passed;
  sum.failed += more.failed;
  sum.skipped += more.skipped;
}
