// 64 bits that stand for a record's key: two 32 bit murmur3 hashes with seeds of this process. Two keys agree by
// chance once in 1.8e19 pairs, and nobody can make keys that agree without knowing the seeds.

import { randomBytes } from 'node:crypto';

const seeds = new Uint32Array(new Uint8Array(randomBytes(8)).buffer);

/** The halves of a key's hash. Never both 0, which stands for an empty place in the table. */
export interface KeyHash {
  high: number;
  low: number;
}

export function keyHash(key: Buffer): KeyHash {
  return { high: murmur3(key, seeds[0]!), low: murmur3(key, seeds[1]!) || 1 };
}

function murmur3(bytes: Buffer, seed: number): number {
  let hash = seed;
  const blocksEnd = bytes.length & ~3;
  for (let at = 0; at < blocksEnd; at += 4) {
    const block = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    hash ^= scrambled(block);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let at = bytes.length - 1; at >= blocksEnd; at--) rest = (rest << 8) | bytes[at]!;
  hash ^= scrambled(rest) ^ bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scrambled(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}
