// Memory that a native library has made, given back at once.
//
// The problem: it lies outside of V8's heap, and V8 collects everything when some megabytes of it are new. With a hundred
// batches put together a second that took a third of a core (docs/performance-log.md). So whoever has copied such bytes
// gives them back without waiting for the collector.

/** What a codec gives: `parts`, one behind the other. */
export interface CompressedParts {
  readonly parts: readonly Buffer[];
  /** Those of them that stand in such memory, and that nobody else holds. */
  readonly native: readonly Buffer[];
}

/** The bytes are gone afterwards, for all who hold them. A part of larger memory is left to the collector. */
export function freeNow({ buffer, byteOffset, length }: Buffer): void {
  if (length === 0 || byteOffset !== 0 || buffer.byteLength !== length) return;
  (buffer as ArrayBuffer).transfer(0);
}
