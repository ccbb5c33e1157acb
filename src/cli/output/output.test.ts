import { describe, expect, test } from 'vitest';
import { formatJson } from './json.ts';
import { LiveBlock } from './live-block.ts';
import { Output } from './output.ts';
import { formatProgress, ProgressLine } from './progress.ts';
import { formatTable } from './table.ts';
import { formatBytes, formatBytesPerSecond, formatCount, formatDuration, plural } from './units.ts';

/** An output whose streams are kept as text. */
function recorded(options: { terminal: boolean; environment?: Record<string, string>; columns?: number }) {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    isTTY: options.terminal,
    columns: options.columns ?? 80,
    write: (text: string) => {
      written[name] += text;
      return true;
    },
  });
  const output = new Output({
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    environment: options.environment ?? {},
  });
  return { output, written };
}

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1536, '1.5 KiB'],
  [1024 * 1024 - 1, '1.0 MiB'], // not 1024.0 KiB
  [5n * 1024n ** 4n, '5.0 TiB'],
])('%s bytes read as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, '0 ms'],
  [999.4, '999 ms'],
  [1_500, '1.5 s'],
  [59_960, '1 min'], // not 60.0 s
  [200_000, '3 min 20 s'],
  [7_500_000, '2 h 5 min'],
  [86_400_000, '1 day'],
  [7 * 86_400_000, '7 days'],
  [50 * 3_600_000, '2 days 2 h'],
  [-1_500, '-1.5 s'],
])('%s ms read as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test('counts have separators and agree with their noun', () => {
  expect(formatCount(1_234_567n)).toBe('1,234,567');
  expect([plural(1, 'partition'), plural(1_000, 'partition'), plural(0n, 'record')]).toEqual([
    '1 partition',
    '1,000 partitions',
    '0 records',
  ]);
  expect(formatBytesPerSecond(1_572_864)).toBe('1.5 MiB/s');
});

describe('a table', () => {
  test('lines columns up, numbers to the right, without spaces at the end', () => {
    const columns = [{ title: 'TOPIC' }, { title: 'LAG', align: 'right' as const }, { title: 'WHY' }];
    expect(
      formatTable(columns, [
        ['orders', '7', ''],
        ['p', '1,000', 'x'],
      ]),
    ).toBe('TOPIC     LAG  WHY\norders      7\np       1,000  x\n');
  });

  test('counts wide characters and colours by what they take on the screen', () => {
    const columns = [{ title: 'A' }, { title: 'B' }];
    const red = '\u001b[31mno\u001b[39m';
    expect(
      formatTable(columns, [
        ['東京', '1'],
        [red, '2'],
        ['four', '3'],
      ]),
    ).toBe(`A     B\n東京  1\n${red}    2\nfour  3\n`);
  });

  test('keeps a cell of several lines on one', () => {
    expect(formatTable([{ title: 'A' }], [['one\n  two']])).toBe('A\none two\n');
  });
});

test('JSON has exact numbers above 2^53', () => {
  expect(formatJson({ offset: 9_007_199_254_740_993n })).toBe('{\n  "offset": 9007199254740993\n}\n');
});

describe('colour', () => {
  test('is used on a terminal, and the word is there too', () => {
    expect(recorded({ terminal: true }).output.mark('bad')).toBe('\u001b[31mNOT OK\u001b[39m');
  });
  test.each([
    ['elsewhere', { terminal: false }],
    ['with NO_COLOR', { terminal: true, environment: { NO_COLOR: '1' } }],
    ['on a dumb terminal', { terminal: true, environment: { TERM: 'dumb' } }],
  ])('is not used %s', (_where, options) => {
    expect(recorded(options).output.mark('bad')).toBe('NOT OK');
  });
  test('an empty NO_COLOR does not count', () => {
    expect(recorded({ terminal: true, environment: { NO_COLOR: '' } }).output.mark('ok')).toContain(
      '\u001b[32m',
    );
  });
});

test('data goes to stdout and messages to stderr', () => {
  const { output, written } = recorded({ terminal: false });
  output.data('table\n');
  output.message('hello');
  output.closeData();
  output.data('dropped\n');
  expect(written).toEqual({ stdout: 'table\n', stderr: 'hello\n' });
});

describe('progress', () => {
  test('has a bar, a share and a detail', () => {
    expect(formatProgress({ label: 'verify', done: 1, total: 2, detail: '3 of 6' }, true)).toBe(
      'verify  [############------------]  50%  3 of 6',
    );
    expect(formatProgress({ label: 'verify', done: 1, total: 0, detail: 'x' }, true)).toBe('verify  x');
    expect(formatProgress({ label: 'verify', done: 9, total: 8 }, false)).toBe('verify  100%');
  });

  test('is a plain line every five seconds where there is no terminal', () => {
    const { output, written } = recorded({ terminal: false });
    let nowMs = 0;
    const line = new ProgressLine(output, () => nowMs);
    for (nowMs = 0; nowMs <= 10_000; nowMs += 1_000) line.update({ label: 'v', done: nowMs, total: 10_000 });
    line.end();
    expect(written.stderr).toBe('v  0%\nv  50%\nv  100%\n');
  });

  test('is drawn over on a terminal, never wider than it, and removed at the end', () => {
    const { output, written } = recorded({ terminal: true, columns: 12 });
    const line = new ProgressLine(output, () => 0);
    line.update({ label: 'a label that is long', done: 1 });
    line.update({ label: 'too soon', done: 1 });
    line.end();
    expect(written.stderr).toBe('\r\u001b[2Ka label tha\r\u001b[2K');
  });
});

test('a live block is drawn over, and messages stay above it', () => {
  const { output, written } = recorded({ terminal: true });
  const block = new LiveBlock(output);
  block.show(['a 1', 'b 1']);
  block.message('something happened');
  block.show(['a 2']);
  const erase = '\u001b[2A\u001b[0J';
  expect(written.stderr).toBe(`a 1\nb 1\n${erase}something happened\na 1\nb 1\n${erase}a 2\n`);
});
