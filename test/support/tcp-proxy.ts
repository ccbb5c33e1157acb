// A TCP proxy that misbehaves on command, placed between our client and a real broker. It counts what it did,
// so that a test can prove that its fault fired and did not pass by luck.
//
// Agents reach a region through it where the region was made with `proxied` listeners (see scripts/soak/regions.ts):
// brokers then advertise the proxies' ports on that listener, and Metadata leads nowhere else.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Seen from the client: 'up' is towards the broker, 'down' is its answers. */
export type Direction = 'up' | 'down';

/** Without a direction a fault applies to both. */
export type Fault =
  /** Passes everything on at once. */
  | { readonly kind: 'none' }
  /** Passes every chunk on after this long and a random part of the jitter, in order. */
  | {
      readonly kind: 'delay';
      readonly delayMs: number;
      readonly jitterMs?: number;
      readonly direction?: Direction;
    }
  /** Passes on so many bytes a second on each connection. */
  | { readonly kind: 'bandwidth'; readonly bytesPerSecond: number; readonly direction?: Direction }
  /** Passes bytes on one by one, each in a segment of its own. */
  | { readonly kind: 'trickle'; readonly direction?: Direction }
  /** Holds everything back until the next fault is set. Connections stay open. */
  | { readonly kind: 'stall'; readonly direction?: Direction }
  /**
   * The broker's end of each connection is gone without a word to the client, as when a firewall forgets it: what the
   * client sends is swallowed, until it gives the connection up itself. New connections get the same.
   */
  | { readonly kind: 'halfOpen' }
  /** Passes on this many more bytes of each connection, then resets it. */
  | { readonly kind: 'cut'; readonly afterBytes: number; readonly direction?: Direction }
  /** Resets each connection at a random place inside of its next frame of at least so many bytes. */
  | { readonly kind: 'cutInFrame'; readonly frameBytesMin: number; readonly direction?: Direction }
  /** Closes new connections at once; open ones live on. */
  | { readonly kind: 'refuse' };

