// An agent that starts while its destination accepts connections and says nothing, as a frozen broker does.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { checkTogether, resolveConfig, resolveRecord, resolveSource } from '../../src/agent/declarations.ts';
import { FleetAgent } from '../../src/agent/fleet-agent.ts';

test('it ends at once when it is told to', async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const stopping = new AbortController();
    const ended = FleetAgent.run({
      ...{ agentId: 'a', version: 'test', signal: stopping.signal, resolveConfig, checkTogether },
      destination: { name: 'eu-west', bootstrap: [{ host: '127.0.0.1', port }] },
      resolve: (record) => resolveRecord(record, { folder: process.cwd(), environment: {} }),
      resolveSource: (source, link) =>
        resolveSource(source, link, { folder: process.cwd(), environment: {} }),
      onNotice: () => {},
    });
    await once(server, 'connection');
    const toldAtMs = Date.now();
    stopping.abort();
    await ended;
    expect(Date.now() - toldAtMs).toBeLessThan(5_000);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});
