// One TCP or TLS connection to one broker: dialled, versions negotiated, logged in, then a pipeline of
// requests until it closes. The hot path of a mirror runs through here, so answers are read into pooled frames
// without allocating, and requests are written by reference with one system call each.
//
// Opening:  1. dial  2. ApiVersions  3. SASL, where configured  4. ready
// A connection is never mended: when something goes wrong it closes with a reason, and its owner opens another.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { LockstepError } from '../errors.ts';
import { type Api, apis, type Input } from '../protocol/index.ts';
import {
  type FinalizedFeature,
  negotiateVersions,
  pickVersion,
  type VersionChoice,
  type VersionRange,
} from './api-versions.ts';
import { type CertificateFacts, certificateFacts } from './certificates.ts';
import { type Clock, systemClock } from './clock.ts';
import { explainClose } from './close-reason.ts';
import { formatAddress } from './config.ts';
import { answerFailure, openingFailure, type Peer, peerError, tlsExpected } from './connect-failure.ts';
import type { ConnectionOptions, ConnectionStatistics, Login, SendOptions } from './connection-options.ts';
import { mayPass } from './credentials.ts';
import { dial } from './dial.ts';
import { type Frame, FramePool } from './frame-pool.ts';
import { FrameReader } from './frame-reader.ts';
import { Pipeline } from './pipeline.ts';
import { authenticate } from './sasl/authenticate.ts';
import { firstLogin, LoginSession } from './sasl/login-session.ts';

/** While the connection opens, no answer may be longer, bytes. */
const handshakeFrameBytesMax = 1024 * 1024;
/** A connection that is to be replaced and never falls idle ends after this, ms. */
const replacedMsMax = 60_000;
const unsupportedSaslMechanism = 33;

export class Connection {
  readonly peer: Peer;
  /** Resolves once, when the connection has closed, with the reason; null after `close()`. Never rejects. */
  readonly closed: Promise<LockstepError | null>;
  readonly #options: ConnectionOptions;
  readonly #clock: Clock;
  readonly #requestTimeoutMs: number;
  readonly #pipeline: Pipeline;
  readonly #reader: FrameReader;
  /** Null where there is no login. */
  readonly #login: LoginSession | null;
  #resolveClosed: (reason: LockstepError | null) => void = () => {};
  #socket: Socket | null = null;
  #state: 'opening' | 'ready' | 'closing' | 'closed' = 'opening';
  #apiVersions: ReadonlyMap<number, VersionRange> = new Map();
  #finalizedFeatures: readonly FinalizedFeature[] = [];
  /** Opened to find out about a port: its own end is not looked into. */
  #isProbe = false;
  #roundTripMs: number | null = null;
  #readBytes = 0;
  #writtenBytes = 0;
  #answeredWhenReady = 0;
  #cancelReplacement: (() => void) | null = null;
  #isReplaced = false;
  #peerCertificate: CertificateFacts | null = null;

