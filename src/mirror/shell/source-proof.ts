// Whether the source's log is still the one that the mirror was compared with. A source that was away, or has another
// leader, can hold another log, and longer than the mirror already. Nothing that it sends is appended before the newest
// batch was compared again.

export class SourceProof {
  /** The source's leader epoch under which the newest batch was compared. */
  #comparedEpoch: number | null = null;
  /** The source was away, or refused a fetch, since then. */
  #isDoubted = false;

  doubt(): void {
    this.#isDoubted = true;
  }

  /** Comparing begins: what makes doubt from now on counts again. */
  begin(): void {
    this.#isDoubted = false;
  }

  compared(leaderEpoch: number): void {
    this.#comparedEpoch = leaderEpoch;
  }

  /** Why what was fetched under this leader epoch is not to be appended; null when it may. */
  whyCompareAgain(leaderEpoch: number): string | null {
    if (this.#isDoubted) return 'the source was away or refused a fetch: comparing again';
    const compared = this.#comparedEpoch;
    if (compared === null || compared === leaderEpoch) return null;
    return `the source’s leader epoch was ${compared} and is ${leaderEpoch}: comparing again`;
  }
}
