import { expect, test } from 'vitest';
import { groupShift } from './group-shift.ts';

test('positions travel where the mirror is a copy, by its shift', () => {
  expect(groupShift({ state: 'Mirroring', shift: '7' })).toBe(7n);
  expect(groupShift({ state: 'Recovering', shift: '0' })).toBe(0n);
  expect(groupShift(undefined)).toBeNull();
});

test.each(['Diverged', 'ForeignData', 'SourceTruncated', 'SourceRecreated', 'DestinationRecreated'])(
  'none travel where it is %s: consumers would skip records that only the mirror has',
  (state) => expect(groupShift({ state, shift: '0' })).toBeNull(),
);
