// A TCP proxy that misbehaves on command, placed between our client and a real broker. It counts what it did,
// so that a test can prove that its fault fired and did not pass by luck.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Seen from the client: 'up' is towards the broker, 'down' is its answers. */
export type Direction = 'up' | 'down';

export type Fault =
  /** Passes everything on at once. */
  | { readonly kind: 'none' }
  /** Passes every chunk on after this long, in order. */
  | { readonly kind: 'delay'; readonly delayMs: number; readonly direction?: Direction }
  /** Holds everything back until the next fault is set. Connections stay open. */
  | { readonly kind: 'stall'; readonly direction?: Direction }
  /** Passes on this many more bytes of each connection, then resets it. */
  | { readonly kind: 'cut'; readonly afterBytes: number; readonly direction?: Direction }
  /** Closes new connections at once; open ones live on. */
  | { readonly kind: 'refuse' };

export type ProxyCounts = {
  connections: number;
  refused: number;
  cut: number;
  delayedChunks: number;
  stalledChunks: number;
  bytesUp: number;
  bytesDown: number;
};

export type TcpProxy = {
  readonly host: string;
  readonly port: number;
  readonly counts: Readonly<ProxyCounts>;
  /** Replaces the fault, for open connections too. What a stall held back is passed on. */
  setFault(fault: Fault): void;
  /** Resets every open connection now; returns how many. */
  cutAll(): number;
  /** Points new connections somewhere else: the switched address of a failover. */
  setTarget(target: { host: string; port: number }): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** One direction of one connection: a queue of chunks that leave in order, when the fault allows. */
type Flow = { readonly from: Socket; readonly to: Socket; readonly direction: Direction; leave(): void };

export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  let fault: Fault = { kind: 'none' };
  let to = target;
  const counts: ProxyCounts = {
    connections: 0,
    refused: 0,
    cut: 0,
    delayedChunks: 0,
    stalledChunks: 0,
    bytesUp: 0,
    bytesDown: 0,
  };
  const flows = new Set<Flow>();
  const sockets = new Set<Socket>();

  const server: Server = createServer({ noDelay: true }, (client) => {
    if (fault.kind === 'refuse') {
      counts.refused++;
      client.resetAndDestroy();
      return;
    }
    counts.connections++;
    const broker = connect({ ...to, noDelay: true });
    const both = [client, broker];
    const end = () => {
      for (const socket of both) {
        sockets.delete(socket);
        socket.destroy();
      }
      for (const flow of flows) if (both.includes(flow.from)) flows.delete(flow);
    };
    for (const socket of both) {
      sockets.add(socket);
      socket.on('error', end);
      socket.on('close', end);
    }
    flows.add(startFlow(client, broker, 'up'));
    flows.add(startFlow(broker, client, 'down'));
  });

  function startFlow(from: Socket, towards: Socket, direction: Direction): Flow {
    const queue: { chunk: Buffer; leavesAt: number }[] = [];
    let timer: NodeJS.Timeout | undefined;
    let cutFault: Fault | null = null;
    let bytesSinceCutFault = 0;
    const applies = (kind: Fault['kind']) =>
      fault.kind === kind &&
      (!('direction' in fault) || fault.direction === undefined || fault.direction === direction);
    const pass = (chunk: Buffer) => {
      if (fault.kind === 'cut' && applies('cut')) {
        if (cutFault !== fault) bytesSinceCutFault = 0;
        cutFault = fault;
        const allowed = Math.max(0, fault.afterBytes - bytesSinceCutFault);
        bytesSinceCutFault += chunk.length;
        if (chunk.length >= allowed) {
          counts.cut++;
          count(allowed);
          towards.write(chunk.subarray(0, allowed), () => {
            towards.resetAndDestroy();
            from.resetAndDestroy();
          });
          return;
        }
      }
      count(chunk.length);
      if (!towards.write(chunk)) {
        from.pause();
        towards.once('drain', () => from.resume());
      }
    };
    const count = (bytes: number) => {
      if (direction === 'up') counts.bytesUp += bytes;
      else counts.bytesDown += bytes;
    };
    const leave = () => {
      clearTimeout(timer);
      if (applies('stall')) return;
      let next = queue[0];
      while (next && (!applies('delay') || next.leavesAt <= Date.now())) {
        queue.shift();
        pass(next.chunk);
        next = queue[0];
      }
      if (next) timer = setTimeout(leave, Math.max(1, next.leavesAt - Date.now()));
      else if (from.isPaused() && !towards.writableNeedDrain) from.resume();
    };
    from.on('data', (chunk: Buffer) => {
      let leavesAt = 0;
      if (fault.kind === 'delay' && applies('delay')) {
        counts.delayedChunks++;
        leavesAt = Date.now() + fault.delayMs;
      }
      if (applies('stall')) {
        counts.stalledChunks++;
        from.pause(); // the pressure goes back to the sender, nothing piles up here
      }
      queue.push({ chunk, leavesAt });
      leave();
    });
    from.on('close', () => clearTimeout(timer));
    return { from, to: towards, direction, leave };
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const cutAll = () => {
    const open = sockets.size / 2;
    for (const socket of sockets) socket.resetAndDestroy();
    counts.cut += open;
    return open;
  };
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    counts,
    setFault: (next) => {
      fault = next;
      for (const flow of flows) flow.leave();
    },
    cutAll,
    setTarget: (next) => {
      to = next;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
