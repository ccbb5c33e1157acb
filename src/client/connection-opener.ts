// Opens the connections of one cluster with the credentials that are good now, and replaces those whose credentials no
// longer are. See CredentialKeeper for the rules.
import { type CertificateFacts, configuredCertificates } from './certificates.ts';
import type { Clock, Random } from './clock.ts';
import type { ClusterOptions } from './cluster-options.ts';
import type { BrokerAddress, ClusterConfig, Credentials } from './config.ts';
import { Connection } from './connection.ts';
import type { ConnectionOptions, Login } from './connection-options.ts';
import { CredentialKeeper, canLogInAgain, credentialsCheckMs, needsNewConnection } from './credentials.ts';
import type { FramePool } from './frame-pool.ts';

/** Time for trying newer credentials, ms: a login that waits for it is due before its session ends. */
const trialMsMax = 3_000;

/** A connection's options apart from who we are. */
export type DialOptions = Omit<ConnectionOptions, 'tls' | 'sasl' | 'tokens' | 'nextLogin'>;

export interface ConnectionOpenerOptions
  extends Pick<
    ClusterOptions,
    'frameBytesMax' | 'requestTimeoutMs' | 'connectTimeoutMs' | 'onWarning' | 'credentialsCheckMs'
  > {
  readonly framePool: FramePool;
  readonly clock: Clock;
  readonly random: Random;
}

export class ConnectionOpener {
  readonly #config: ClusterConfig;
  readonly #options: ConnectionOpenerOptions;
  readonly #keeper: CredentialKeeper;
  /** What each open connection was opened with. */
  readonly #openedWith = new Map<Connection, Credentials>();
  #cancelCheck: (() => void) | null = null;
  #isClosed = false;

  constructor(config: ClusterConfig, options: ConnectionOpenerOptions) {
    this.#config = config;
    this.#options = options;
    this.#keeper = new CredentialKeeper({
      cluster: config.name,
      initial: config,
      source: config.credentials,
      clock: options.clock,
      onWarning: (text) => options.onWarning?.(text),
    });
  }

  /** A connection with the newest credentials that work. @throws LockstepError as Connection.open */
  async open(options: DialOptions): Promise<Connection> {
    const before = this.#keeper.inUse;
    const connection = await this.#keeper.open((credentials) => this.#dial(options, credentials));
    if (this.#keeper.inUse !== before) this.#replaceOutdated();
    this.#planCheck(options);
    return connection;
  }

  /** Those that worked last; the configured ones before any did. */
  get inUse(): Credentials {
    return this.#keeper.inUse;
  }

  /** The certificates that connections depend on: configured ones, and those that brokers have shown. */
  certificates(): CertificateFacts[] {
    const shown = new Map<string, CertificateFacts>();
    for (const { peerCertificate: facts } of this.#openedWith.keys()) {
      if (facts !== null) shown.set(`${facts.subject} ${facts.expiresAtMs}`, facts);
    }
    return [...configuredCertificates(this.#keeper.inUse.tls), ...shown.values()];
  }

  /** Looks for newer credentials no more, and closes every connection, also those whose owners have moved on. */
  close(): void {
    this.#isClosed = true;
    this.#cancelCheck?.();
    for (const connection of [...this.#openedWith.keys()]) connection.close();
  }

  async #dial(options: DialOptions, credentials: Credentials): Promise<Connection> {
    const { name, clientId } = this.#config;
    const { framePool, clock, random, frameBytesMax, requestTimeoutMs, connectTimeoutMs } = this.#options;
    const { tls, sasl } = credentials;
    const tokens = this.#keeper.tokensOf(credentials);
    const connection = await Connection.open({
      cluster: name,
      framePool,
      clock,
      random,
      ...(clientId === undefined ? {} : { clientId }),
      ...(frameBytesMax === undefined ? {} : { frameBytesMax }),
      ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
      ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
      ...options,
      ...(tls === undefined ? {} : { tls }),
      ...(sasl === undefined ? {} : { sasl, nextLogin: () => this.#nextLogin(options, { sasl, tokens }) }),
      ...(tokens === null ? {} : { tokens }),
    });
    this.#openedWith.set(connection, credentials);
    connection.closed.then(() => this.#openedWith.delete(connection));
    return connection;
  }

  /** What a living connection logs in with again: the newest credentials once they have worked elsewhere. */
  async #nextLogin(address: BrokerAddress, used: Login): Promise<Login> {
    await this.#tryNews(address);
    const { inUse } = this.#keeper;
    if (inUse.sasl === undefined || !canLogInAgain(used.sasl, inUse.sasl)) return used;
    return { sasl: inUse.sasl, tokens: this.#keeper.tokensOf(inUse) };
  }

  /** Tries newer credentials, where there are any. Never rejects; takes a few seconds at most. */
  async #tryNews({ host, port }: BrokerAddress): Promise<void> {
    const options = { host, port, connectTimeoutMs: trialMsMax, requestTimeoutMs: trialMsMax };
    const before = this.#keeper.inUse;
    await this.#keeper.tryNewest((credentials) => this.#dial(options, credentials));
    if (this.#keeper.inUse !== before) this.#replaceOutdated();
  }

  #replaceOutdated(): void {
    const now = this.#keeper.inUse;
    for (const [connection, used] of this.#openedWith) {
      if (used !== now && needsNewConnection(used, now)) connection.replace();
    }
  }

  /** The broker that was reached last is asked next. */
  #planCheck(address: BrokerAddress): void {
    if (this.#config.credentials === undefined || this.#isClosed) return;
    this.#cancelCheck?.();
    const everyMs = this.#options.credentialsCheckMs ?? credentialsCheckMs;
    this.#cancelCheck = this.#options.clock.after(everyMs, () => {
      void this.#tryNews(address).then(() => this.#planCheck(address));
    });
  }
}
