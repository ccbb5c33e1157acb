// Turns what a socket says into one clear line: which cluster, which address, what is wrong, the way out.
// Node names causes by `code`; nothing here reads an error's prose.
import { type ErrorCode, LockstepError } from '../errors.ts';
import { type BrokerAddress, formatAddress } from './config.ts';

/** Whom a message is about. */
export interface Peer {
  readonly cluster: string;
  readonly address: BrokerAddress;
}

/** `cluster eu-west, broker kafka-1:9092`. */
export function describePeer(peer: Peer): string {
  return `cluster ${peer.cluster}, broker ${formatAddress(peer.address)}`;
}

/** An error about a peer; its detail names cluster and address. */
export function peerError(
  code: ErrorCode,
  peer: Peer,
  what: string,
  options: { cause?: unknown; detail?: Record<string, string | number | boolean | null> } = {},
): LockstepError {
  return new LockstepError(code, `${describePeer(peer)}: ${what}`, {
    ...(options.cause === undefined ? {} : { cause: options.cause }),
    detail: { cluster: peer.cluster, address: formatAddress(peer.address), ...options.detail },
  });
}

const unreachable: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (connection refused). Check that the broker runs and the port is right',
  ENOTFOUND: 'the host name is not known to DNS. Check its spelling',
  EAI_AGAIN: 'DNS does not answer for the host name. Check the name server, or try again',
  EHOSTUNREACH: 'no route to the host. Check network and firewall',
  ENETUNREACH: 'the network can not be reached. Check network and firewall',
  ETIMEDOUT: 'no answer (connection timed out). Check network and firewall',
  ECONNRESET: 'the connection was reset. Check that a Kafka broker listens there',
  EPIPE: 'the connection was closed by the other side',
};

const untrusted: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the broker's certificate has expired. Renew it",
  CERT_NOT_YET_VALID: "the broker's certificate is not valid yet. Check the clocks",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the broker's certificate is for another name. Use a name it carries, or set tls.servername",
  CERT_REVOKED: "the broker's certificate was revoked",
  HOSTNAME_MISMATCH:
    "the broker's certificate is for another name. Use a name it carries, or set tls.servername",
};
const untrustedIssuer = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'CERT_CHAIN_TOO_LONG',
  'INVALID_CA',
  'INVALID_PURPOSE',
]);

/** The peer answered the TLS handshake with bytes that are no TLS. */
const notTls = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_UNKNOWN_PROTOCOL',
  'ERR_SSL_BAD_RECORD_TYPE',
]);

const noCommonVersion = new Set([
  'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  'ERR_SSL_UNSUPPORTED_PROTOCOL',
  'ERR_SSL_VERSION_TOO_LOW',
]);

/** Node's code of an error, for example ECONNREFUSED; empty when it has none. */
export function causeCode(cause: unknown): string {
  const code = (cause as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

/** Whether the other side has ended the connection without saying why: worth a probe. */
export function isSilentEnd(cause: unknown): boolean {
  return cause === undefined || cause === null || ['ECONNRESET', 'EPIPE'].includes(causeCode(cause));
}

/** What a socket's error means, while connecting or later. `undefined` when it says nothing particular. */
export function explainSocketError(peer: Peer, cause: unknown): LockstepError | undefined {
  const code = causeCode(cause);
  const unreachableText = unreachable[code];
  if (unreachableText !== undefined)
    return peerError('CLUSTER_UNREACHABLE', peer, `${unreachableText}.`, { cause });
  const untrustedText = untrusted[code];
  if (untrustedText !== undefined) return peerError('TLS_UNTRUSTED', peer, `${untrustedText}.`, { cause });
  if (untrustedIssuer.has(code)) {
    const text = `the broker's certificate is not signed by anyone we trust (${code}). Give its CA in tls.ca.`;
    return peerError('TLS_UNTRUSTED', peer, text, { cause });
  }
  if (notTls.has(code)) return tlsNotExpected(peer, cause);
  if (noCommonVersion.has(code)) {
    const text = `no version of TLS that both sides take (${code}). Check tls.minVersion, tls.maxVersion and the broker's ssl.enabled.protocols.`;
    return peerError('TLS_UNTRUSTED', peer, text, { cause });
  }
  if (/^ERR_SSL_.*ALERT/.test(code)) {
    const text = `the broker refused the TLS handshake (${code}). Where it asks for client certificates, give tls.cert and tls.key that it trusts.`;
    return peerError('TLS_UNTRUSTED', peer, text, { cause });
  }
  return undefined;
}

export function tlsNotExpected(peer: Peer, cause?: unknown): LockstepError {
  const text = 'this port speaks plaintext, and we speak TLS. Take tls away, or use the TLS port.';
  return peerError('TLS_NOT_EXPECTED', peer, text, { cause });
}

export function tlsExpected(peer: Peer, cause?: unknown): LockstepError {
  const text =
    'this port speaks TLS, and we speak plaintext. Add tls (for example tls: {ca: ca.pem}), or use the plaintext port.';
  return peerError('TLS_EXPECTED', peer, text, { cause });
}

export function saslExpected(peer: Peer, mechanisms: readonly string[], cause?: unknown): LockstepError {
  const offered = mechanisms.length === 0 ? '' : ` It offers ${mechanisms.join(', ')}.`;
  const text = `this port wants a login, and none is configured. Add sasl (mechanism, username, password).${offered}`;
  return peerError('AUTHENTICATION_FAILED', peer, text, { cause });
}

/** What an answer that could not be taken ends the connection with. */
export function answerFailure(peer: Peer, error: unknown): LockstepError {
  if (!(error instanceof LockstepError)) {
    const text = `an answer could not be taken: ${(error as Error).message}`;
    return peerError('INTERNAL', peer, text, { cause: error });
  }
  if (error.detail.address !== undefined) return error;
  return peerError(error.code, peer, error.message, { cause: error });
}

/** While opening, what closed the connection matters more than the request that it hit. */
export function openingFailure(error: unknown): LockstepError {
  if (!(error instanceof LockstepError))
    return new LockstepError('INTERNAL', String(error), { cause: error });
  if (error.code !== 'CONNECTION_CLOSED' || !(error.cause instanceof LockstepError)) return error;
  const reason = error.cause;
  if (reason.code !== 'CONNECTION_CLOSED') return reason;
  return new LockstepError('CLUSTER_UNREACHABLE', reason.message, { cause: reason, detail: reason.detail });
}

/** One error for a list of addresses: the telling one where there is one, else all of them. */
export function nobodyAnswers(cluster: string, errors: readonly LockstepError[]): LockstepError {
  const telling = errors.find((error) => !error.retriable) ?? (errors.length === 1 ? errors[0] : undefined);
  if (telling !== undefined) return telling;
  const reasons = errors.map((error) => error.message.replace(`cluster ${cluster}, broker `, '')).join(' ');
  return new LockstepError(
    'CLUSTER_UNREACHABLE',
    `cluster ${cluster}: no broker can be reached. ${reasons}`,
    {
      cause: errors[0],
      detail: { cluster },
    },
  );
}
