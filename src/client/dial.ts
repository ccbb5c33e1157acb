// Opens a socket, plain or TLS, that never allocates: it reads into one shared buffer, or into memory that the
// reader of frames has ready (`onread`, which tls.connect supports too where it makes the socket itself).
import { connect as connectPlain, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions as TlsConnectionOptions } from 'node:tls';
import { LockstepError } from '../errors.ts';
import type { Clock } from './clock.ts';
import type { BrokerAddress, TlsConfig } from './config.ts';
import { explainSocketError, isSilentEnd, type Peer, peerError, tlsNotExpected } from './connect-failure.ts';
import { answersPlaintextKafka } from './port-probes.ts';

/** Idle connections are noticed dead by TCP after about this, ms (tcp_keepalive_time of the socket). */
const keepAliveMs = 30_000;

export interface DialOptions {
  readonly peer: Peer;
  readonly tls?: TlsConfig;
  /** Time for DNS, TCP and TLS together, ms. */
  readonly connectTimeoutMs: number;
  /** Size of the shared buffer, bytes. */
  readonly readBufferBytes: number;
  readonly clock: Clock;
  /** Where the next bytes shall go instead of the shared buffer; null for the shared buffer. */
  readonly directTarget: () => Buffer | null;
  /** Bytes in the shared buffer, which is reused as soon as this returns. Must not throw. */
  readonly onBytes: (buffer: Buffer, sizeBytes: number) => void;
  /** Bytes in the latest `directTarget`. Must not throw. */
  readonly onDirectBytes: (sizeBytes: number) => void;
}

/**
 * A connected socket (TLS handshake done). The caller adds its own 'error' and 'close' listeners at once.
 * @throws LockstepError CLUSTER_UNREACHABLE, TLS_NOT_EXPECTED, TLS_UNTRUSTED, CONFIG_INVALID (unusable PEM).
 */
export async function dial(options: DialOptions): Promise<Socket> {
  const { peer, tls } = options;
  try {
    return await connectOnce(options);
  } catch (cause) {
    if (tls !== undefined && isSilentEnd(cause)) {
      // A broker ends a TLS handshake without a word when its port speaks plaintext: our first bytes are an
      // impossible length to it. So ask the port.
      if (await answersPlaintextKafka(peer.address, options.clock)) throw tlsNotExpected(peer, cause);
      const text = 'the connection was closed during the TLS handshake. Check that a TLS listener is there.';
      throw peerError('CLUSTER_UNREACHABLE', peer, text, { cause });
    }
    throw explainSocketError(peer, cause) ?? otherFailure(peer, cause);
  }
}

function connectOnce(options: DialOptions): Promise<Socket> {
  const { peer, tls, connectTimeoutMs, clock } = options;
  return new Promise((resolve, reject) => {
    const shared = Buffer.allocUnsafeSlow(options.readBufferBytes);
    const socket = open(peer.address, tls, {
      // Node asks before the first read and after each callback.
      buffer: () => options.directTarget() ?? shared,
      callback: (sizeBytes, buffer) => {
        if (buffer === shared) options.onBytes(shared, sizeBytes);
        else options.onDirectBytes(sizeBytes);
        return true;
      },
    });
    socket.setNoDelay(true);
    const cancelTimer = clock.after(connectTimeoutMs, () => {
      const text = `no connection within ${connectTimeoutMs} ms. Check address, network and firewall.`;
      finish(peerError('CLUSTER_UNREACHABLE', peer, text));
    });
    const onError = (cause: Error) => finish(cause);
    const onClose = () => finish(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
    const finish = (cause?: Error) => {
      cancelTimer();
      socket.off('error', onError).off('close', onClose);
      if (cause === undefined) return resolve(socket);
      socket.on('error', () => {});
      socket.destroy();
      reject(cause);
    };
    socket.on('error', onError).on('close', onClose);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => finish());
  });
}

function open(address: BrokerAddress, tls: TlsConfig | undefined, onread: OnReadOpts): Socket {
  const target = {
    host: address.host,
    port: address.port,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
  };
  if (tls === undefined) return connectPlain({ ...target, onread });
  // Node's types lack `onread` here; its documentation of tls.connect has it.
  return connectTls({ ...target, ...tlsOptions(tls), onread } as TlsConnectionOptions);
}

function tlsOptions(tls: TlsConfig): TlsConnectionOptions {
  return {
    minVersion: tls.minVersion ?? 'TLSv1.2',
    ...(tls.maxVersion === undefined ? {} : { maxVersion: tls.maxVersion }),
    ...(tls.verifyHostname === false ? { checkServerIdentity: () => undefined } : {}),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.passphrase === undefined ? {} : { passphrase: tls.passphrase }),
    ...(tls.servername === undefined ? {} : { servername: tls.servername }),
    rejectUnauthorized: tls.rejectUnauthorized ?? true,
  };
}

function otherFailure(peer: Peer, cause: unknown): LockstepError {
  if (cause instanceof LockstepError) return cause;
  const { code, message } = cause as { code?: string; message?: string };
  if (code?.startsWith('ERR_OSSL') || code?.startsWith('ERR_INVALID_ARG')) {
    const text = `tls.ca, tls.cert or tls.key can't be used (${code}). They must be PEM, and key and cert a pair.`;
    return peerError('CONFIG_INVALID', peer, text, { cause });
  }
  return peerError('CLUSTER_UNREACHABLE', peer, `the connection failed (${code ?? message ?? 'unknown'}).`, {
    cause,
  });
}
