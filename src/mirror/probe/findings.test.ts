import { describe, expect, test } from 'vitest';
import { all, appended, markerWritten, refusal, refused } from './findings.ts';

const accepted = { errorCode: 0, baseOffset: 7n, endBefore: 7n, endAfter: 10n };

describe('an append', () => {
  test('is as planned when the answer and the log end agree', () => {
    expect(appended(accepted, 3)).toEqual({ held: true, seen: 'base offset 7, log end from 7 to 10' });
  });
  test.each([
    ['it was refused', { ...accepted, errorCode: 45, baseOffset: -1n, endAfter: 7n }],
    ['it landed elsewhere', { ...accepted, baseOffset: 8n }],
    ['the log grew by another count', { ...accepted, endAfter: 13n }],
    ['the log did not grow', { ...accepted, endAfter: 7n }],
  ])('is not when %s', (_, result) => {
    expect(appended(result, 3).held).toBe(false);
  });
});

describe('a refusal', () => {
  const refusedResult = { errorCode: 47, endBefore: 7n, endAfter: 7n };

  test('counts when it is the one that was expected, and the log stood still', () => {
    expect(refused(refusedResult, 47)).toEqual({
      held: true,
      seen: '47 INVALID_PRODUCER_EPOCH, log end still 7',
    });
  });
  test.each([
    ['it was accepted', { ...refusedResult, errorCode: 0 }],
    ['it is another error', { ...refusedResult, errorCode: 45 }],
    ['it was appended all the same', { ...refusedResult, endAfter: 8n }],
  ])('does not when %s', (_, result) => {
    expect(refused(result, 47).held).toBe(false);
  });
});

test('a marker is one offset, or as many as were asked for', () => {
  const grown = (by: bigint) => ({ errorCode: 0, endBefore: 7n, endAfter: 7n + by });
  expect(markerWritten(grown(1n)).held).toBe(true);
  expect(markerWritten(grown(2n)).held).toBe(false);
  expect(markerWritten(grown(40n), 40).held).toBe(true);
  expect(markerWritten({ ...grown(1n), errorCode: 47 }).held).toBe(false);
});

describe('of several steps', () => {
  const held = (seen: string) => ({ held: true, seen });
  const broken = { held: false, seen: 'this one' };

  test('the first that did not hold is told', () => {
    expect(all([held('a'), broken, { held: false, seen: 'later' }], 0)).toBe(broken);
  });
  test('where all held, the last one, or the one that the rule is about', () => {
    expect(all([held('a'), held('b')]).seen).toBe('b');
    expect(all([held('a'), held('b')], 0).seen).toBe('a');
  });
});

test('what is expected of a refusal names its number', () => {
  expect(refusal(52)).toBe('refused with 52, not appended');
});
