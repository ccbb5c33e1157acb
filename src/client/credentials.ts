// Who we are at a cluster changes while we run: passwords, tokens and certificates rotate. Files are replaced before or
// after the broker learns of it, one after another, and sometimes wrongly; no link may stop for that.
//
// Three rules:
// 1. Each new connection and each new login asks for the newest credentials.
// 2. Newest ones that are refused don't replace those that worked last: these are tried again.
// 3. A change is tried out on a connection of its own before any living one depends on it. Only then are connections
//    replaced whose certificate or user is another one now; a new password reaches them with their next login.
import { isDeepStrictEqual } from 'node:util';
import { LockstepError } from '../errors.ts';
import type { Clock } from './clock.ts';
import type { Credentials, CredentialsSource, SaslConfig } from './config.ts';
import type { Connection } from './connection.ts';
import { type TokenSource, tokenSource } from './sasl/token-source.ts';

/** New connections don't try credentials again that were refused less than this ago, ms. */
const refusedRetryMs = 5_000;
/** The newest credentials are looked at so often, ms. */
export const credentialsCheckMs = 10_000;

const refusalCodes: ReadonlySet<string> = new Set([
  'AUTHENTICATION_FAILED',
  'TLS_UNTRUSTED',
  'CONFIG_INVALID',
  'FILE_UNREADABLE',
]);

/** Opens a connection with these. */
type Dial = (credentials: Credentials) => Promise<Connection>;

export interface CredentialKeeperOptions {
  readonly cluster: string;
  readonly initial: Credentials;
  /** Where newer ones come from; without it the initial ones are all there is. */
  readonly source: CredentialsSource | undefined;
  readonly clock: Clock;
  readonly onWarning: (text: string) => void;
}

export class CredentialKeeper {
  readonly #options: CredentialKeeperOptions;
  readonly #tokens = new WeakMap<SaslConfig, TokenSource>();
  #newest: Credentials;
  /** Those that a connection was opened with last. */
  #proven: Credentials | null = null;
  #refused: { credentials: Credentials; retryAtMs: number } | null = null;
  #lastRefusal: string | null = null;
  #lastProblem: string | null = null;

  constructor(options: CredentialKeeperOptions) {
    this.#options = options;
    this.#newest = options.initial;
  }

  /** Those that worked last; the configured ones before any did. */
  get inUse(): Credentials {
    return this.#proven ?? this.#newest;
  }

  /**
   * Opens a connection with the newest credentials, or with the last good ones where those are refused.
   * @throws LockstepError as `dial`; a refusal is retriable once a connection was open, since credentials change.
   */
  async open(dial: Dial): Promise<Connection> {
    const newest = await this.#ask();
    const proven = this.#proven;
    if (proven !== null && proven !== newest && this.#isRefused()) return this.#dial(dial, proven);
    try {
      const connection = await this.#dial(dial, newest);
      this.#accept(newest);
      return connection;
    } catch (error) {
      if (proven === null || proven === newest || !isRefusal(error)) throw error;
      this.#refuse(newest, error);
      return this.#dial(dial, proven);
    }
  }

  /** Tries newer credentials, where there are any, on a connection that nobody depends on. Never rejects. */
  async tryNewest(dial: Dial): Promise<void> {
    const newest = await this.#ask();
    if (this.#proven === null || newest === this.#proven) return;
    try {
      (await dial(newest)).close();
      this.#accept(newest);
    } catch (error) {
      if (isRefusal(error)) this.#refuse(newest, error);
    }
  }

  /** The source of tokens for a login; shared, so that one token serves many connections. */
  tokensOf({ sasl }: Credentials): TokenSource | null {
    if (sasl?.mechanism !== 'OAUTHBEARER') return null;
    let tokens = this.#tokens.get(sasl);
    if (tokens === undefined) {
      tokens = tokenSource(sasl, this.#options.clock, (text) => this.#warn(text));
      this.#tokens.set(sasl, tokens);
    }
    return tokens;
  }

  #accept(credentials: Credentials): void {
    // While the connection was opened, still newer ones may have come, and proven good.
    if (this.#proven === null || credentials === this.#newest) this.#proven = credentials;
    this.#refused = null;
    this.#lastRefusal = null;
  }

  #refuse(credentials: Credentials, error: LockstepError): void {
    this.#refused = { credentials, retryAtMs: this.#options.clock.nowMs() + refusedRetryMs };
    if (error.message === this.#lastRefusal) return;
    this.#lastRefusal = error.message;
    this.#warn(`the newest credentials are refused, the former ones stay in use: ${error.message}`);
  }

  async #dial(dial: Dial, credentials: Credentials): Promise<Connection> {
    try {
      return await dial(credentials);
    } catch (error) {
      if (this.#proven === null || !isRefusal(error)) throw error;
      throw mayPass(error);
    }
  }

  async #ask(): Promise<Credentials> {
    const { source } = this.#options;
    if (source === undefined) return this.#newest;
    this.#newest = await source.current();
    if (source.problem !== this.#lastProblem) {
      this.#lastProblem = source.problem;
      if (source.problem !== null) this.#warn(`credentials are not taken over: ${source.problem}`);
    }
    return this.#newest;
  }

  #isRefused(): boolean {
    const refused = this.#refused;
    return (
      refused !== null &&
      refused.credentials === this.#newest &&
      this.#options.clock.nowMs() < refused.retryAtMs
    );
  }

  #warn(text: string): void {
    this.#options.onWarning(`cluster ${this.#options.cluster}: ${text}`);
  }
}

/** Whether a connection that was opened with `before` can't take over `after` by logging in again. */
export function needsNewConnection(before: Credentials, after: Credentials): boolean {
  if (!isDeepStrictEqual(before.tls, after.tls)) return true;
  return !canLogInAgain(before.sasl, after.sasl);
}

/** Brokers refuse another mechanism or another user on a connection (KIP-368). */
export function canLogInAgain(before: SaslConfig | undefined, after: SaslConfig | undefined): boolean {
  return before?.mechanism === after?.mechanism && userOf(before) === userOf(after);
}

function userOf(sasl: SaslConfig | undefined): string | undefined {
  return sasl !== undefined && sasl.mechanism !== 'OAUTHBEARER' ? sasl.username : undefined;
}

function isRefusal(error: unknown): error is LockstepError {
  return error instanceof LockstepError && refusalCodes.has(error.code);
}

/** A refusal of credentials that worked before: the next try may find others. */
export function mayPass(error: LockstepError): LockstepError {
  const { code, message, detail } = error;
  return new LockstepError(code, message, { cause: error.cause ?? error, detail, retriable: true });
}
