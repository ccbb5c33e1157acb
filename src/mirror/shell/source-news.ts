// What the source's answers have told of one partition, and since when. Offsets are the source's.
import { BehindClock } from './behind-clock.ts';
import type { SourceEnds } from './fetch-target.ts';

/** Who was at the end of its log within so long (in ms) is live: it is read first where the link has a limit. */
const liveMs = 5_000;
/** What is waited for at the source has a name of its own after this long, in ms. */
const waitingShownMs = 2_000;

export class SourceNews {
  #ends: SourceEnds | null = null;
  #trouble: string | null = null;
  /** Since when the last stable offset is what it is, ms since the epoch. */
  #stableSinceMs = 0;
  #undecidedSinceMs: number | null = null;
  /** Since when the source has answered with nothing below its end; null when it has not. */
  #silence: { readonly sinceMs: number; readonly to: bigint } | null = null;
  /** When an answer had all there was, by the monotonic clock. */
  #atEndMs = Number.NEGATIVE_INFINITY;
  readonly #behind = new BehindClock();
  /** When the newest answer with news of this partition came, or a later one that is known of; null before the first. */
  answeredAtMs: number | null = null;

  /** Where the log ended by the newest answer; null before the first, and once the source was away. */
  get ends(): SourceEnds | null {
    return this.#ends;
  }

  /** Why nothing is heard from the source; null while something is. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** Since when the last stable offset stands below the high watermark; null while it does not. */
  get undecidedSinceMs(): number | null {
    return this.#undecidedSinceMs;
  }

  /** An answer came, with records or without. `mirrorEnd`: as the source has it; null while unknown. */
  note(ends: SourceEnds, mirrorEnd: bigint | null, nowMs: number): void {
    if (ends.lastStableOffset !== this.#ends?.lastStableOffset) {
      this.#stableSinceMs = nowMs;
      this.#undecidedSinceMs = null;
    }
    if (ends.lastStableOffset >= ends.highWatermark) this.#undecidedSinceMs = null;
    else this.#undecidedSinceMs ??= nowMs;
    this.answeredAtMs = nowMs;
    this.#ends = ends;
    this.#behind.note({ sourceEnd: ends.lastStableOffset, mirrorEnd, nowMs });
    this.#trouble = null;
  }

  /** The first answer afterwards tells where the log ends, whether it has grown or not. */
  noteTrouble(reason: string): void {
    this.#ends = null;
    this.#trouble = reason;
  }

  /** Records came, or whoever answers begins anew. */
  breakSilence(): void {
    this.#silence = null;
  }

  /** No records came from `offset` on. An answer that was full of others' records proves nothing. */
  noteSilence(offset: bigint, nowMs: number): void {
    if (this.#ends === null) return;
    const { isAnswerEmpty, lastStableOffset } = this.#ends;
    if (!isAnswerEmpty) this.#silence = null;
    else if (lastStableOffset > offset) this.#silence ??= { sinceMs: nowMs, to: lastStableOffset };
  }

  get isSilent(): boolean {
    return this.#silence !== null;
  }

  /** Where the log ends of which nothing has come for a while; null while that is not so. */
  silentTo(nowMs: number): bigint | null {
    const silence = this.#silence;
    return silence === null || nowMs - silence.sinceMs < waitingShownMs ? null : silence.to;
  }

  /** Whether the last stable offset has stood for so long that a transaction which holds it is worth a word. */
  isStableForLong(nowMs: number): boolean {
    return nowMs - this.#stableSinceMs >= waitingShownMs;
  }

  /** Everything that the source is known to have was fetched. */
  noteAtEnd(monotonicMs: number): void {
    this.#atEndMs = monotonicMs;
  }

  /** Whether it was at its end a moment ago. */
  wasLive(monotonicMs: number): boolean {
    return monotonicMs - this.#atEndMs < liveMs;
  }

  /** Since when the source has had what stands behind `mirrorEnd`, in ms. */
  behindMs(mirrorEnd: bigint, nowMs: number): number {
    return this.#behind.behindMs(mirrorEnd, nowMs);
  }
}
