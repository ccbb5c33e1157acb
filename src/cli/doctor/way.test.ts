// What is said of a source that is far away: numbers first, then the setting and what it gives.
import { describe, expect, test } from 'vitest';
import { type ReadingLink, wayCheck } from './way.ts';

const link: ReadingLink = {
  ...{ name: 'far', fetchConnections: 'auto', inFlightBytesMax: 16 * 2 ** 20, partitions: 8 },
};
const far = { roundTripMs: 80, sendBufferBytes: 102_400, links: [link] };

describe('a source with the default send buffer, 80 ms away', () => {
  const check = wayCheck(far)!;

  test('what one connection carries, and what the link can have', () => {
    expect(check).toMatchObject({ name: 'send-buffer', mark: 'advice' });
    expect(check.detail).toBe(
      '80 ms there and back; one connection carries 1.2 MiB/s with socket.send.buffer.bytes=102400 (100.0 KiB); ' +
        'far reads 8 partitions of a broker over 8 connections at most (auto): 9.8 MiB/s',
    );
  });

  test('the setting, and what it gives', () => {
    expect(check.remedy).toBe(
      'set socket.send.buffer.bytes=4194304 on the brokers (or -1, where Linux grows it; a restart of each; ' +
        'net.core.wmem_max has to allow it): one connection then carries up to 50.0 MiB/s, 41 times as much',
    );
  });

  test('and the setting of a link that holds itself to fewer connections than help', () => {
    const { detail, remedy } = wayCheck({ ...far, links: [{ ...link, fetchConnections: 2 }] })!;
    expect(detail).toContain('far reads 8 partitions of a broker over 2 connections: 2.4 MiB/s');
    expect(remedy).toMatch(/; or fetchConnections: auto in far: 8 connections carry 4 times what 2 carry$/);
  });

  test('connections without a partition count for nothing', () => {
    const few = { ...link, fetchConnections: 8, partitions: 3 };
    expect(wayCheck({ ...far, links: [few] })!.detail).toContain('over 3 connections: 3.7 MiB/s');
  });
});

test.each([
  ['near', { ...far, roundTripMs: 0.4 }, 'ok', '0.4 ms there and back: near enough'],
  ['far, with buffers that grow', { ...far, sendBufferBytes: -1 }, 'ok', 'is -1'],
  ['far, with a large buffer', { ...far, sendBufferBytes: 4_194_304 }, 'ok', 'carries 50.0 MiB/s'],
  ['far, and nobody may look', { ...far, sendBufferBytes: null }, 'unknown', "can't be seen"],
])('%s', (_what, way, mark, words) => {
  const check = wayCheck(way)!;
  expect(check.mark).toBe(mark);
  expect(check.detail).toContain(words);
  expect(check.remedy).toBeUndefined();
});

test('memory that holds a link below what its connections carry', () => {
  const links = [{ ...link, fetchConnections: 4 }];
  const detail = (inFlightBytesMax: number): string =>
    wayCheck({ ...far, sendBufferBytes: 4_194_304, links: [{ ...links[0]!, inFlightBytesMax }] })!.detail;
  expect(detail(16 * 2 ** 20)).toMatch(
    /over 4 connections: 200.0 MiB\/s; inFlightBytesMax of far is enough for about 100.0 MiB\/s$/,
  );
  expect(detail(32 * 2 ** 20)).toMatch(/over 4 connections: 200.0 MiB\/s$/);
});

test('a cluster that nothing reads from is not asked', () => {
  expect(wayCheck({ ...far, links: [] })).toBeNull();
});
