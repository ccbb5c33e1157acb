import { expect, test } from 'vitest';
import { explainFailure } from './log-tail.ts';

test('the cause is found above the lines of an orderly shutdown', () => {
  const log = [
    '[1] INFO starting',
    '[2] ERROR no such class',
    '\tat java.lang.X',
    'Caused by: y',
    '\t... 3 more',
  ];
  const shutdown = Array.from(
    { length: 40 },
    (_, index) => `[${index + 3}] INFO shutting down part ${index}`,
  );
  expect(explainFailure([...log, ...shutdown].join('\n'))).toBe('[2] ERROR no such class\nCaused by: y');
});

test('without an error the last lines are shown', () => {
  const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
  expect(explainFailure(`${lines.join('\n')}\n\n`).split('\n')).toEqual(lines.slice(-12));
});

test('of many errors the first and the last ones are shown', () => {
  const shown = explainFailure(Array.from({ length: 50 }, (_, index) => `ERROR ${index}`).join('\n')).split(
    '\n',
  );
  expect(shown).toHaveLength(12);
  expect([shown[0], shown[6], shown.at(-1)]).toEqual(['ERROR 0', '...', 'ERROR 49']);
});
