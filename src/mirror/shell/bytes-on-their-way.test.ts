// What a broker gets of a request that broke off: pooled memory is given back when the outcome is known, and the next batch is
// written there at once. Over real sockets, plain and TLS, with a broker that stops reading, and reads on afterwards.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer as createPlainServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { useTemporaryFolder } from '../../../test/support/region-fixtures.ts';
import { Connection } from '../../client/index.ts';
import { apis, encodeResponse } from '../../protocol/index.ts';
import { BatchView, encodeBatch } from '../../records/index.ts';
import { type AppendOutcome, DestinationWriter } from './destination-writer.ts';
import { FrameLease, LeasedBatch } from './leased-batch.ts';

const folder = useTemporaryFolder();
const batchBytes = 4 * 1024 * 1024;
const batchCount = 6;
/** What our batches are made of, and what is written over them once they are given back. */
const ours = 0x11;
const others = 0xee;
const pem = (name: string): string => readFileSync(path.join(folder.path, name), 'utf8');
let close: () => void = () => {};
afterEach(() => close());

beforeAll(() => {
  execFileSync(
    'openssl',
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=broker'
      .split(' ')
      .concat('-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', 'broker.key', '-out', 'broker.pem'),
    { cwd: folder.path, stdio: 'ignore' },
  );
});

/** Answers ApiVersions and reads nothing behind it until `readOn`. */
async function startBroker(isTls: boolean) {
  const sockets: Socket[] = [];
  let readBytes = 0;
  let isAnyOfOthers = false;
  const onConnection = (socket: Socket): void => {
    socket.on('error', () => {});
    // Ours looks why the first one was closed.
    if (sockets.push(socket) > 1) return void socket.destroy();
    socket.once('data', (request: Buffer) => {
      socket.write(
        Buffer.concat(
          encodeResponse(apis.ApiVersions, request.readInt16BE(6), request.readInt32BE(8), {
            apiKeys: [
              { apiKey: 18, minVersion: 0, maxVersion: 4 },
              { apiKey: 0, minVersion: 3, maxVersion: 12 },
            ],
          }),
        ),
      );
      socket.on('data', (bytes: Buffer) => {
        readBytes += bytes.length;
        isAnyOfOthers ||= bytes.includes(Buffer.alloc(32, others));
      });
      socket.pause();
    });
  };
  const server: Server = isTls
    ? createTlsServer({ key: pem('broker.key'), cert: pem('broker.pem') }, onConnection)
    : createPlainServer(onConnection);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    /** The first one. */
    socket: () => sockets[0]!,
    /** What still comes. */
    async readOn() {
      const socket = sockets[0]!;
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.resume();
      if (!socket.closed) await closed;
      return { readBytes, isAnyOfOthers };
    },
  };
}

type Broker = Awaited<ReturnType<typeof startBroker>>;

test.each(
  (['plain', 'TLS'] as const).flatMap((protocol) =>
    (
      [
        ['no answer in time', true, () => {}],
        ['the writer closed', false, ({ writer }) => writer.close()],
        ['the connection closed', false, ({ connection }) => connection.close()],
        ['the connection aborted', true, ({ connection }) => connection.abort()],
        ['the broker gone', false, ({ broker }) => broker.socket().destroy()],
        [
          'a wrong answer',
          false,
          ({ broker }) => broker.socket().write(Buffer.from('0000000400000063', 'hex')),
        ],
      ] as [
        string,
        boolean,
        (of: { writer: DestinationWriter; connection: Connection; broker: Broker }) => void,
      ][]
    ).map(([name, isReset, end]) => ({ protocol, name, isReset, end })),
  ),
)('$protocol: $name', async ({ protocol, name, isReset, end }) => {
  const broker = await startBroker(protocol === 'TLS');
  const address = { host: '127.0.0.1', port: broker.port };
  const tls = protocol === 'TLS' ? { tls: { ca: pem('broker.pem') } } : {};
  const connection = await Connection.open({ ...address, ...tls });
  // A writer gives ten seconds more.
  const ackTimeoutMs = name === 'no answer in time' ? -9_800 : 30_000;
  const writer = new DestinationWriter({
    ...{ open: async () => connection, connectionCount: 1, requestBytesMax: 2 ** 30, ackTimeoutMs },
    monotonicMs: () => performance.now(),
  });
  const outcomes: AppendOutcome[] = [];
  for (let partition = 0; partition < batchCount; partition++) {
    const value = Buffer.alloc(batchBytes, ours);
    const bytes = encodeBatch([{ offset: 0n, timestamp: 1n, key: null, value, headers: [] }]);
    const lease = new FrameLease(() => bytes.fill(others));
    const batch = new LeasedBatch(new BatchView(bytes, 0), lease);
    lease.release();
    const identity = { producerId: 1n << 62n, epoch: 0, sequence: 0 };
    const onOutcome = (outcome: AppendOutcome) => outcomes.push(outcome);
    writer.append({ topic: 'orders', topicId: 'id', partition, batch, identity, onOutcome });
    batch.release();
  }
  await vi.waitFor(() => expect(connection.statistics().inFlightCount).toBe(1), { interval: 1 });
  end({ writer, connection, broker });
  await vi.waitFor(() => expect(outcomes).toHaveLength(batchCount), { interval: 1, timeout: 5_000 });
  expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['unknown']));
  const { readBytes, isAnyOfOthers } = await broker.readOn();
  // The rest waited in this process.
  expect(readBytes).toBeLessThan(batchBytes * batchCount);
  expect(isAnyOfOthers).toBe(false);
  // Nor does the kernel deliver it, where it can be told so: a whole request would be appended by then.
  if (isReset && protocol === 'plain') expect(readBytes).toBeLessThan(batchBytes / 4);
  connection.close();
});