export type ProxyCounts = {
  connections: number;
  refused: number;
  /** Connections that were reset, by whatever fault. */
  cut: number;
  /** Those of them that were reset inside of a frame. */
  cutInFrame: number;
  halfOpened: number;
  swallowedBytes: number;
  delayedChunks: number;
  slowedChunks: number;
  trickledBytes: number;
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

export type TcpProxyOptions = {
  /** The port to listen on; a free one by default. */
  readonly port?: number;
  /** The address to listen at; 127.0.0.1 by default. */
  readonly host?: string;
  /** For jitter and places of cuts; pass a seeded one where a run must be repeatable. */
  readonly random?: () => number;
};

/** One direction of one connection: a queue of chunks that leave in order, when the fault allows. */
type Flow = { readonly from: Socket; leave(): void };

/** A limited bandwidth is handed out in so many portions a second. */
const portionsPerSecond = 50;

export async function startTcpProxy(
  target: { host: string; port: number },
  { port = 0, host = '127.0.0.1', random = Math.random }: TcpProxyOptions = {},
): Promise<TcpProxy> {
  let fault: Fault = { kind: 'none' };
  let to = target;
  const counts: ProxyCounts = {
    connections: 0,
    refused: 0,
    cut: 0,
    cutInFrame: 0,
    halfOpened: 0,
    swallowedBytes: 0,
    delayedChunks: 0,
    slowedChunks: 0,
    trickledBytes: 0,
    stalledChunks: 0,
    bytesUp: 0,
    bytesDown: 0,
  };
  const flows = new Set<Flow>();
  const sockets = new Set<Socket>();
  const openPairs = new Set<Pair>();

  /** A client's connection and the one to the broker. */
  class Pair {
    readonly client: Socket;
    readonly broker: Socket;
    #isHalfOpen = false;

    constructor(client: Socket, broker: Socket) {
      this.client = client;
      this.broker = broker;
      for (const socket of [client, broker]) {
        sockets.add(socket);
        socket.on('error', () => this.#onClose(socket));
        socket.on('close', () => this.#onClose(socket));
      }
      flows.add(startFlow(client, broker, 'up'));
      flows.add(startFlow(broker, client, 'down'));
      openPairs.add(this);
    }

    #onClose(socket: Socket): void {
      if (this.#isHalfOpen && socket === this.broker) return;
      this.#end();
    }

    #end(): void {
      openPairs.delete(this);
      for (const socket of [this.client, this.broker]) {
        sockets.delete(socket);
        socket.destroy();
      }
      for (const flow of flows)
        if (flow.from === this.client || flow.from === this.broker) flows.delete(flow);
    }

    /** From now on the client speaks to nobody. */
    loseBroker(): void {
      if (this.#isHalfOpen) return;
      this.#isHalfOpen = true;
      counts.halfOpened++;
      for (const flow of flows)
        if (flow.from === this.client || flow.from === this.broker) flows.delete(flow);
      this.client.removeAllListeners('data');
      this.client.on('data', (chunk: Buffer) => {
        counts.swallowedBytes += chunk.length;
      });
      this.client.resume();
      this.broker.removeAllListeners('data');
      this.broker.destroy();
    }

    reset(): void {
      for (const socket of [this.client, this.broker]) socket.resetAndDestroy();
    }
  }

  const server: Server = createServer({ noDelay: true }, (client) => {
    if (fault.kind === 'refuse') {
      counts.refused++;
      client.resetAndDestroy();
      return;
    }
    counts.connections++;
    const pair = new Pair(client, connect({ ...to, noDelay: true }));
    if (fault.kind === 'halfOpen') pair.loseBroker();
  });

  function startFlow(from: Socket, towards: Socket, direction: Direction): Flow {
    const queue: { chunk: Buffer; leavesAt: number }[] = [];
    const frames = new FrameTracker();
    let timer: NodeJS.Timeout | undefined;
    let immediate: NodeJS.Immediate | undefined;
    let isEnded = false;
    let cutFault: Fault | null = null;
    let bytesUntilCut = 0;
    const applying = (): Fault =>
      'direction' in fault && fault.direction !== undefined && fault.direction !== direction
        ? { kind: 'none' }
        : fault;

    /** How many bytes of this chunk still pass before the connection is reset, or null when all do. */
    const passBeforeCut = (chunk: Buffer): number | null => {
      const applied = applying();
      if (applied.kind === 'cut') {
        if (cutFault !== fault) bytesUntilCut = Math.max(0, applied.afterBytes);
        cutFault = fault;
        const allowed = bytesUntilCut;
        bytesUntilCut -= chunk.length;
        return chunk.length >= allowed ? allowed : null;
      }
      if (applied.kind === 'cutInFrame') {
        if (cutFault !== fault) bytesUntilCut = -1;
        cutFault = fault;
        if (bytesUntilCut < 0) {
          const begin = frames.beginOfFrame(chunk, applied.frameBytesMin);
          if (begin === null) return null;
          bytesUntilCut = begin.at + 1 + Math.floor(random() * (begin.sizeBytes - 1));
        }
        const allowed = bytesUntilCut;
        if (chunk.length < allowed) {
          bytesUntilCut -= chunk.length;
          return null;
        }
        counts.cutInFrame++;
        return allowed;
      }
      cutFault = null;
      return null;
    };
    const pass = (chunk: Buffer) => {
      const allowed = passBeforeCut(chunk);
      if (allowed !== null) {
        counts.cut++;
        count(allowed);
        isEnded = true;
        from.pause();
        towards.write(chunk.subarray(0, allowed), () => {
          towards.resetAndDestroy();
          from.resetAndDestroy();
        });
        return;
      }
      frames.advance(chunk);
      count(chunk.length);
      if (!towards.write(chunk)) {
        from.pause();
        towards.once('drain', () => leave());
      }
    };
    const count = (bytes: number) => {
      if (direction === 'up') counts.bytesUp += bytes;
      else counts.bytesDown += bytes;
    };
    const passSome = (bytes: number) => {
      const next = queue[0]!;
      const some = next.chunk.subarray(0, bytes);
      if (some.length === next.chunk.length) queue.shift();
      else next.chunk = next.chunk.subarray(bytes);
      pass(some);
    };
    const leave = () => {
      clearTimeout(timer);
      clearImmediate(immediate);
      while (!isEnded && queue.length > 0 && !towards.writableNeedDrain) {
        const applied = applying();
        const next = queue[0]!;
        if (applied.kind === 'stall') return;
        if (applied.kind === 'delay' && next.leavesAt > Date.now()) {
          timer = setTimeout(leave, Math.max(1, next.leavesAt - Date.now()));
          return;
        }
        if (applied.kind === 'bandwidth') {
          from.pause();
          counts.slowedChunks++;
          passSome(Math.max(1, Math.floor(applied.bytesPerSecond / portionsPerSecond)));
          timer = setTimeout(leave, 1000 / portionsPerSecond);
          return;
        }
        if (applied.kind === 'trickle') {
          from.pause();
          counts.trickledBytes++;
          passSome(1);
          immediate = setImmediate(leave);
          return;
        }
        passSome(next.chunk.length);
      }
      if (!isEnded && queue.length === 0 && from.isPaused() && !towards.writableNeedDrain) from.resume();
    };
    from.on('data', (chunk: Buffer) => {
      const applied = applying();
      let leavesAt = 0;
      if (applied.kind === 'delay') {
        counts.delayedChunks++;
        leavesAt = Date.now() + applied.delayMs + random() * (applied.jitterMs ?? 0);
      }
      if (applied.kind === 'stall') {
        counts.stalledChunks++;
        from.pause(); // the pressure goes back to the sender, nothing piles up here
      }
      queue.push({ chunk, leavesAt });
      if (queue.length === 1) leave();
    });
    from.on('close', () => {
      isEnded = true;
      clearTimeout(timer);
      clearImmediate(immediate);
    });
    return { from, leave };
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const cutAll = () => {
    const open = openPairs.size;
    for (const pair of openPairs) pair.reset();
    counts.cut += open;
    return open;
  };
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return {
    host,
    port: (server.address() as AddressInfo).port,
    counts,
    setFault: (next) => {
      fault = next;
      if (next.kind === 'halfOpen') for (const pair of openPairs) pair.loseBroker();
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

/** Knows where Kafka's frames (a length of 4 bytes, then so many bytes) begin in a stream that it sees all of. */
class FrameTracker {
  /** Bytes until the next frame begins. */
  #untilFrame = 0;
  /** The part of a frame's length that has been seen, where a chunk ended inside of it. */
  #length: number[] = [];

  advance(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#untilFrame > 0) {
        const skipped = Math.min(this.#untilFrame, chunk.length - at);
        this.#untilFrame -= skipped;
        at += skipped;
        continue;
      }
      if (this.#length.length === 0 && at + 4 <= chunk.length) {
        this.#untilFrame = chunk.readUInt32BE(at);
        at += 4;
        continue;
      }
      this.#length.push(chunk[at++]!);
      if (this.#length.length < 4) continue;
      this.#untilFrame = Buffer.from(this.#length).readUInt32BE();
      this.#length = [];
    }
  }

  /** The first frame of at least so many bytes that begins in this chunk with its whole length. */
  beginOfFrame(chunk: Buffer, bytesMin: number): { at: number; sizeBytes: number } | null {
    if (this.#length.length > 0) return null;
    let at = this.#untilFrame;
    while (at + 4 <= chunk.length) {
      const sizeBytes = 4 + chunk.readUInt32BE(at);
      if (sizeBytes >= bytesMin) return { at, sizeBytes };
      at += sizeBytes;
    }
    return null;
  }
}
