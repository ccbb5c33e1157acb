// A reporter that prints nothing: it leaves the counts of the run in the file named by LOCKSTEP_TEST_COUNTS,
// for the last line of scripts/test.ts.
import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule, TestSuite } from 'vitest/node';
import { add, type CountedTask, countTask, noCounts } from './counts.ts';

export default class CountsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = noCounts();
    for (const module of modules) add(counts, countTask(groupTask(module)));
    counts.failed += unhandledErrors.length;
    const file = process.env.LOCKSTEP_TEST_COUNTS;
    if (file) writeFileSync(file, JSON.stringify(counts));
  }
}

function groupTask(group: TestModule | TestSuite): CountedTask {
  const children = [...group.children].map(
    (child): CountedTask =>
      child.type === 'suite'
        ? groupTask(child)
        : { type: child.type, state: child.result().state, hasErrors: false, children: [] },
  );
  return { type: group.type, state: group.state(), hasErrors: group.errors().length > 0, children };
}
