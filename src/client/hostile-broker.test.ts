// A broker that lies, over a real socket: each test says which bytes are bad. Our side must end with an error
// of its own, in bounded time and memory, and never hang or crash.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type ApiVersionsResponse, apis, encodeResponse, type Input } from '../protocol/index.ts';
import { Connection } from './connection.ts';
import type { ConnectionOptions } from './connection-options.ts';
import { FramePool } from './frame-pool.ts';

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

interface Exchange {
  /** The request without its length. */
  readonly request: Buffer;
  readonly apiKey: number;
  readonly version: number;
  readonly correlationId: number;
  readonly socket: Socket;
  reply(...parts: (Buffer | string)[]): void;
}

/** A server that calls `answer` for each whole request. */
async function broker(answer: (exchange: Exchange) => void): Promise<{ host: string; port: number }> {
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    let pending = Buffer.alloc(0);
    socket.on('data', (part) => {
      pending = Buffer.concat([pending, part]);
      while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
        const request = pending.subarray(4, 4 + pending.readInt32BE(0));
        pending = pending.subarray(4 + request.length);
        const reply = (...parts: (Buffer | string)[]) => {
          socket.write(
            Buffer.concat(
              parts.map((bytes) => (typeof bytes === 'string' ? Buffer.from(bytes, 'hex') : bytes)),
            ),
          );
        };
        answer({
          request,
          apiKey: request.readInt16BE(0),
          version: request.readInt16BE(2),
          correlationId: request.readInt32BE(4),
          socket,
          reply,
        });
      }
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

const versions: Input<ApiVersionsResponse> = {
  apiKeys: [
    { apiKey: 18, minVersion: 0, maxVersion: 4 },
    { apiKey: 3, minVersion: 4, maxVersion: 12 },
    { apiKey: 1, minVersion: 4, maxVersion: 12 },
  ],
};
function versionsAnswer({ correlationId, version }: Exchange): Buffer {
  return Buffer.concat(encodeResponse(apis.ApiVersions, version, correlationId, versions));
}

/** Honest until the first request after ApiVersions. */
function honestThen(answer: (exchange: Exchange) => void) {
  return broker((exchange) => {
    if (exchange.apiKey === 18) exchange.reply(versionsAnswer(exchange));
    else answer(exchange);
  });
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function open(address: { host: string; port: number }, options: Partial<ConnectionOptions> = {}) {
  return Connection.open({ ...address, requestTimeoutMs: 2000, connectTimeoutMs: 2000, ...options });
}

describe('a broker that lies while the connection opens', () => {
  it.each([
    ['a negative length', 'ffffffff', 'FRAME_INVALID'],
    ['a length of 2 GiB', '7fffffff', 'FRAME_INVALID'],
    ['a length above the handshake maximum', '00200000', 'FRAME_INVALID'],
    ['a length too short for a correlation id', '00000002ffff', 'FRAME_INVALID'],
    ['a TLS alert', '15030300020246', 'TLS_EXPECTED'],
    ['an answer in HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n').toString('hex'), 'FRAME_INVALID'],
    ['another correlation id', '0000000600000063' + '0000', 'FRAME_INVALID'],
    ['an answer cut off inside', '0000000600000001' + '0000', 'FRAME_INVALID'],
    ['an array of 2^31 entries', '0000000c00000001' + '0000' + 'ffffffff0f' + '00', 'FRAME_INVALID'],
  ])('%s', async (_name, hex, code) => {
    const address = await broker(({ reply }) => reply(hex));
    const before = process.memoryUsage().arrayBuffers;
    await expect(open(address)).rejects.toMatchObject({ code });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
  });

  it('an error that ApiVersions does not have', async () => {
    const address = await broker((exchange) =>
      exchange.reply(
        ...encodeResponse(apis.ApiVersions, exchange.version, exchange.correlationId, { errorCode: 58 }),
      ),
    );
    await expect(open(address)).rejects.toMatchObject({ code: 'KAFKA_ERROR' });
  });

  it('UNSUPPORTED_VERSION for ever', async () => {
    const address = await broker(({ correlationId, reply }) =>
      reply('0000000a', int32(correlationId), '0023', '00000000'),
    );
    await expect(open(address)).rejects.toMatchObject({ code: 'KAFKA_ERROR' });
  });

  it('an end after half an answer', async () => {
    const address = await broker(({ socket }) => socket.end(Buffer.from('0000000600', 'hex')));
    await expect(open(address)).rejects.toMatchObject({ code: 'CLUSTER_UNREACHABLE' });
  });
});

describe('an old broker', () => {
  it('is asked again in version 0 when it does not know ours (KIP-35)', async () => {
    const asked: number[] = [];
    const address = await broker((exchange) => {
      asked.push(exchange.version);
      if (exchange.version > 0)
        return exchange.reply('0000000a', int32(exchange.correlationId), '0023', '00000000');
      exchange.reply(versionsAnswer(exchange));
    });
    const connection = await open(address);
    expect(asked).toEqual([4, 0]);
    expect(connection.versionOf(apis.Metadata)).toBe(12);
    await expect(connection.send(apis.Produce, {})).rejects.toMatchObject({ code: 'UNSUPPORTED_VERSION' });
    await expect(connection.send(apis.Metadata, {}, { versionMin: 13 })).rejects.toThrow(
      /versions 4 to 12, and we need 13/,
    );
    connection.close();
  });

  it('is asked again in its own newest version when it tells (KIP-511)', async () => {
    const asked: number[] = [];
    const address = await broker((exchange) => {
      asked.push(exchange.version);
      if (exchange.version > 3)
        return exchange.reply('00000010', int32(exchange.correlationId), '0023', '00000001', '001200000003');
      exchange.reply(versionsAnswer(exchange));
    });
    (await open(address)).close();
    expect(asked).toEqual([4, 3]);
  });
});

describe('a broker that lies later', () => {
  it.each([
    ['a length above the maximum', (max: number) => [int32(max + 1)]],
    ['an answer nobody asked for', () => ['0000000400000063']],
    ['random bytes', () => [Buffer.alloc(5000, 0x5a)]],
  ] as [string, (max: number) => (Buffer | string)[]][])(
    '%s ends the connection and fails all requests',
    async (_name, bytes) => {
      const frameBytesMax = 1_000_000;
      const address = await honestThen(({ reply }) => reply(...bytes(frameBytesMax)));
      const connection = await open(address, { frameBytesMax });
      const sent = await Promise.allSettled([1, 2, 3].map(() => connection.send(apis.Metadata, {})));
      for (const result of sent) {
        expect(result).toMatchObject({
          status: 'rejected',
          reason: { code: 'CONNECTION_CLOSED', detail: { sent: true }, cause: { code: 'FRAME_INVALID' } },
        });
      }
      expect(await connection.closed).toMatchObject({ code: 'FRAME_INVALID' });
      await expect(connection.send(apis.Metadata, {})).rejects.toMatchObject({ detail: { sent: false } });
    },
  );

  it('gives pooled frames back when an answer can not be read', async () => {
    const framePool = new FramePool();
    const address = await honestThen(({ correlationId, reply }) =>
      reply(int32(2000), int32(correlationId), Buffer.alloc(1996, 0xff)),
    );
    const connection = await open(address, { framePool });
    await expect(connection.sendForFrame(apis.Fetch, {})).rejects.toMatchObject({
      code: 'CONNECTION_CLOSED',
    });
    expect(framePool.statistics()).toMatchObject({ takenCount: 1, outstandingCount: 0 });
  });

  it('random answers: an error or a value, never a hang, and every frame comes back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        fc.boolean(),
        async (noise, keepHeader) => {
          const framePool = new FramePool();
          const address = await honestThen(({ correlationId, socket }) => {
            const head = keepHeader
              ? Buffer.concat([int32(noise.length + 4), int32(correlationId)])
              : Buffer.alloc(0);
            socket.end(Buffer.concat([head, noise]));
          });
          const connection = await open(address, { framePool, frameBytesMax: 100_000 });
          try {
            const { frame } = await connection.sendForFrame(apis.Fetch, {});
            frame.release();
          } catch (error) {
            expect(error).toMatchObject({ name: 'LockstepError' });
          }
          connection.close();
          expect(framePool.statistics().outstandingCount).toBe(0);
        },
      ),
      { numRuns: 100 },
    );
  });
});
