// One connection to a source broker that several readers share, opened again by whoever needs it first.
import type { Connection } from '../../client/index.ts';

export class ConnectionSlot {
  readonly #open: () => Promise<Connection>;
  #connection: Connection | null = null;
  #opening: Promise<Connection> | null = null;
  #formerReadBytes = 0;
  #isRefused = false;
  /** The shortest seen, ms: what a handshake took on a busy machine may be many times that. */
  roundTripMs = Number.POSITIVE_INFINITY;

  constructor(open: () => Promise<Connection>) {
    this.#open = open;
  }

  get(): Promise<Connection> {
    if (this.#connection?.isOpen) return Promise.resolve(this.#connection);
    this.#opening ??= this.#openAnew().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  get isOpen(): boolean {
    return this.#connection?.isOpen === true;
  }

  /** It could not be opened when it was tried last. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** Of all connections that it has had. */
  get readBytes(): number {
    return this.#formerReadBytes + (this.#connection?.statistics().readBytes ?? 0);
  }

  /** No answer comes sooner than a way there and back takes. */
  noteAnswer(tookMs: number): void {
    this.roundTripMs = Math.min(this.roundTripMs, tookMs);
  }

  close(): void {
    this.#connection?.close();
  }

  async #openAnew(): Promise<Connection> {
    this.#isRefused = true;
    const connection = await this.#open();
    this.#isRefused = false;
    this.#formerReadBytes = this.readBytes;
    this.#connection = connection;
    this.roundTripMs = Math.min(this.roundTripMs, connection.roundTripMs ?? 0);
    return connection;
  }
}
