// The limit of one link at this agent: a bucket that all its readers share, and what people are told of it.
import { formatBytesPerSecond } from '../../units.ts';
import {
  atOnceBytesMax,
  type Bucket,
  newBucket,
  planRead,
  type ReadPlan,
  type ReadWish,
  refilled,
  type Spending,
  spent,
  withRate,
} from './rate-limit.ts';

/** What a link may read, and which part of it is this agent's. */
export interface ReadAllowance {
  /** Bytes a second, over all agents of the link. */
  readonly bytesPerSecondMax: number;
  /** Above 0, up to 1. */
  readonly share: number;
}

/** What was read, and how the limit stands, for people and metrics. */
export interface ReadStatus {
  /** Bytes of answers to fetches, since this agent began with the link. */
  readonly readBytes: number;
  /** Null without a limit. */
  readonly allowance: ReadAllowance | null;
  /** Why nothing, or less than there is, is read; null while the limit keeps nothing back. */
  readonly heldBack: string | null;
}

/** A pause is looked at again after so long, ms: the limit can have changed. */
const pauseMsMax = 1_000;
/** What lasts less is not told, ms. */
const toldAfterMs = 2_000;
/** Held back is what was so in the last so many ms: between two pauses something is read. */
const heldWithinMs = 3_000;

export class ReadLimit {
  readonly #nowMs: () => number;
  #allowance: ReadAllowance | null = null;
  #bucket: Bucket | null = null;
  #readBytes = 0;
  /** Who wants to read now, and whether live partitions are among what it wants. */
  readonly #readers = new Map<object, boolean>();
  /** Since when, and when last, something waited for the limit. */
  #held: { sinceMs: number; lastMs: number } | null = null;

  /** @param nowMs a clock that never goes back. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** False: all may be read, and nobody has to ask. */
  get isSet(): boolean {
    return this.#bucket !== null;
  }

  /** What one answer holds at most, apart from a batch that is larger; infinite without a limit. */
  get atOnceBytesMax(): number {
    return this.#bucket === null ? Number.POSITIVE_INFINITY : atOnceBytesMax(this.#bucket);
  }

  /** Takes effect with the next fetch, after a second at the latest where that waits. Null: no limit. */
  set(allowance: ReadAllowance | null): void {
    const nowMs = this.#nowMs();
    this.#allowance = allowance;
    if (allowance === null) {
      this.#bucket = null;
      this.#held = null;
      return;
    }
    const bytesPerSecond = allowance.bytesPerSecondMax * allowance.share;
    const bucket = this.#bucket;
    this.#bucket =
      bucket === null ? newBucket(bytesPerSecond, nowMs) : withRate(refilled(bucket, nowMs), bytesPerSecond);
  }

  /** What a reader may ask for now; null: whatever it likes. */
  plan(reader: object, wish: Omit<ReadWish, 'readers' | 'hasLiveElsewhere'>): ReadPlan | null {
    if (this.#bucket === null) return null;
    const nowMs = this.#nowMs();
    this.#readers.set(reader, wish.hasLive);
    this.#bucket = refilled(this.#bucket, nowMs);
    let hasLiveElsewhere = false;
    for (const [other, hasLive] of this.#readers) if (other !== reader && hasLive) hasLiveElsewhere = true;
    const plan = planRead(this.#bucket, { ...wish, hasLiveElsewhere, readers: this.#readers.size });
    const isHeld = plan.kind === 'pause' || (plan.scope === 'live' && wish.hasBehind);
    if (isHeld) this.#noteHeld(nowMs);
    return plan.kind === 'pause' ? { ...plan, pauseMs: Math.min(pauseMsMax, plan.pauseMs) } : plan;
  }

  /** A reader that wants nothing leaves its part to the others. */
  leave(reader: object): void {
    this.#readers.delete(reader);
  }

  spend(spending: Spending): void {
    this.#readBytes += spending.bytes;
    if (this.#bucket !== null) this.#bucket = spent(refilled(this.#bucket, this.#nowMs()), spending);
  }

  /** The same text as long as the limit and the share are what they are. */
  get heldBack(): string | null {
    const held = this.#held;
    if (this.#allowance === null || held === null) return null;
    const nowMs = this.#nowMs();
    if (nowMs - held.lastMs > heldWithinMs || nowMs - held.sinceMs < toldAfterMs) return null;
    const { bytesPerSecondMax, share } = this.#allowance;
    const whole = formatBytesPerSecond(bytesPerSecondMax);
    const part = formatBytesPerSecond(bytesPerSecondMax * share);
    const limit = share === 1 ? whole : `${whole} (${part} of it for this agent)`;
    return `held back by the limit of the link: bytesPerSecondMax is ${limit}`;
  }

  status(): ReadStatus {
    return { readBytes: this.#readBytes, allowance: this.#allowance, heldBack: this.heldBack };
  }

  #noteHeld(nowMs: number): void {
    const held = this.#held;
    if (held === null || nowMs - held.lastMs > heldWithinMs) this.#held = { sinceMs: nowMs, lastMs: nowMs };
    else held.lastMs = nowMs;
  }
}
