// The shared connections of a cluster: one per address, opened when first needed, opened again when it has
// closed, with a growing pause between attempts that fail (reconnect.backoff.ms). Callers that come while one
// is being opened wait for the same attempt.
import { LockstepError } from '../errors.ts';
import { backoffMs, reconnectBackoff } from './backoff.ts';
import { type Clock, type Random, sleep } from './clock.ts';
import { type BrokerAddress, formatAddress } from './config.ts';
import type { Connection } from './connection.ts';

export interface BrokerConnectionsOptions {
  readonly open: (address: BrokerAddress) => Promise<Connection>;
  readonly clock: Clock;
  readonly random: Random;
}

interface Slot {
  readonly address: BrokerAddress;
  connection: Connection | null;
  opening: Promise<Connection> | null;
  failureCount: number;
  /** No attempt before this, by the clock. */
  notBeforeMs: number;
}

export class BrokerConnections {
  readonly #options: BrokerConnectionsOptions;
  readonly #slots = new Map<string, Slot>();
  readonly #ended = new AbortController();
  #openedCount = 0;

  constructor(options: BrokerConnectionsOptions) {
    this.#options = options;
  }

  /** Connections opened so far, first ones and later ones. */
  get openedCount(): number {
    return this.#openedCount;
  }

  /** Whether a request could go to this address without connecting. */
  isOpen(address: BrokerAddress): boolean {
    return this.#slots.get(formatAddress(address))?.connection?.isOpen ?? false;
  }

  /** The open connection to this address; opens it when there is none. @throws as Connection.open */
  async get(address: BrokerAddress): Promise<Connection> {
    if (this.#ended.signal.aborted) throw this.#ended.signal.reason;
    const slot = this.#slot(address);
    if (slot.connection?.isOpen) return slot.connection;
    slot.connection = null;
    slot.opening ??= this.#open(slot).finally(() => {
      slot.opening = null;
    });
    return slot.opening;
  }

  /** Closes connections to addresses that the cluster does not name any more. */
  retain(addresses: Iterable<BrokerAddress>): void {
    const wanted = new Set(Array.from(addresses, formatAddress));
    for (const [key, slot] of this.#slots) {
      if (wanted.has(key) || slot.opening !== null) continue;
      slot.connection?.close();
      this.#slots.delete(key);
    }
  }

  close(): void {
    this.#ended.abort(new LockstepError('CONNECTION_CLOSED', 'The client of this cluster was closed.'));
    for (const slot of this.#slots.values()) slot.connection?.close();
    this.#slots.clear();
  }

  async #open(slot: Slot): Promise<Connection> {
    const { clock, random, open } = this.#options;
    const waitMs = slot.notBeforeMs - clock.nowMs();
    if (slot.failureCount > 0 && waitMs > 0) await sleep(clock, waitMs, this.#ended.signal);
    try {
      const connection = await open(slot.address);
      if (this.#ended.signal.aborted) {
        connection.close();
        throw this.#ended.signal.reason;
      }
      slot.connection = connection;
      slot.failureCount = 0;
      this.#openedCount += 1;
      return connection;
    } catch (error) {
      slot.notBeforeMs = clock.nowMs() + backoffMs(slot.failureCount, reconnectBackoff, random);
      slot.failureCount += 1;
      throw error;
    }
  }

  #slot(address: BrokerAddress): Slot {
    const key = formatAddress(address);
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = { address, connection: null, opening: null, failureCount: 0, notBeforeMs: 0 };
      this.#slots.set(key, slot);
    }
    return slot;
  }
}
