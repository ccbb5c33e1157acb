// The requests of one connection. Kafka answers a connection's requests one by one in order, so requests are
// sent without waiting and each answer belongs to the oldest request that has none yet. That order is also
// why one request that gets no answer ends the connection: nothing behind it can be answered either.
//
//   send ──► waiting (throttled, window full, logging in) ──► in flight ──► answered
//               │ time is up: only this one fails                │ time is up: the connection ends
//
// No sockets here: bytes go out through `write`, frames come in through `onFrame`.
import { LockstepError } from '../errors.ts';
import type { Api, Input } from '../protocol/index.ts';
import { decodeResponse, encodeRequest } from '../protocol/index.ts';
import { type AnswerDigest, unchanged } from './answer-digest.ts';
import type { Clock } from './clock.ts';
import { type Peer, peerError } from './connect-failure.ts';
import { type FillingFrame, type Frame, type FramePool, unpooledFrame } from './frame-pool.ts';
import { throttleMs } from './throttling.ts';

export interface PipelineOptions {
  readonly peer: Peer;
  readonly clientId: string;
  readonly clock: Clock;
  readonly framePool: FramePool;
  /** Requests sent and not answered; more wait. */
  readonly inFlightRequestsMax: number;
  /** Requests that wait to be sent; one more is refused. */
  readonly waitingRequestsMax: number;
  /** Sends the parts of one request, in order and by reference. */
  readonly write: (parts: Buffer[]) => void;
  /** Ends the connection: the pipeline has met something that can't be mended. */
  readonly end: (reason: LockstepError) => void;
}

export interface RequestOptions {
  readonly version: number;
  readonly timeoutMs: number;
  /** The answer's records stay in a pooled frame that the caller gives back. */
  readonly pooled: boolean;
  /** Goes out even while the connection logs in again: the login itself. */
  readonly urgent: boolean;
  /** The answer is `unchanged` where it is the one before. */
  readonly digest?: AnswerDigest | undefined;
}

interface Request {
  readonly api: Api<unknown, unknown>;
  readonly input: Input<unknown>;
  readonly options: RequestOptions;
  readonly resolve: (answer: { body: unknown; frame: Frame }) => void;
  readonly reject: (error: LockstepError) => void;
  correlationId: number;
  cancelTimer: () => void;
}

const apiVersionsKey = 18;
const unsupportedVersion = 35;

