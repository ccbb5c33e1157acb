import { expect, test } from 'vitest';
import { newMove } from '../../failover/fake-group.ts';
import { switchoverSteps } from '../../failover/index.ts';
import { afterwards, whatNext } from './what-next.ts';

const typed = { words: 'lockstep switchover shop.yaml --to eu-west', file: 'shop.yaml' };
const after = (given: Parameters<typeof newMove>[0]) =>
  whatNext(newMove(given), switchoverSteps, typed).join('\n');
const done = (...names: string[]) => names.map((step) => ({ step, startedAtMs: 0, tookMs: 0, remark: '' }));

test('a check that failed has changed nothing', () => {
  expect(after({ state: 'failed', step: 'check' })).toMatch(
    /nothing was changed: us-east is primary as before\nagain: /,
  );
});

test('before the point of no return it goes on, is taken back, or gives way to a failover', () => {
  const text = after({ step: 'catchUp', facts: { denials: [1, 2] } });
  expect(text).toMatch(/us-east is primary as before, nothing was promoted; writes are denied at us-east/);
  expect(text).toMatch(
    /--resume\ntake back: {2}.* --undo\nwhen us-east is lost: lockstep failover shop.yaml --to eu-west/,
  );
});

test('behind it the move can only go on', () => {
  const text = after({ step: 'reverse', done: done('promote', 'rolesHere') });
  expect(text).toMatch(/eu-west is primary and takes writes\ngo on: /);
  expect(text).not.toMatch(/undo/);
});

test('after the end the file is named, which no move changes, and what comes next', () => {
  const { file } = typed;
  expect(afterwards(newMove({ kind: 'failover' }), file).join('\n')).toMatch(
    /write primary: eu-west into shop.yaml.*\n.*lockstep loss shop.yaml\nwhen us-east is back/,
  );
  expect(afterwards(newMove({ topics: ['bills'] }), file).join('\n')).toMatch(
    /write bills: eu-west into shop.yaml.*\nthe way back: lockstep switchover shop.yaml --to us-east --topics bills/,
  );
});
