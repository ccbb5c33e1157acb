// Topics that the source does not list any more: deleted, or hidden because the right to DESCRIBE them was taken away.
// A listing of all topics leaves out both; only asking for a topic by its name tells the two apart, as far as brokers do:
// who may not describe a topic gets TOPIC_AUTHORIZATION_FAILED whether it exists or not.
import type { LinkCluster } from './clusters.ts';
import { isGivenUp, type KnownTopic } from './known-topic.ts';
import type { Notice } from './notice.ts';

export interface VanishedTopicsOptions {
  readonly source: LinkCluster;
  readonly onNotice: (level: Notice['level'], text: string) => void;
}

const reasons = {
  SourceDeleted: 'the source topic is gone; its mirror stays as it is',
  NotAuthorized:
    'the source does not show it to us any more: grant DESCRIBE and READ on it, or it was deleted; its mirror stays as it is',
} as const;

export class VanishedTopics {
  readonly #options: VanishedTopicsOptions;
  /** Named topics that the source did not have at the last look. */
  readonly #missing = new Set<string>();

  constructor(options: VanishedTopicsOptions) {
    this.#options = options;
  }

  /** Of these, the names that the source did not have at the last look. */
  missingOf(namedTopics: readonly string[]): readonly string[] {
    return namedTopics.filter((topic) => this.#missing.has(topic));
  }

  /** Gives known topics that are not listed their condition, and says it once. */
  async look(topics: readonly KnownTopic[], listed: { has(topic: string): boolean }): Promise<void> {
    const { source, onNotice } = this.#options;
    const unlisted = topics.filter((known) => !listed.has(known.topic) && !isGivenUp(known));
    if (unlisted.length === 0) return;
    const why = await source.whyUnlisted(unlisted.map(({ topic }) => topic));
    for (const known of unlisted) {
      const found = why.get(known.topic);
      if (found === undefined) continue;
      const state = found === 'gone' ? 'SourceDeleted' : 'NotAuthorized';
      if (known.condition?.state === state) continue;
      known.condition = { state, reason: reasons[state] };
      onNotice('warning', `topic ${known.topic}: ${reasons[state]}`);
    }
  }

  /** A name that the source does not have is often a typo; said once for each time it goes missing. */
  tellMissing(namedTopics: readonly string[], isKnown: (topic: string) => boolean): void {
    const { source, onNotice } = this.#options;
    for (const topic of namedTopics) {
      if (isKnown(topic)) this.#missing.delete(topic);
      else if (!this.#missing.has(topic)) {
        this.#missing.add(topic);
        onNotice('warning', `topic ${topic} is not in ${source.name} yet, or this user may not describe it`);
      }
    }
  }
}
