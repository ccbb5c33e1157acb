// What happens when the topic was deleted, or lost records, under a running fleet.
//
// The problem: agents must not take an empty topic for "there are no links". The answer: they keep what they know, and
// read the new topic over it, until the leader has written everything anew. The last record of that is a mark; whatever
// the new topic did not name by then is gone.

/** Key of the mark; its value names the topic that is complete, so that one copied from elsewhere means nothing. */
export const restoredKey = 'restored';

/** Remembers which keys the new topic has named so far. */
export class Restoration {
  readonly #topicId: string;
  readonly #named = new Set<string>();

  constructor(topicId: string) {
    this.#topicId = topicId;
  }

  /** @returns whether this record says that the topic is complete again. */
  note(key: string, value: unknown): boolean {
    this.#named.add(key);
    return key === restoredKey && (value as { topicId?: unknown } | undefined)?.topicId === this.#topicId;
  }

  /** Of the keys that are known, those that the complete topic does not have. */
  leftOut(keys: Iterable<string>): string[] {
    return [...keys].filter((key) => !this.#named.has(key));
  }
}