  private constructor(options: ConnectionOptions) {
    const address = { host: options.host, port: options.port };
    this.peer = { cluster: options.cluster ?? formatAddress(address), address };
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? 30_000;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#pipeline = new Pipeline({
      peer: this.peer,
      clientId: options.clientId ?? 'lockstep',
      clock: this.#clock,
      framePool: options.framePool ?? new FramePool(),
      inFlightRequestsMax: options.inFlightRequestsMax ?? 100,
      waitingRequestsMax: options.waitingRequestsMax ?? 1000,
      write: (parts) => this.#write(parts),
      end: (reason) => this.#end(reason),
    });
    this.#login = this.#loginSession();
    this.#reader = new FrameReader(handshakeFrameBytesMax, {
      allocate: (sizeBytes) => this.#pipeline.allocate(sizeBytes),
      onFrame: (frame) => {
        this.#pipeline.onFrame(frame);
        if (this.#isReplaced) this.#closeWhenIdle();
      },
    });
  }

  /**
   * A connection that is ready for requests.
   * @throws LockstepError CLUSTER_UNREACHABLE, TLS_EXPECTED, TLS_NOT_EXPECTED, TLS_UNTRUSTED,
   *   AUTHENTICATION_FAILED, UNSUPPORTED_VERSION, FRAME_INVALID, REQUEST_TIMED_OUT, CONFIG_INVALID.
   */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options);
    try {
      await connection.#open();
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** The versions of each API that the broker speaks, by API key. */
  get apiVersions(): ReadonlyMap<number, VersionRange> {
    return this.#apiVersions;
  }
  /** Whether it is given up by us, for another one with newer credentials. */
  get isReplaced(): boolean {
    return this.#isReplaced;
  }
  /** Features of the cluster that the broker told of when the connection opened. */
  get finalizedFeatures(): readonly FinalizedFeature[] {
    return this.#finalizedFeatures;
  }
  /** How long the broker took to answer while the connection opened: the way there and back, and a little work, ms. */
  get roundTripMs(): number | null {
    return this.#roundTripMs;
  }
  /** Whether it takes requests and is not to be replaced. */
  get isOpen(): boolean {
    return this.#state === 'ready' && !this.#isReplaced;
  }
  /** What the broker has shown; null without TLS. */
  get peerCertificate(): CertificateFacts | null {
    return this.#peerCertificate;
  }
  /** When the broker wants to hear from us again (a quota), by the connection's clock, ms. */
  get throttledUntilMs(): number {
    return this.#pipeline.throttledUntilMs;
  }

  /** The version in which a request would be sent. @throws LockstepError UNSUPPORTED_VERSION */
  versionOf<Req, Res>(api: Api<Req, Res>, choice?: VersionChoice): number {
    return pickVersion(this.peer, api as Api<unknown, unknown>, this.#apiVersions, choice);
  }

  /**
   * Sends a request and resolves with its answer, whose parts are the caller's to keep. Requests go out in the
   * order of the calls, without waiting for each other's answers. Buffers in `input` are sent by reference:
   * they must not change until the answer is here. Errors inside the answer are the caller's to read.
   * @throws LockstepError REQUEST_TIMED_OUT or CONNECTION_CLOSED; `detail.sent` tells whether the broker may
   *   have executed the request. REQUEST_QUEUE_FULL, UNSUPPORTED_VERSION: it was not sent.
   */
  async send<Req, Res>(api: Api<Req, Res>, input: Input<Req>, options: SendOptions = {}): Promise<Res> {
    return (await this.#request(api, input, options, false)).body;
  }

  /**
   * As `send`, but records and byte fields of the answer are slices of a pooled frame: give it back once, with
   * `frame.release()`, when the last slice was used.
   */
  sendForFrame<Req, Res>(
    api: Api<Req, Res>,
    input: Input<Req>,
    options: SendOptions = {},
  ): Promise<{ body: Res; frame: Frame }> {
    return this.#request(api, input, options, true);
  }

  /** Closes at once; what has no answer yet fails with CONNECTION_CLOSED. */
  close(): void {
    this.#finish(null);
  }

  /**
   * Closes at once and takes back what the peer has not read yet, where the system can do that: closed alone, a
   * connection's unsent bytes may still arrive minutes later. Under TLS the same as `close`.
   */
  abort(): void {
    this.#finish(null, true);
  }

  /**
   * Another connection is to take its place: `isOpen` turns false, so that owners open one, while requests that are
   * under way and those that still come are answered. It closes when none is left, or after a minute.
   */
  replace(): void {
    if (this.#isReplaced || this.#state !== 'ready') return;
    this.#isReplaced = true;
    this.#cancelReplacement = this.#clock.after(replacedMsMax, () => this.#end(this.#replaced()));
    this.#closeWhenIdle();
  }

  statistics(): ConnectionStatistics {
    const { sentCount, answeredCount, inFlightCount, waitingCount, throttleCount, throttledMsTotal } =
      this.#pipeline;
    return {
      readBytes: this.#readBytes,
      writtenBytes: this.#writtenBytes,
      sentCount,
      answeredCount,
      inFlightCount,
      waitingCount,
      throttleCount,
      throttledMsTotal,
      reauthenticationCount: this.#login?.againCount ?? 0,
    };
  }

  #request<Req, Res>(
    api: Api<Req, Res>,
    input: Input<Req>,
    options: SendOptions,
    pooled: boolean,
    urgent = false,
  ): Promise<{ body: Res; frame: Frame }> {
    const anyApi = api as Api<unknown, unknown>;
    let version: number;
    try {
      version = urgent ? (options.version ?? 0) : pickVersion(this.peer, anyApi, this.#apiVersions, options);
    } catch (error) {
      return Promise.reject(error);
    }
    const timeoutMs = options.timeoutMs ?? this.#requestTimeoutMs;
    const how = { version, timeoutMs, pooled, urgent, digest: options.digest };
    return this.#pipeline.send(anyApi, input as Input<unknown>, how) as Promise<{ body: Res; frame: Frame }>;
  }

  async #open(): Promise<void> {
    const { tls, readBufferBytes = 64 * 1024, connectTimeoutMs = 10_000 } = this.#options;
    const socket = await dial({
      peer: this.peer,
      ...(tls === undefined ? {} : { tls }),
      connectTimeoutMs,
      readBufferBytes,
      clock: this.#clock,
      directTarget: () => this.#reader.directTarget(),
      onBytes: (buffer, sizeBytes) => this.#onBytes(buffer, sizeBytes),
      onDirectBytes: (sizeBytes) => this.#onBytes(null, sizeBytes),
    });
    this.#attach(socket);
    if (socket instanceof TLSSocket) {
      const certificate = socket.getPeerX509Certificate();
      if (certificate !== undefined) this.#peerCertificate = certificateFacts('broker', certificate);
    }
    try {
      const { apiVersions, finalizedFeatures } = await negotiateVersions(
        this.peer,
        async (version, input) => {
          const sentAtMs = performance.now();
          const answer = await this.#sendUrgent(apis.ApiVersions, input, version);
          this.#roundTripMs = performance.now() - sentAtMs;
          return answer;
        },
      );
      this.#apiVersions = apiVersions;
      this.#finalizedFeatures = finalizedFeatures;
      await this.#login?.begin();
      this.#reader.frameBytesMax = this.#options.frameBytesMax ?? 128 * 1024 * 1024;
    } catch (error) {
      throw openingFailure(error);
    }
    this.#answeredWhenReady = this.#pipeline.answeredCount;
    // The other side may have closed since the last answer; then the reason is on its way.
    if (this.#state !== 'opening') throw (await this.closed) ?? this.#closedByUs();
    this.#state = 'ready';
  }

  #attach(socket: Socket): void {
    this.#socket = socket;
    let socketError: Error | null = null;
    socket.on('error', (error) => {
      socketError = error;
    });
    socket.on('close', () => {
      if (this.#state === 'closed' || this.#state === 'closing') return;
      void this.#onPeerClose(socketError);
    });
  }

  /** The other side has closed: nothing more is sent, and the reason is found out before anything fails. */
  async #onPeerClose(cause: Error | null): Promise<void> {
    const wasReady = this.#state === 'ready';
    this.#state = 'closing';
    this.#pipeline.hold();
    const isMute = this.#pipeline.answeredCount === this.#answeredWhenReady;
    this.#end(
      await explainClose({
        peer: this.peer,
        clock: this.#clock,
        cause,
        isMuteInPlaintext: this.#options.tls === undefined && this.#readBytes === 0,
        isMuteWithoutLogin: this.#options.sasl === undefined && wasReady && isMute && !this.#isProbe,
        offeredMechanisms: () => this.#offeredMechanisms(),
      }),
    );
  }

  /** The mechanisms of a port that wants a login before anything else; null when it does not want one. */
  async #offeredMechanisms(): Promise<readonly string[] | null> {
    let probe: Connection | null = null;
    try {
      probe = await Connection.open({ ...this.#options, requestTimeoutMs: 3000 });
      probe.#isProbe = true;
      const answer = await probe.#sendUrgent(apis.SaslHandshake, { mechanism: 'none' }, 1);
      return answer.errorCode === unsupportedSaslMechanism ? answer.mechanisms : null;
    } catch {
      return null;
    } finally {
      probe?.close();
    }
  }

  #loginSession(): LoginSession | null {
    const { nextLogin, random = Math.random } = this.#options;
    const first = firstLogin(this.#options, this.#clock);
    if (first === null) return null;
    return new LoginSession({
      ...{ first, nextLogin: nextLogin ?? (async () => first), clock: this.#clock, random },
      authenticate: (login) => this.#authenticate(login),
      hold: () => this.#pipeline.hold(),
      resume: () => this.#pipeline.resume(),
      // It was logged in, so credentials have changed, and a new connection may get in.
      fail: (error) => this.#end(mayPass(openingFailure(error))),
    });
  }

  async #authenticate({ sasl, tokens }: Login): Promise<number> {
    const version = pickVersion(this.peer, apis.SaslAuthenticate as Api<unknown, unknown>, this.#apiVersions);
    return authenticate(this.peer, sasl, tokens, {
      handshake: (input) => this.#sendUrgent(apis.SaslHandshake, input, 1),
      authenticate: (input) => this.#sendUrgent(apis.SaslAuthenticate, input, version),
    });
  }

  /** In a moment: whoever got the last answer may have the next request ready. */
  #closeWhenIdle(): void {
    if (!this.#pipeline.isIdle) return;
    setImmediate(() => {
      if (this.#pipeline.isIdle) this.#end(this.#replaced());
    });
  }

  #replaced(): LockstepError {
    return peerError('CONNECTION_CLOSED', this.peer, 'closed by us: credentials have changed.');
  }

  async #sendUrgent<Req, Res>(api: Api<Req, Res>, input: object, version: number): Promise<Res> {
    return (await this.#request(api, input as Input<Req>, { version }, false, true)).body;
  }

  #write(parts: Buffer[]): void {
    const socket = this.#socket;
    if (socket === null) return;
    socket.cork();
    for (const part of parts) {
      this.#writtenBytes += part.length;
      socket.write(part);
    }
    socket.uncork();
  }

  /** @param buffer null when the bytes were read straight into the frame that has begun. */
  #onBytes(buffer: Buffer | null, sizeBytes: number): void {
    if (this.#state === 'closed') return;
    const isFirst = this.#readBytes === 0;
    this.#readBytes += sizeBytes;
    try {
      if (buffer === null) return this.#reader.advance(sizeBytes);
      // A TLS alert record (0x15 0x03) where a frame's length should be: the port speaks TLS.
      if (isFirst && sizeBytes >= 2 && buffer[0] === 0x15 && buffer[1] === 0x03) throw tlsExpected(this.peer);
      this.#reader.push(buffer, sizeBytes);
    } catch (error) {
      this.#end(answerFailure(this.peer, error));
    }
  }

  #closedByUs(): LockstepError {
    return peerError('CONNECTION_CLOSED', this.peer, 'closed by us.');
  }

  #end(reason: LockstepError): void {
    this.#finish(reason);
  }

  /** @param isVoid what the peer has not read is not to be executed later. Default: where a request timed out. */
  #finish(reason: LockstepError | null, isVoid = reason?.code === 'REQUEST_TIMED_OUT'): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#login?.stop();
    this.#cancelReplacement?.();
    if (isVoid && this.#options.tls === undefined) this.#socket?.resetAndDestroy();
    this.#socket?.destroy();
    this.#reader.discard();
    this.#pipeline.close(reason ?? this.#closedByUs());
    this.#resolveClosed(reason);
  }
}
