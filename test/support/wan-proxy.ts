// A TCP proxy that is a long way: each direction takes `delayMs`, and no more bytes are on it without the far end's
// acknowledgement than the sender's buffer holds, as between a broker with `socket.send.buffer.bytes` and its reader.
// So that one connection carries window / round trip, however fast both ends are.
//
//   sender ──► taken, at most `windowBytes` ──► delayMs ──► handed over ──► delayMs (the acknowledgement) ──► room again
//
// A share of the segments is lost and sent again after `stallMs`; what is behind it waits, and its room with it.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface WanOptions {
  /** One way. */
  readonly delayMs: number;
  /** Towards the reader; the other direction has as much as it wants. */
  readonly windowBytes: number;
  /** Of segments, 0 to 1. Default: none. */
  readonly stallShare?: number;
  /** How long a lost segment and all behind it take longer; Linux sends again after 200 ms at the earliest. */
  readonly stallMs?: number;
  /** Default 16 KiB. */
  readonly segmentBytes?: number;
  /** [0, 1); pass a seeded one where a run must be repeatable. */
  readonly random?: () => number;
}

export interface WanCounts {
  connections: number;
  stalls: number;
  bytesUp: number;
  bytesDown: number;
  /** The most bytes that were on the way to one reader without an acknowledgement. */
  heldBytesMax: number;
  /** Connections that were reset by `cutAll`. */
  cut: number;
}

export interface WanProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly counts: Readonly<WanCounts>;
  /** Bytes that each connection has brought to its reader, oldest first. */
  bytesDownByConnection(): number[];
  /** From now on, for open connections too. */
  setWindow(windowBytes: number): void;
  /** Resets every open connection now; returns how many. */
  cutAll(): number;
  close(): Promise<void>;
}

const segmentBytesDefault = 16 * 1024;
const stallMsDefault = 200;

/** One direction of one connection, without sockets and clock: what is on the way, and when it arrives. */
export class WanLine {
  readonly #options: Required<Omit<WanOptions, 'random'>> & { random: () => number };
  readonly #onTheWay: { chunk: Buffer; arrivesAtMs: number }[] = [];
  readonly #acknowledgements: { bytes: number; arrivesAtMs: number }[] = [];
  #newestAtMs = Number.NEGATIVE_INFINITY;
  windowBytes: number;
  /** Without an acknowledgement. */
  heldBytes = 0;
  stalls = 0;

  constructor(options: WanOptions) {
    const { stallShare = 0, stallMs = stallMsDefault, segmentBytes = segmentBytesDefault } = options;
    this.windowBytes = options.windowBytes;
    this.#options = { random: Math.random, ...options, stallShare, stallMs, segmentBytes };
  }

  /** Bytes that may be taken now. */
  room(nowMs: number): number {
    for (let next = this.#acknowledgements[0]; next !== undefined && next.arrivesAtMs <= nowMs; ) {
      this.#acknowledgements.shift();
      this.heldBytes -= next.bytes;
      next = this.#acknowledgements[0];
    }
    return this.windowBytes - this.heldBytes;
  }

  /** At most `room` bytes. */
  take(chunk: Buffer, nowMs: number): void {
    const { delayMs, stallShare, stallMs, segmentBytes, random } = this.#options;
    this.heldBytes += chunk.length;
    // Segments that arrive together stay one piece: a copy and a system call less.
    let from = 0;
    const put = (to: number): void => {
      if (to > from) this.#onTheWay.push({ chunk: chunk.subarray(from, to), arrivesAtMs: this.#newestAtMs });
      from = to;
    };
    for (let at = 0; at < chunk.length; at += segmentBytes) {
      const isLost = stallShare > 0 && random() < stallShare;
      if (isLost) this.stalls += 1;
      // In order: nothing overtakes what is sent again.
      const arrivesAtMs = Math.max(this.#newestAtMs, nowMs + delayMs + (isLost ? stallMs : 0));
      if (arrivesAtMs !== this.#newestAtMs) put(at);
      this.#newestAtMs = arrivesAtMs;
    }
    put(chunk.length);
  }

  /** The next piece that has arrived; the far end acknowledges it at once. */
  arrived(nowMs: number): Buffer | null {
    const next = this.#onTheWay[0];
    if (next === undefined || next.arrivesAtMs > nowMs) return null;
    this.#onTheWay.shift();
    this.#acknowledgements.push({
      bytes: next.chunk.length,
      arrivesAtMs: nowMs + this.#options.delayMs,
    });
    return next.chunk;
  }

