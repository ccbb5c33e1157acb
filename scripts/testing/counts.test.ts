import { expect, test } from 'vitest';
import { type CountedTask, countTask, lastLine } from './counts.ts';

const aTest = (state: string): CountedTask => ({ type: 'test', state, hasErrors: false, children: [] });
const suite = (hasErrors: boolean, ...children: CountedTask[]): CountedTask => ({
  type: 'suite',
  state: hasErrors ? 'failed' : 'passed',
  hasErrors,
  children,
});
const file = (state: string, hasErrors: boolean, ...children: CountedTask[]): CountedTask => ({
  type: 'module',
  state,
  hasErrors,
  children,
});

test.each<[string, CountedTask, [number, number, number]]>([
  [
    'passed, failed and skipped tests are told apart',
    file('failed', false, aTest('passed'), aTest('failed'), aTest('skipped')),
    [1, 1, 1],
  ],
  ['a file that does not load is one failure', file('failed', true), [0, 1, 0]],
  ['a file that fails without saying why is one failure', file('failed', false), [0, 1, 0]],
  ['a file without tests that passed is nothing', file('passed', false), [0, 0, 0]],
  [
    'tests that a broken hook kept from running have failed',
    file('failed', false, suite(true, aTest('skipped'), aTest('skipped'))),
    [0, 3, 0],
  ],
  [
    'a hook that breaks at the end is a failure beside passed tests',
    file('failed', false, suite(true, aTest('passed'))),
    [1, 1, 0],
  ],
  [
    'a test that never ended has failed',
    file('failed', false, suite(false, aTest('pending'), aTest('queued'))),
    [0, 2, 0],
  ],
])('%s', (_name, task, [passed, failed, skipped]) => {
  expect(countTask(task)).toEqual({ passed, failed, skipped });
});

test('the last line names skipped tests only when there are some', () => {
  expect(lastLine({ passed: 12, failed: 0, skipped: 0 })).toBe('12 passed, 0 failed');
  expect(lastLine({ passed: 12, failed: 1, skipped: 2 })).toBe('12 passed, 1 failed, 2 skipped');
});
