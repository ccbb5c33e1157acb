// Asks a plaintext broker whether it is in service: it must list itself in its own metadata. A port that
// accepts connections is not enough, because a broker opens it before the controller lets it serve.
// The few bytes are written by hand, since this room imports none of the protocol.
import { connect } from 'node:net';

const metadataApiKey = 3;
/** Metadata v4: known to every broker from 0.11 to 4.x, and before flexible encodings. */
const metadataVersion = 4;
/** A region has a handful of brokers; a longer answer is not from one. */
const answerBytesMax = 64 * 1024;

/** The ids of the brokers in service as this broker sees them, or null when it gives no such answer in time. */
export function probeBrokerIds(port: number, host: string, timeoutMs = 2000): Promise<number[] | null> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const socket = connect({ port, host, noDelay: true });
    const finish = (ids: number[] | null) => {
      socket.destroy();
      resolve(ids);
    };
    socket.setTimeout(timeoutMs, () => finish(null));
    socket.on('error', () => finish(null));
    socket.on('close', () => finish(null));
    socket.on('connect', () => socket.write(metadataRequest()));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 4) return;
      const frameBytes = received.readInt32BE(0);
      if (frameBytes < 12 || frameBytes > answerBytesMax) return finish(null);
      if (received.length >= 4 + frameBytes) finish(parseBrokerIds(received.subarray(4, 4 + frameBytes)));
    });
  });
}

/** Length, header v1 (api, version, correlation id, client id), no topics, no topic creation. */
export function metadataRequest(): Buffer {
  const clientId = Buffer.from('lockstep-regions');
  const body = Buffer.alloc(10 + clientId.length + 5);
  body.writeInt16BE(metadataApiKey, 0);
  body.writeInt16BE(metadataVersion, 2);
  body.writeInt32BE(1, 4);
  body.writeInt16BE(clientId.length, 8);
  clientId.copy(body, 10);
  body.writeInt32BE(0, 10 + clientId.length);
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** Correlation id, throttle time, then brokers: id, host, port, rack. Null for anything else. */
export function parseBrokerIds(frame: Buffer): number[] | null {
  try {
    const ids: number[] = [];
    const count = frame.readInt32BE(8);
    let at = 12;
    const skipString = () => {
      at += 2 + Math.max(0, frame.readInt16BE(at));
    };
    for (let index = 0; index < count; index++) {
      ids.push(frame.readInt32BE(at));
      at += 4;
      skipString();
      at += 4;
      skipString();
    }
    return ids;
  } catch {
    return null; // the answer ends before it should
  }
}
