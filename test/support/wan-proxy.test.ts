// The long way: how much is on it at once, and what one connection carries.
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { startWanProxy, WanLine } from './wan-proxy.ts';

/** Sends for `ms` of a made-up clock as fast as the line takes it; returns the bytes that arrived. */
function carried(line: WanLine, ms: number, windowBytes: number): number {
  let bytes = 0;
  for (let nowMs = 0; nowMs < ms; nowMs++) {
    for (let piece = line.arrived(nowMs); piece !== null; piece = line.arrived(nowMs)) bytes += piece.length;
    const room = line.room(nowMs);
    if (room > 0) line.take(Buffer.alloc(room), nowMs);
    expect(line.heldBytes).toBeLessThanOrEqual(windowBytes);
  }
  return bytes;
}

describe('one direction', () => {
  test.each([
    { windowBytes: 102_400, perSecond: 1_280_000 },
    { windowBytes: 4_194_304, perSecond: 52_428_800 },
  ])('carries a window of $windowBytes bytes in each round trip', ({ windowBytes, perSecond }) => {
    const line = new WanLine({ delayMs: 40, windowBytes });
    expect(carried(line, 10_040, windowBytes)).toBe(10 * perSecond);
  });

  test('nothing overtakes a segment that is sent again, and its room is taken until then', () => {
    const losses = [0.5, 0, 0.5];
    const random = () => losses.shift() ?? 0.5;
    const line = new WanLine({
      ...{ delayMs: 40, windowBytes: 30, stallShare: 0.1, stallMs: 200, segmentBytes: 10, random },
    });
    line.take(Buffer.from('a'.repeat(10) + 'b'.repeat(10) + 'c'.repeat(10)), 0);
    expect(line.stalls).toBe(1);
    expect(line.arrived(39)).toBeNull();
    expect(line.arrived(40)?.toString()).toBe('a'.repeat(10));
    expect(line.arrived(239)).toBeNull();
    expect(line.room(239)).toBe(10);
    expect(line.arrived(240)?.toString()).toBe('b'.repeat(10) + 'c'.repeat(10));
    expect(line.room(279)).toBe(10);
    expect(line.room(280)).toBe(30);
  });
});

test('bytes pass unchanged, never more of them at once than the window', async () => {
  const sent = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 251));
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(sent));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await using proxy = await startWanProxy(
    { host: '127.0.0.1', port },
    { delayMs: 2, windowBytes: 10_000, stallShare: 0.01, stallMs: 5, segmentBytes: 1000 },
  );
  const received = await new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(proxy.port, proxy.host, () => socket.write('go'));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('end', () => {
      socket.end();
      resolve(Buffer.concat(chunks));
    });
  });
  server.close();
  expect(received.equals(sent)).toBe(true);
  expect(proxy.counts).toMatchObject({
    connections: 1,
    bytesDown: sent.length,
    bytesUp: 2,
    heldBytesMax: 10_000,
  });
});
