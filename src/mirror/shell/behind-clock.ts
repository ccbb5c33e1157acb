// How long a mirror has been behind: since when the source's log holds what the mirror does not. A mirror of a busy topic
// is hardly ever seen with everything, so that counting from the last such moment would tell of a backlog that is not there.
//
//   the source ended at   100   140   180      each with the moment when that was seen first; 100 goes when the mirror
//   since                 0 s   1 s   2 s      has it, and then it has been behind since 1 s

interface Milestone {
  end: bigint;
  readonly sinceMs: number;
}

/** How exact it is at first, ms: ends that are seen within it count as the first of them. */
const spacingMsMin = 500;
/** Memory for each partition that is behind; with more, it becomes half as exact. */
const milestonesMax = 64;

export class BehindClock {
  /** Ends that the mirror has not reached, oldest first. */
  #missing: Milestone[] = [];
  #spacingMs = spacingMsMin;

  /** Offsets as the source has them. */
  note({
    sourceEnd,
    mirrorEnd,
    nowMs,
  }: {
    sourceEnd: bigint;
    mirrorEnd: bigint | null;
    nowMs: number;
  }): void {
    this.#forget(mirrorEnd);
    const newest = this.#missing.at(-1);
    if (mirrorEnd !== null && sourceEnd <= mirrorEnd) return;
    if (newest !== undefined && sourceEnd <= newest.end) return;
    if (newest !== undefined && nowMs - newest.sinceMs < this.#spacingMs) newest.end = sourceEnd;
    else this.#missing.push({ end: sourceEnd, sinceMs: nowMs });
    if (this.#missing.length > milestonesMax) this.#thinOut();
  }

  /** 0 when everything that was noted is there. */
  behindMs(mirrorEnd: bigint, nowMs: number): number {
    this.#forget(mirrorEnd);
    const [oldest] = this.#missing;
    return oldest === undefined ? 0 : nowMs - oldest.sinceMs;
  }

  #forget(mirrorEnd: bigint | null): void {
    const [oldest] = this.#missing;
    if (mirrorEnd === null || oldest === undefined || oldest.end > mirrorEnd) return;
    this.#missing = this.#missing.filter(({ end }) => end > mirrorEnd);
    if (this.#missing.length === 0) this.#spacingMs = spacingMsMin;
  }

  /** Of two neighbours the later end, with the earlier moment: never less than the truth. */
  #thinOut(): void {
    this.#spacingMs *= 2;
    this.#missing = this.#missing.flatMap(({ sinceMs }, index, all) =>
      index % 2 === 0 ? [{ end: (all[index + 1] ?? all[index]!).end, sinceMs }] : [],
    );
  }
}
