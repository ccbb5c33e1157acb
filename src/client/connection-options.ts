// What may be set for one connection and for one request, and what a connection counts.
import type { AnswerDigest } from './answer-digest.ts';
import type { VersionChoice } from './api-versions.ts';
import type { Clock, Random } from './clock.ts';
import type { BrokerAddress, SaslConfig, TlsConfig } from './config.ts';
import type { FramePool } from './frame-pool.ts';
import type { TokenSource } from './sasl/token-source.ts';

/** What a login is done with. */
export interface Login {
  readonly sasl: SaslConfig;
  readonly tokens: TokenSource | null;
}

export interface ConnectionOptions extends BrokerAddress {
  /** The cluster's name, for messages. Default `host:port`. */
  readonly cluster?: string;
  readonly tls?: TlsConfig;
  readonly sasl?: SaslConfig;
  /** Where OAUTHBEARER tokens come from; shared by a cluster's connections. Made from `sasl` by default. */
  readonly tokens?: TokenSource;
  /** Asked before each later login (KIP-368) for what to log in with then. Default: as at the first. */
  readonly nextLogin?: () => Promise<Login>;
  /** Default `lockstep`. */
  readonly clientId?: string;
  /** Memory for `sendForFrame`; shared by connections. A pool of its own by default. */
  readonly framePool?: FramePool;
  /** A response above this ends the connection with FRAME_INVALID, bytes. Default 128 MiB. */
  readonly frameBytesMax?: number;
  /** Size of the buffer that small answers and the beginnings of large ones are read into, bytes. Default 64 KiB. */
  readonly readBufferBytes?: number;
  /** Time for DNS, TCP and TLS together, ms. Default 10 s, as socket.connection.setup.timeout.ms. */
  readonly connectTimeoutMs?: number;
  /** Time from `send` to the answer unless the call says otherwise, ms. Default 30 s, as request.timeout.ms. */
  readonly requestTimeoutMs?: number;
  /** Requests in flight; more wait. Default 100: enough for any pipelining, and a bound on what a close fails. */
  readonly inFlightRequestsMax?: number;
  /** Requests that may wait; one more fails with REQUEST_QUEUE_FULL. Default 1000. */
  readonly waitingRequestsMax?: number;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface SendOptions extends VersionChoice {
  /** Time from `send` to the answer, waiting and throttling included, ms. Default `requestTimeoutMs`. */
  readonly timeoutMs?: number;
  /** The answer is `unchanged` where it is the one before; the type of the response has to say so. */
  readonly digest?: AnswerDigest;
}

export interface ConnectionStatistics {
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly sentCount: number;
  readonly answeredCount: number;
  readonly inFlightCount: number;
  readonly waitingCount: number;
  /** Answers that asked us to pause (quotas), and how long in all, ms. */
  readonly throttleCount: number;
  readonly throttledMsTotal: number;
  readonly reauthenticationCount: number;
}
