// A broker that lies: a man in the middle before a real one, who reads every answer, changes some, and counts it, so
// that a test can prove that its lie was told.
//
//     await using liar = await startLyingBroker(region);
//     liar.lie(apis.Produce, (answer) => { ...change it...; return answer; });
//     ... an agent that is given liar.bootstrap ...
//     liar.beHonest();
//
// Answers that name brokers name the liar instead, so that clients stay with it. One broker only.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import {
  type Api,
  apis,
  apisByKey,
  decodeRequest,
  decodeResponse,
  encodeResponse,
  type Input,
  peekRequest,
} from '../../src/protocol/index.ts';

export interface Asked<Req> {
  readonly request: Req;
  readonly version: number;
  readonly correlationId: number;
}

/** Changes an answer: the answer to send instead, a whole frame as bytes, or null where it has nothing to lie about. */
export type Lie<Req, Res> = (answer: Res, asked: Asked<Req>) => Res | Buffer | null;

export interface LyingBroker extends AsyncDisposable {
  readonly bootstrap: readonly string[];
  /** Lies about one API are told one after another, each about what the one before made of the answer. */
  lie<Req, Res>(api: Api<Req, Res>, lie: Lie<Req, Res>): void;
  /** Tells the truth until the next lie. */
  beHonest(): void;
}

const lengthBytes = 4;
type AnyLie = Lie<unknown, unknown>;

export async function startLyingBroker(truth: { bootstrap: readonly string[] }): Promise<LyingBroker> {
  const [host = '', port = ''] = truth.bootstrap[0]!.split(':');
  const lies = new Map<number, AnyLie[]>();
  const sockets = new Set<Socket>();

  const server = createServer({ noDelay: true }, (client) => {
    const broker = connect({ host, port: Number(port), noDelay: true });
    const asked = new Map<number, Buffer>();
    const end = () => {
      for (const socket of [client, broker]) {
        sockets.delete(socket);
        socket.destroy();
      }
    };
    for (const socket of [client, broker]) {
      sockets.add(socket);
      socket.on('error', end);
      socket.on('close', end);
    }
    onFrames(client, (frame) => {
      asked.set(frame.readInt32BE(4), Buffer.from(frame));
      broker.write(withLength(frame));
    });
    onFrames(broker, (frame) => {
      const correlationId = frame.readInt32BE(0);
      const request = asked.get(correlationId);
      asked.delete(correlationId);
      client.write(request === undefined ? withLength(frame) : told(request, frame));
    });
  });

  function told(request: Buffer, frame: Buffer): Buffer {
    const { apiKey, version } = peekRequest(request);
    const api = apisByKey.get(apiKey);
    const told = [...(always.get(apiKey) ?? []), ...(lies.get(apiKey) ?? [])];
    if (api === undefined || told.length === 0) return withLength(frame);
    const { correlationId, body: requestBody } = decodeRequest(api, version, request);
    let { body } = decodeResponse(api, version, frame);
    let changed = false;
    for (const lie of told) {
      const answer = lie(body, { request: requestBody, version, correlationId });
      if (Buffer.isBuffer(answer)) return answer;
      if (answer === null) continue;
      body = answer;
      changed = true;
    }
    if (!changed) return withLength(frame);
    return Buffer.concat(encodeResponse(api, version, correlationId, body as Input<unknown>));
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const own = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const always = new Map<number, AnyLie[]>();
  const addTo = <Req, Res>(map: Map<number, AnyLie[]>, api: Api<Req, Res>, lie: Lie<Req, Res>): void => {
    map.set(api.key, [...(map.get(api.key) ?? []), lie as AnyLie]);
  };
  addTo(always, apis.Metadata, (answer) => {
    for (const broker of answer.brokers) Object.assign(broker, own);
    return answer;
  });
  addTo(always, apis.FindCoordinator, (answer) => {
    Object.assign(answer, own);
    for (const coordinator of answer.coordinators) Object.assign(coordinator, own);
    return answer;
  });
  return {
    bootstrap: [`${own.host}:${own.port}`],
    lie: (api, lie) => addTo(lies, api, lie),
    beHonest: () => lies.clear(),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Calls back for each whole frame, without its length. */
function onFrames(socket: Socket, onFrame: (frame: Buffer) => void): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.on('data', (part: Buffer) => {
    pending = pending.length === 0 ? part : Buffer.concat([pending, part]);
    let at = 0;
    while (pending.length - at >= lengthBytes) {
      const end = at + lengthBytes + pending.readInt32BE(at);
      if (pending.length < end) break;
      onFrame(pending.subarray(at + lengthBytes, end));
      at = end;
    }
    pending = pending.subarray(at);
  });
}

function withLength(frame: Buffer): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeInt32BE(frame.length);
  return Buffer.concat([length, frame]);
}
