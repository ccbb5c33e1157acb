// Records that wait for a later one with the same key, by the hash of that key: at most one a key, the latest. A
// compacted log can have millions of them, and a Map takes 100 bytes for each; this takes 25, up to a bound.
//
// Open addressing with linear probing. A removed entry is filled by moving up those behind it, so that a search ends
// at the first empty place.

import type { KeyHash } from './key-hash.ts';
import type { Side } from './verdict.ts';

export interface WaitingRecord {
  offset: bigint;
  /** The side that does not have the record. */
  lacking: Side;
  /** Of a tombstone, its timestamp; otherwise null. */
  tombstoneMs: bigint | null;
}

const slotsMin = 1024;
/** Full tables are slow to search. */
const loadMax = 0.7;
const flags = { lackingDestination: 1, tombstone: 2 } as const;

export class KeyTable {
  readonly #slotsMax: number;
  #high = new Uint32Array(slotsMin);
  #low = new Uint32Array(slotsMin);
  #offsets = new BigInt64Array(slotsMin);
  #timestamps = new BigInt64Array(slotsMin);
  #flags = new Uint8Array(slotsMin);
  #count = 0;

  /** @param slotsMax places at most, a power of two; seven in ten are used */
  constructor(slotsMax: number) {
    this.#slotsMax = Math.max(slotsMin, slotsMax);
  }

  get count(): number {
    return this.#count;
  }

  has(hash: KeyHash): boolean {
    return this.#low[this.#find(hash)] !== 0;
  }

  get(hash: KeyHash): WaitingRecord | null {
    const slot = this.#find(hash);
    return this.#low[slot] === 0 ? null : this.#at(slot);
  }

  /** Takes the place of an earlier record with this key. False when the table is full. */
  set(hash: KeyHash, record: WaitingRecord): boolean {
    let slot = this.#find(hash);
    if (this.#low[slot] === 0) {
      if (this.#count + 1 > this.#low.length * loadMax) {
        if (this.#low.length >= this.#slotsMax) return false;
        this.#grow();
        slot = this.#find(hash);
      }
      this.#count += 1;
    }
    this.#put(slot, hash, record);
    return true;
  }

  delete(hash: KeyHash): boolean {
    let empty = this.#find(hash);
    if (this.#low[empty] === 0) return false;
    this.#count -= 1;
    const mask = this.#low.length - 1;
    for (let slot = (empty + 1) & mask; this.#low[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#low[slot]! & mask;
      // An entry may move up as long as it stays at or behind its home.
      if (((slot - home) & mask) < ((slot - empty) & mask)) continue;
      this.#move(slot, empty);
      empty = slot;
    }
    this.#low[empty] = 0;
    return true;
  }

  *entries(): Generator<[KeyHash, WaitingRecord], void, undefined> {
    for (let slot = 0; slot < this.#low.length; slot++) {
      const low = this.#low[slot]!;
      if (low !== 0) yield [{ high: this.#high[slot]!, low }, this.#at(slot)];
    }
  }

  #find({ high, low }: KeyHash): number {
    const mask = this.#low.length - 1;
    let slot = low & mask;
    while (this.#low[slot] !== 0 && (this.#low[slot] !== low || this.#high[slot] !== high))
      slot = (slot + 1) & mask;
    return slot;
  }

  #at(slot: number): WaitingRecord {
    const flag = this.#flags[slot]!;
    return {
      offset: this.#offsets[slot]!,
      lacking: (flag & flags.lackingDestination) !== 0 ? 'destination' : 'source',
      tombstoneMs: (flag & flags.tombstone) !== 0 ? this.#timestamps[slot]! : null,
    };
  }

  #put(slot: number, { high, low }: KeyHash, { offset, lacking, tombstoneMs }: WaitingRecord): void {
    this.#high[slot] = high;
    this.#low[slot] = low;
    this.#offsets[slot] = offset;
    this.#timestamps[slot] = tombstoneMs ?? 0n;
    this.#flags[slot] =
      (lacking === 'destination' ? flags.lackingDestination : 0) |
      (tombstoneMs === null ? 0 : flags.tombstone);
  }

  #move(from: number, to: number): void {
    this.#high[to] = this.#high[from]!;
    this.#low[to] = this.#low[from]!;
    this.#offsets[to] = this.#offsets[from]!;
    this.#timestamps[to] = this.#timestamps[from]!;
    this.#flags[to] = this.#flags[from]!;
  }

  #grow(): void {
    const [high, low, offsets, timestamps, flagBytes] = [
      this.#high,
      this.#low,
      this.#offsets,
      this.#timestamps,
      this.#flags,
    ];
    const slots = low.length * 2;
    this.#high = new Uint32Array(slots);
    this.#low = new Uint32Array(slots);
    this.#offsets = new BigInt64Array(slots);
    this.#timestamps = new BigInt64Array(slots);
    this.#flags = new Uint8Array(slots);
    for (let slot = 0; slot < low.length; slot++) {
      if (low[slot] === 0) continue;
      const to = this.#find({ high: high[slot]!, low: low[slot]! });
      this.#high[to] = high[slot]!;
      this.#low[to] = low[slot]!;
      this.#offsets[to] = offsets[slot]!;
      this.#timestamps[to] = timestamps[slot]!;
      this.#flags[to] = flagBytes[slot]!;
    }
  }
}
