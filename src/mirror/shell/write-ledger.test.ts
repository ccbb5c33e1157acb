import { expect, it } from 'vitest';
import { doubtMs, WriteLedger } from './write-ledger.ts';

it('is quiet when all is answered, and a while after an outcome that stayed unknown', () => {
  let nowMs = 0;
  const heard: string[] = [];
  const ledger = new WriteLedger(() => nowMs);
  expect(ledger.isQuiet).toBe(true);
  const [first, second] = [1, 2].map(() => ledger.note(({ kind }: { kind: string }) => heard.push(kind)));
  first!({ kind: 'appended' });
  expect(ledger.isQuiet).toBe(false);
  second!({ kind: 'unknown' });
  expect(heard).toEqual(['appended', 'unknown']);
  nowMs = doubtMs - 1;
  expect(ledger.isQuiet).toBe(false);
  nowMs = doubtMs;
  expect(ledger.isQuiet).toBe(true);
});