export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #inFlight: Request[] = [];
  readonly #waiting: Request[] = [];
  #nextCorrelationId = 1;
  #closedBy: LockstepError | null = null;
  #held = false;
  #throttledUntilMs = 0;
  #cancelThrottle: (() => void) | null = null;
  #throttleCount = 0;
  #throttledMsTotal = 0;
  #sentCount = 0;
  #answeredCount = 0;

  constructor(options: PipelineOptions) {
    this.#options = options;
  }

  get inFlightCount(): number {
    return this.#inFlight.length;
  }
  /** Whether no request is in flight, and none waits. */
  get isIdle(): boolean {
    return this.#inFlight.length === 0 && this.#waiting.length === 0;
  }
  get waitingCount(): number {
    return this.#waiting.length;
  }
  get sentCount(): number {
    return this.#sentCount;
  }
  get answeredCount(): number {
    return this.#answeredCount;
  }
  /** When the broker wants to hear from us again, by the clock; in the past when it did not ask for a pause. */
  get throttledUntilMs(): number {
    return this.#throttledUntilMs;
  }
  get throttleCount(): number {
    return this.#throttleCount;
  }
  get throttledMsTotal(): number {
    return this.#throttledMsTotal;
  }

  send(
    api: Api<unknown, unknown>,
    input: Input<unknown>,
    options: RequestOptions,
  ): Promise<{ body: unknown; frame: Frame }> {
    return new Promise((resolve, reject) => {
      if (this.#closedBy !== null) return reject(this.#failure(api, false, this.#closedBy));
      const request: Request = {
        api,
        input,
        options,
        resolve,
        reject,
        correlationId: -1,
        cancelTimer: noTimer,
      };
      if (this.#maySend(request) && (this.#waiting.length === 0 || options.urgent)) {
        this.#startTimer(request);
        this.#transmit(request);
      } else if (this.#waiting.length >= this.#options.waitingRequestsMax) {
        const text = `${this.#waiting.length} requests wait already for this connection; ${api.name} was not sent.`;
        reject(
          peerError('REQUEST_QUEUE_FULL', this.#options.peer, text, {
            detail: { api: api.name, sent: false },
          }),
        );
      } else {
        this.#startTimer(request);
        this.#waiting.push(request);
      }
    });
  }

  /** Holds back all but urgent requests, while the connection logs in again. */
  hold(): void {
    this.#held = true;
  }

  /** Ends `hold`. */
  resume(): void {
    this.#held = false;
    this.#flush();
  }

  /** Memory for the frame that is about to come: it answers the oldest request. */
  allocate(sizeBytes: number): FillingFrame {
    const oldest = this.#inFlight[0];
    if (oldest === undefined) throw this.#invalid('bytes came although no request was outstanding.');
    return oldest.options.pooled ? this.#options.framePool.take(sizeBytes) : unpooledFrame(sizeBytes);
  }

  /** Answers the oldest request with a whole frame. @throws LockstepError FRAME_INVALID */
  onFrame(frame: Frame): void {
    const request = this.#inFlight[0];
    const correlationId = frame.bytes.readInt32BE(0);
    if (request === undefined || correlationId !== request.correlationId) {
      frame.release();
      const wanted = request === undefined ? 'none' : `${request.correlationId} (${request.api.name})`;
      throw this.#invalid(
        `a response has correlation id ${correlationId}; the oldest outstanding is ${wanted}.`,
      );
    }
    let body: unknown;
    try {
      body = answerTo(request, frame.bytes);
    } catch (cause) {
      frame.release();
      throw this.#invalid(
        `the ${request.api.name} response can't be read: ${(cause as Error).message}`,
        cause,
      );
    }
    this.#inFlight.shift();
    this.#answeredCount += 1;
    request.cancelTimer();
    if (body !== unchanged) {
      const waitMs = throttleMs(request.api.key, request.options.version, body);
      if (waitMs > 0) request.options.digest?.forget();
      this.#noteThrottle(waitMs);
    }
    request.resolve({ body, frame });
    if (this.#waiting.length > 0) this.#flush();
  }

  /** Fails everything that has no answer yet, and all that comes later. */
  close(reason: LockstepError): void {
    if (this.#closedBy !== null) return;
    this.#closedBy = reason;
    this.#cancelThrottle?.();
    for (const request of this.#inFlight.splice(0)) {
      request.cancelTimer();
      request.reject(this.#failure(request.api, true, reason));
    }
    for (const request of this.#waiting.splice(0)) {
      request.cancelTimer();
      request.reject(this.#failure(request.api, false, reason));
    }
  }

  #maySend(request: Request): boolean {
    if (request.options.urgent) return true;
    return !this.#held && !this.#isThrottled() && this.#inFlight.length < this.#options.inFlightRequestsMax;
  }

  #flush(): void {
    while (this.#closedBy === null) {
      const request = this.#waiting[0];
      if (request === undefined || !this.#maySend(request)) return;
      this.#waiting.shift();
      this.#transmit(request);
    }
  }

  #transmit(request: Request): void {
    const { api, input, options } = request;
    request.correlationId = this.#nextCorrelationId;
    this.#nextCorrelationId = this.#nextCorrelationId === 0x7fffffff ? 1 : this.#nextCorrelationId + 1;
    let parts: Buffer[];
    try {
      const header = { correlationId: request.correlationId, clientId: this.#options.clientId };
      parts = encodeRequest(api, options.version, header, input);
    } catch (cause) {
      request.cancelTimer();
      request.reject(asLockstepError(cause));
      return;
    }
    this.#inFlight.push(request);
    this.#sentCount += 1;
    this.#options.write(parts);
  }

  #startTimer(request: Request): void {
    request.cancelTimer = this.#options.clock.after(request.options.timeoutMs, () => this.#timeOut(request));
  }

  #timeOut(request: Request): void {
    const sent = request.correlationId !== -1;
    const text = sent
      ? `no answer to ${request.api.name} within ${request.options.timeoutMs} ms; the connection is given up.`
      : `${request.api.name} could not be sent within ${request.options.timeoutMs} ms (${this.#whyWaiting()}).`;
    const detail = { api: request.api.name, timeoutMs: request.options.timeoutMs, sent };
    const error = peerError('REQUEST_TIMED_OUT', this.#options.peer, text, { detail });
    const list = sent ? this.#inFlight : this.#waiting;
    list.splice(list.indexOf(request), 1);
    request.reject(error);
    if (sent) this.#options.end(error);
  }

  #whyWaiting(): string {
    if (this.#held) return 'logging in again';
    if (this.#isThrottled()) return 'the broker throttles this client: a quota';
    return `${this.#inFlight.length} requests are in flight`;
  }

  #isThrottled(): boolean {
    return this.#throttledUntilMs > 0 && this.#options.clock.nowMs() < this.#throttledUntilMs;
  }

  #noteThrottle(waitMs: number): void {
    if (waitMs === 0) return;
    this.#throttleCount += 1;
    this.#throttledMsTotal += waitMs;
    const untilMs = this.#options.clock.nowMs() + waitMs;
    if (untilMs <= this.#throttledUntilMs) return;
    this.#throttledUntilMs = untilMs;
    this.#cancelThrottle?.();
    this.#cancelThrottle = this.#options.clock.after(waitMs, () => {
      // Timers may fire a fraction of a millisecond early; the pause is over all the same.
      this.#throttledUntilMs = 0;
      this.#cancelThrottle = null;
      this.#flush();
    });
  }

  #failure(api: Api<unknown, unknown>, sent: boolean, reason: LockstepError): LockstepError {
    // A refused login or a port that speaks something else: that is the answer, to every request.
    if (!reason.retriable) return reason;
    const fate = sent ? 'was sent and not answered' : 'was not sent';
    const cause = reason.message.startsWith('cluster ')
      ? reason.message.replace(/^[^:]*:\d+: /, '')
      : reason.message;
    return peerError(
      'CONNECTION_CLOSED',
      this.#options.peer,
      `the connection is closed; ${api.name} ${fate}. ${cause}`,
      {
        cause: reason,
        detail: { api: api.name, sent },
      },
    );
  }

  #invalid(what: string, cause?: unknown): LockstepError {
    return peerError('FRAME_INVALID', this.#options.peer, what, { cause });
  }
}

function answerTo(request: Request, bytes: Buffer): unknown {
  const version = answeredVersion(request, bytes);
  if (request.options.digest?.isUnchanged(version, bytes)) return unchanged;
  return decodeResponse(request.api, version, bytes).body;
}

/**
 * A broker that does not know our version of ApiVersions answers in version 0, with error 35 (KIP-35, KIP-511).
 */
function answeredVersion(request: Request, bytes: Buffer): number {
  const fallsBack =
    request.api.key === apiVersionsKey && bytes.length >= 6 && bytes.readInt16BE(4) === unsupportedVersion;
  return fallsBack ? 0 : request.options.version;
}

function asLockstepError(cause: unknown): LockstepError {
  if (cause instanceof LockstepError) return cause;
  return new LockstepError('INTERNAL', `A request could not be encoded: ${(cause as Error).message}`, {
    cause,
  });
}

function noTimer(): void {}
