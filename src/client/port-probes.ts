// What does a port speak? A broker closes a connection that speaks the wrong thing without a word, so when
// that happens we ask the port itself, instead of guessing. Each probe is one short connection that carries
// no secret.
import { connect as connectPlain } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from './clock.ts';
import type { BrokerAddress } from './config.ts';
import { causeCode } from './connect-failure.ts';

const probeMs = 3000;

/** ApiVersions v0, correlation id 1, client id null: the one request that every broker answers to anybody. */
const apiVersionsRequest = Buffer.from('0000000a' + '0012' + '0000' + '00000001' + 'ffff', 'hex');

/** Whether the port answers Kafka's protocol in plaintext. */
export function answersPlaintextKafka(address: BrokerAddress, clock: Clock): Promise<boolean> {
  const socket = connectPlain({ ...address });
  let answer = Buffer.alloc(0);
  return verdict(socket, clock, (decide) => {
    socket.on('connect', () => socket.write(apiVersionsRequest));
    socket.on('data', (part) => {
      answer = Buffer.concat([answer, part]);
      // Length, and our correlation id back. 64 KiB of API versions would be thousands of APIs.
      if (answer.length >= 8) decide(answer.readInt32BE(0) < 65_536 && answer.readInt32BE(4) === 1);
    });
    socket.on('error', () => decide(false));
  });
}

/** Whether the port answers a TLS handshake, even with a refusal. */
export function answersTls(address: BrokerAddress, clock: Clock): Promise<boolean> {
  const socket = connectTls({ ...address, rejectUnauthorized: false });
  return verdict(socket, clock, (decide) => {
    socket.on('secureConnect', () => decide(true));
    socket.on('error', (cause) => decide(/^ERR_SSL_.*ALERT/.test(causeCode(cause))));
  });
}

function verdict(
  socket: { on(event: 'close', run: () => void): unknown; destroy(): unknown },
  clock: Clock,
  watch: (decide: (answer: boolean) => void) => void,
): Promise<boolean> {
  return new Promise((resolve) => {
    const decide = (answer: boolean) => {
      cancelTimer();
      resolve(answer);
      socket.destroy();
    };
    const cancelTimer = clock.after(probeMs, () => decide(false));
    socket.on('close', () => decide(false));
    watch(decide);
  });
}
