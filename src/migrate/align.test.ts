import { describe, expect, test } from 'vitest';
import { type AlignInput, align, positionAt, type SeenRecord } from './align.ts';

/** Records named by what they hold; `!` at the end: aborted. `a:1` has key a. Offsets count from `from`. */
function records(text: string, from = 0): SeenRecord[] {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((word, index) => ({
      offset: BigInt(from + index),
      timestamp: BigInt(index),
      digest: word.replace('!', ''),
      key: word.includes(':') ? word.split(':')[0]! : null,
      isAborted: word.endsWith('!'),
    }));
}

function aligned(remote: string, source: string, more: Partial<AlignInput> = {}) {
  const input = {
    remote: records(remote),
    source: records(source),
    isCompacted: false,
    isWholeRemote: true,
    ...more,
  };
  return { verdict: align(input), input };
}

describe('the end of a remote log in its source', () => {
  test.each([
    ['copied to the end', '1 2 3', '1 2 3', '3'],
    ['the source has gone on', '1 2 3', '1 2 3 4 5', '3'],
    ['a run that began again and went on', '1 2 3 4 3 4 5', '1 2 3 4 5 6', '5'],
    ['a run that began again and ended before the former one did', '1 2 3 4 5 6 3 4', '1 2 3 4 5 6 7', '6'],
    ['a batch that was sent twice', '1 2 1 2 3', '1 2 3 4', '3'],
    ['three runs', '1 2 3 4 2 3 2', '1 2 3 4 5', '4'],
    ['alike records, all of them there', '1 x x x', '1 x x x 2', 'x'],
    ['aborted records that were left out', '1 2 3', '1 a! b! 2 c! 3 4', '3'],
    ['aborted records that were copied', '1 a b 2', '1 a! b! 2 3', '2'],
    ['the oldest are gone at the source', '1 2 3 4', '3 4 5', '4'],
    ['the oldest are gone in the remote topic', '3 4', '1 2 3 4 5', '4'],
  ])('%s', (_what, remote, source, furthest) => {
    const { verdict, input } = aligned(remote, source);
    if (verdict.kind !== 'aligned') throw new Error(verdict.reason);
    expect(input.source[verdict.alignment.furthest]!.digest).toBe(furthest);
  });

  test('a group may be far behind: hundreds of thousands of records are compared', () => {
    const many = Array.from({ length: 300_000 }, (_, index) => String(index)).join(' ');
    const { verdict } = aligned(many, many);
    expect(verdict).toMatchObject({ kind: 'aligned', alignment: { furthest: 299_999, coveredFrom: 0 } });
  });

  test('the fourth of four alike records is what comes next, when three were copied', () => {
    const { verdict } = aligned('1 x x x', '1 x x x x 2');
    expect(verdict).toMatchObject({ kind: 'aligned', alignment: { furthest: 3 } });
  });

  test.each([
    ['alike records whose beginning is gone', 'x x', 'x x x x', 'unclear', '4 places'],
    ['a record that the source never had', '1 2 z', '1 2 3', 'refused', 'offset 2'],
    ['somebody else wrote between', '1 2 z 3', '1 2 3 4', 'refused', 'offset 2'],
    ['one was lost on the way', '1 2 4', '1 2 3 4', 'refused', 'offset 2 of the source'],
    ['nothing', '', '1 2', 'unclear', 'no record'],
  ])('%s: %s, nothing is continued', (_what, remote, source, kind, reason) => {
    const { verdict } = aligned(remote, source);
    expect(verdict).toMatchObject({ kind, reason: expect.stringContaining(reason) });
  });

  test('a gap may be filled by what stands before the stretch that was read', () => {
    const { verdict } = aligned('8 9 3 4', '3 4 5 6 7 8 9', { isWholeRemote: false });
    expect(verdict.kind).toBe('unclear');
  });

  test.each([
    ['the remote topic was compacted', 'a:2 b:1 c:1', 'a:1 a:2 b:1 c:1 d:1', 'c:1'],
    ['the source was compacted', 'a:1 a:2 b:1', 'a:2 b:1 c:1', 'b:1'],
    ['in the middle of the stretch', 'b:0 a:2 c:1', 'b:0 a:1 a:2 c:1', 'c:1'],
  ])('compaction: %s', (_what, remote, source, furthest) => {
    const { verdict, input } = aligned(remote, source, { isCompacted: true });
    if (verdict.kind !== 'aligned') throw new Error(verdict.reason);
    expect(input.source[verdict.alignment.furthest]!.digest).toBe(furthest);
  });

  test('what compaction can not have taken is missing', () => {
    const { verdict } = aligned('a:1 c:1', 'a:1 b:1 c:1', { isCompacted: true });
    expect(verdict.kind).toBe('refused');
  });

  test('counts what was copied twice, and what was aborted', () => {
    const { verdict } = aligned('1 2 a 3 2 a 3 4', '1 2 a! 3 4');
    expect(verdict).toMatchObject({ alignment: { doubledCount: 3, abortedCount: 1, runCount: 2 } });
  });
});

describe('a position of the source in the remote log', () => {
  /** What a consumer reads that goes on there, when the next record at the source has this name. */
  function reads(remote: string, source: string, next: string): string | null {
    const { verdict, input } = aligned(remote, source);
    if (verdict.kind !== 'aligned') throw new Error(verdict.reason);
    const place = input.source.findIndex(({ digest }) => digest === next);
    const index = positionAt(verdict.alignment, place);
    if (index === null) return null;
    return input.remote
      .slice(index)
      .map(({ digest }) => digest)
      .join(' ');
  }

  test.each([
    ['at the end', '1 2 3', '1 2 3 4', '4', ''],
    ['in a log without doubles', '1 2 3', '1 2 3 4', '2', '2 3'],
    ['behind the doubles', '1 2 3 4 3 4 5', '1 2 3 4 5', '4', '4 5'],
    ['at the doubles: each comes once', '1 2 3 4 3 4 5', '1 2 3 4 5', '3', '3 4 5'],
    ['before the doubles', '1 2 3 4 3 4 5', '1 2 3 4 5', '2', '2 3 4 3 4 5'],
    [
      'where the later run ended early, the earlier one is needed',
      '1 2 3 4 5 2 3',
      '1 2 3 4 5 6',
      '3',
      '3 4 5 2 3',
    ],
    ['and behind it, too', '1 2 3 4 5 2 3', '1 2 3 4 5 6', '4', '4 5 2 3'],
    ['aborted ones are not waited for', '1 2 3', '1 a! b! 2 3', 'a', '2 3'],
  ])('%s', (_what, remote, source, next, expected) => {
    expect(reads(remote, source, next)).toBe(expected);
  });

  test('further back than the stretch that was compared: unknown', () => {
    expect(reads('3 4', '1 2 3 4', '2')).toBeNull();
  });
});