  get isEmpty(): boolean {
    return this.#onTheWay.length === 0;
  }

  /** When something arrives next, at either end; null: nothing will. */
  nextAtMs(): number | null {
    const times = [this.#onTheWay[0]?.arrivesAtMs, this.#acknowledgements[0]?.arrivesAtMs];
    const next = Math.min(...times.map((time) => time ?? Number.POSITIVE_INFINITY));
    return Number.isFinite(next) ? next : null;
  }
}

export async function startWanProxy(
  target: { host: string; port: number },
  options: WanOptions & { readonly port?: number },
): Promise<WanProxy> {
  const counts: WanCounts = {
    ...{ connections: 0, stalls: 0, bytesUp: 0, bytesDown: 0, heldBytesMax: 0, cut: 0 },
  };
  const open = new Set<Socket>();
  const linesDown = new Set<WanLine>();
  const bytesDown: number[] = [];
  let { windowBytes } = options;

  const start = (from: Socket, towards: Socket, direction: 'up' | 'down'): void => {
    const line = new WanLine({
      ...options,
      windowBytes: direction === 'down' ? windowBytes : Number.POSITIVE_INFINITY,
    });
    const index = bytesDown.length;
    if (direction === 'down') {
      linesDown.add(line);
      bytesDown.push(0);
    }
    /** Read of the sender's socket, and not on the way yet: there is no room. */
    let unsent: Buffer | null = null;
    let isEnded = false;
    let timer: NodeJS.Timeout | undefined;
    let timerAtMs = Number.POSITIVE_INFINITY;

    const move = (): void => {
      const nowMs = performance.now();
      towards.cork();
      while (!towards.writableNeedDrain) {
        const piece = line.arrived(nowMs);
        if (piece === null) break;
        counts[direction === 'up' ? 'bytesUp' : 'bytesDown'] += piece.length;
        if (direction === 'down') bytesDown[index]! += piece.length;
        towards.write(piece);
      }
      towards.uncork();
      const room = line.room(nowMs);
      if (unsent !== null && room > 0) {
        const stallsBefore = line.stalls;
        const taken: Buffer = unsent.length <= room ? unsent : unsent.subarray(0, room);
        unsent = taken.length === unsent.length ? null : unsent.subarray(room);
        line.take(taken, nowMs);
        counts.stalls += line.stalls - stallsBefore;
        if (direction === 'down') counts.heldBytesMax = Math.max(counts.heldBytesMax, line.heldBytes);
      }
      if (unsent === null && !isEnded && from.isPaused()) from.resume();
      if (isEnded && unsent === null && line.isEmpty) towards.end();
      plan();
    };
    const plan = (): void => {
      const nextAtMs = line.nextAtMs();
      if (nextAtMs === null || nextAtMs >= timerAtMs) return;
      clearTimeout(timer);
      timerAtMs = nextAtMs;
      timer = setTimeout(
        () => {
          timerAtMs = Number.POSITIVE_INFINITY;
          move();
        },
        Math.max(0, Math.ceil(nextAtMs - performance.now())),
      );
    };
    from.on('data', (chunk: Buffer) => {
      // Read once more than it was paused for: a stream hands over what it had read.
      unsent = unsent === null ? chunk : Buffer.concat([unsent, chunk]);
      move();
      if (unsent !== null) from.pause();
    });
    towards.on('drain', move);
    from.on('end', () => {
      isEnded = true;
      move();
    });
    const over = (): void => {
      clearTimeout(timer);
      linesDown.delete(line);
      open.delete(from);
      towards.destroy();
    };
    from.on('error', over);
    from.on('close', () => {
      // What is on the way still arrives, unless the connection was reset.
      if (!isEnded) over();
      else open.delete(from);
    });
    open.add(from);
  };

  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    counts.connections += 1;
    const broker = connect({ ...target, noDelay: true, allowHalfOpen: true });
    start(client, broker, 'up');
    start(broker, client, 'down');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const close = async (): Promise<void> => {
    for (const socket of open) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    counts,
    bytesDownByConnection: () => [...bytesDown],
    setWindow: (bytes) => {
      windowBytes = bytes;
      for (const line of linesDown) line.windowBytes = bytes;
    },
    cutAll: () => {
      const count = open.size / 2;
      for (const socket of open) socket.resetAndDestroy();
      counts.cut += count;
      return count;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
