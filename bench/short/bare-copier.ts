// The floor that the short benchmark compares with: a program in Node that reads bytes from one socket and writes them to
// another, without a look at them. Source and sink are processes of their own, as brokers are.
//
// node bench/short/bare-copier.ts source BYTES | sink | copier SOURCEPORT SINKPORT WARMUPBYTES; started by measureBareCopier alone.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { guardChild } from '../../src/regions/index.ts';

export interface CopierCost {
  readonly cpuSecondsPerGb: number;
  readonly megabytesPerSecond: number;
  readonly peakRssMb: number;
}

const file = fileURLToPath(import.meta.url);
const chunkBytes = 256 * 1024;
/** Chunks that are read and not yet written; then it stops reading until half of them are. */
const chunksMax = 16;
const sourceChunkBytes = 1024 * 1024;
/** Copied before anything counts: compilers warm up, windows grow. */
const warmUpShare = 0.1;
const host = '127.0.0.1';

/** Copies `bytes` over loopback, warm-up included, and tells what the copying process took of it. */
export async function measureBareCopier(bytes: number): Promise<CopierCost> {
  const children: ChildProcess[] = [];
  const start = async (...words: (string | number)[]) => {
    const child = fork(file, words.map(String), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    guardChild(child);
    children.push(child);
    return firstWord(child, words[0]);
  };
  try {
    const ports = (await Promise.all([start('source', bytes), start('sink')])) as number[];
    return (await start('copier', ...ports, bytes * warmUpShare)) as CopierCost;
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

async function firstWord(child: ChildProcess, role: unknown): Promise<unknown> {
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the ${role} of the bare copier ended with ${code ?? signal}`);
  });
  const said = once(child, 'message').then(([word]) => word as unknown);
  return Promise.race([said, ended]);
}

if (process.argv[1] === file && process.send !== undefined) {
  // Nothing of it outlives who started it.
  process.once('disconnect', () => process.exit(1));
  const [role, ...numbers] = process.argv.slice(2);
  if (role === 'source') await listen(source(Number(numbers[0])));
  else if (role === 'sink') await listen((socket) => socket.on('data', () => {}));
  else process.send(await copy(Number(numbers[0]), Number(numbers[1]), Number(numbers[2])));
}

async function listen(onConnection: (socket: net.Socket) => void): Promise<void> {
  const server = net.createServer(onConnection).listen(0, host);
  await once(server, 'listening');
  process.send?.((server.address() as AddressInfo).port);
}

function source(bytes: number): (socket: net.Socket) => void {
  const chunk = Buffer.alloc(sourceChunkBytes, 'lockstep');
  return (socket) => {
    let left = bytes;
    const write = (): void => {
      while (left > 0) {
        left -= chunk.length;
        if (!socket.write(chunk)) return void socket.once('drain', write);
      }
      socket.end();
    };
    socket.on('error', () => {});
    write();
  };
}

async function copy(sourcePort: number, sinkPort: number, warmUpBytes: number): Promise<CopierCost> {
  const output = net.connect(sinkPort, host);
  await once(output, 'connect');
  const free: Buffer[] = [];
  const take = () => free.pop() ?? Buffer.allocUnsafeSlow(chunkBytes);
  let [current, underWay, copied] = [take(), 0, 0];
  let from = { at: performance.now(), cpu: process.cpuUsage(), copied };
  const input = net.connect({
    port: sourcePort,
    host,
    onread: {
      buffer: () => current,
      callback(size) {
        if (copied < warmUpBytes && copied + size >= warmUpBytes)
          from = { at: performance.now(), cpu: process.cpuUsage(), copied: copied + size };
        copied += size;
        const chunk = current;
        current = take();
        underWay += 1;
        output.write(chunk.subarray(0, size), () => {
          free.push(chunk);
          underWay -= 1;
          if (underWay < chunksMax / 2) input.resume();
        });
        return underWay < chunksMax;
      },
    },
  });
  await once(input, 'end');
  const { user, system } = process.cpuUsage(from.cpu);
  const bytes = copied - from.copied;
  return {
    cpuSecondsPerGb: (user + system) / 1e6 / (bytes / 1e9),
    megabytesPerSecond: bytes / 1e3 / (performance.now() - from.at),
    peakRssMb: (process.resourceUsage().maxRSS * 1024) / 1e6,
  };
}
