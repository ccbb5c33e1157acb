// The proxy itself: a fault that does not fire would make other tests pass by luck.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';
import { waitFor } from './wait-for.ts';

let echo: Server;
let proxy: TcpProxy;
let client: Socket;
/** What the present client saw; each client has its own, since a former one may still be closing. */
let seen = { received: '', closed: false };

beforeEach(async () => {
  echo = createServer((socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  const port = await listen(echo);
  proxy = await startTcpProxy({ host: '127.0.0.1', port });
  client = await open();
});

afterEach(async () => {
  client.destroy();
  await proxy.close();
  echo.close();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function open(): Promise<Socket> {
  const mine = { received: '', closed: false };
  seen = mine;
  const socket = connect(proxy.port, proxy.host);
  socket.setEncoding('utf8').on('data', (text: string) => {
    mine.received += text;
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    mine.closed = true;
  });
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

async function echoed(text: string): Promise<void> {
  client.write(text);
  await waitFor(() => seen.received.endsWith(text), {
    deadlineMs: 5000,
    describe: () => `${text}; received ${seen.received}`,
  });
}

test('without a fault bytes pass in both directions and are counted', async () => {
  await echoed('hello');
  expect(proxy.counts).toMatchObject({ connections: 1, bytesUp: 5, bytesDown: 5, cut: 0, refused: 0 });
});

test('a delay holds each chunk back and keeps their order', async () => {
  proxy.setFault({ kind: 'delay', delayMs: 150, direction: 'up' });
  const startedAt = performance.now();
  client.write('a');
  setTimeout(() => client.write('b'), 30);
  await waitFor(() => seen.received === 'ab', {
    deadlineMs: 5000,
    describe: () => `ab; received ${seen.received}`,
  });
  expect(performance.now() - startedAt).toBeGreaterThan(149);
  expect(proxy.counts.delayedChunks).toBe(2);
});

test('a stall holds everything back without closing, and lets it go afterwards', async () => {
  await echoed('before');
  proxy.setFault({ kind: 'stall', direction: 'down' });
  client.write('after');
  await waitFor(() => proxy.counts.stalledChunks > 0, { deadlineMs: 5000, describe: 'the stall to fire' });
  expect(seen.received).toBe('before');
  expect(seen.closed).toBe(false);
  proxy.setFault({ kind: 'none' });
  await waitFor(() => seen.received === 'beforeafter', {
    deadlineMs: 5000,
    describe: () => `the rest; received ${seen.received}`,
  });
});

test('a stall that meets a large stream stops the sender instead of filling memory', async () => {
  proxy.setFault({ kind: 'stall', direction: 'up' });
  const megabyte = Buffer.alloc(1 << 20);
  for (let count = 0; count < 64; count++) client.write(megabyte);
  await waitFor(() => proxy.counts.stalledChunks > 0, { deadlineMs: 5000, describe: 'the stall to fire' });
  expect(proxy.counts.bytesUp).toBe(0);
  expect(client.writableLength).toBeGreaterThan(32 << 20);
  proxy.setFault({ kind: 'none' });
  await waitFor(() => proxy.counts.bytesDown >= 64 << 20, {
    deadlineMs: 20_000,
    describe: 'the stream to pass',
  });
});

test('a cut lets exactly so many bytes pass and resets the connection', async () => {
  proxy.setFault({ kind: 'cut', afterBytes: 7, direction: 'down' });
  client.write('0123456789');
  await waitFor(() => seen.closed, { deadlineMs: 5000, describe: 'the connection to be cut' });
  expect(proxy.counts.cut).toBe(1);
  expect(proxy.counts.bytesDown).toBe(7);
});

test('jitter delays chunks differently and keeps their order', async () => {
  proxy.setFault({ kind: 'delay', delayMs: 5, jitterMs: 60, direction: 'down' });
  for (const letter of 'abcdef') {
    client.write(letter);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await waitFor(() => seen.received === 'abcdef', {
    deadlineMs: 5000,
    describe: () => `abcdef; received ${seen.received}`,
  });
  expect(proxy.counts.delayedChunks).toBeGreaterThan(1);
});

test('a limited bandwidth takes its time', async () => {
  proxy.setFault({ kind: 'bandwidth', bytesPerSecond: 100_000, direction: 'up' });
  const startedAt = performance.now();
  client.write(Buffer.alloc(50_000, 'x'));
  await waitFor(() => seen.received.length === 50_000, {
    deadlineMs: 10_000,
    describe: () => `50000 bytes; received ${seen.received.length}`,
  });
  expect(performance.now() - startedAt).toBeGreaterThan(400);
  expect(proxy.counts.slowedChunks).toBeGreaterThanOrEqual(25);
});

test('trickled bytes arrive one by one and all', async () => {
  const text = Array.from({ length: 500 }, (_, index) => String(index)).join(',');
  proxy.setFault({ kind: 'trickle', direction: 'down' });
  await echoed(text);
  expect(seen.received).toBe(text);
  expect(proxy.counts.trickledBytes).toBe(text.length);
});

test('a half-open connection swallows what is sent, stays open, and stays dead', async () => {
  await echoed('before');
  proxy.setFault({ kind: 'halfOpen' });
  client.write('after');
  await waitFor(() => proxy.counts.swallowedBytes === 5, {
    deadlineMs: 5000,
    describe: 'the bytes to vanish',
  });
  proxy.setFault({ kind: 'none' });
  client.write('still');
  await waitFor(() => proxy.counts.swallowedBytes === 10, { deadlineMs: 5000, describe: 'more to vanish' });
  expect(seen).toEqual({ received: 'before', closed: false });
  expect(proxy.counts.halfOpened).toBe(1);
  client.destroy();
  client = await open();
  await echoed('new');
});

test('a connection is cut inside of the next frame that is large enough, wherever chunks end', async () => {
  const frame = (sizeBytes: number): Buffer => {
    const bytes = Buffer.alloc(4 + sizeBytes, 'f');
    bytes.writeUInt32BE(sizeBytes);
    return bytes;
  };
  const small = frame(10);
  client.write(small.subarray(0, 3));
  await waitFor(() => proxy.counts.bytesDown === 3, { deadlineMs: 5000, describe: 'a part of a length' });
  client.write(Buffer.concat([small.subarray(3), small.subarray(0, 6)]));
  await waitFor(() => proxy.counts.bytesDown === 20, { deadlineMs: 5000, describe: 'a part of a frame' });
  proxy.setFault({ kind: 'cutInFrame', frameBytesMin: 100, direction: 'down' });
  client.write(Buffer.concat([small.subarray(6), small, frame(200), frame(200)]));
  await waitFor(() => seen.closed, { deadlineMs: 5000, describe: 'the connection to be cut' });
  expect(proxy.counts).toMatchObject({ cut: 1, cutInFrame: 1 });
  expect(proxy.counts.bytesDown).toBeGreaterThan(28 + 14);
  expect(proxy.counts.bytesDown).toBeLessThan(28 + 14 + 204);
});

test('places of cuts follow the seed', async () => {
  const places: number[] = [];
  for (const value of [0, 0.5, 0.999]) {
    await using seeded = await startTcpProxy(
      { host: '127.0.0.1', port: (echo.address() as AddressInfo).port },
      { random: () => value },
    );
    seeded.setFault({ kind: 'cutInFrame', frameBytesMin: 100, direction: 'up' });
    const socket = connect(seeded.port, seeded.host);
    socket.on('error', () => {});
    const length = Buffer.alloc(4);
    length.writeUInt32BE(200);
    socket.write(Buffer.concat([length, Buffer.alloc(200)]));
    await new Promise((resolve) => socket.once('close', resolve));
    places.push(seeded.counts.bytesUp);
  }
  expect(places).toEqual([1, 102, 203]);
});

test('refusing closes new connections and leaves the open one alone', async () => {
  await echoed('a');
  proxy.setFault({ kind: 'refuse' });
  const other = connect(proxy.port, proxy.host);
  other.on('error', () => {});
  await new Promise((resolve) => other.once('close', resolve));
  expect(proxy.counts.refused).toBe(1);
  await echoed('b');
});

test('all connections can be cut at once', async () => {
  await echoed('a');
  expect(proxy.cutAll()).toBe(1);
  await waitFor(() => seen.closed, { deadlineMs: 5000, describe: 'the connection to be cut' });
  expect(proxy.counts.cut).toBe(1);
});

test('new connections follow a switched target', async () => {
  const other = createServer((socket) => socket.end('other'));
  proxy.setTarget({ host: '127.0.0.1', port: await listen(other) });
  client.destroy();
  client = await open();
  await waitFor(() => seen.received === 'other', {
    deadlineMs: 5000,
    describe: 'the other server to answer',
  });
  other.close();
});

test('a condition that never comes fails with what it was waiting for', async () => {
  const waiting = waitFor(() => false, { deadlineMs: 20, pollMs: 5, describe: 'rain' });
  await expect(waiting).rejects.toThrow('waited 20 ms for rain');
});
