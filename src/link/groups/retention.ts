// How long the destination keeps positions of quiet groups, and how often they are committed again therefore.
import { type Cluster, describeConfigs } from '../../client/index.ts';
import { missingSettingsRight } from './rights.ts';

const setting = 'offsets.retention.minutes';
/** Kafka's default. */
const assumedMs = 7 * 24 * 60 * 60_000;
/** The setting changes only with a restart of the brokers. */
const readEveryMs = 10 * 60_000;
/** Four chances before a position expires, and once a day is enough for any retention. */
const refreshesPerRetention = 4;
const refreshMsMax = 24 * 60 * 60_000;

export class OffsetsRetention {
  readonly #destination: Cluster;
  #retentionMs = assumedMs;
  #isAssumed = true;
  #readAtMs = Number.NEGATIVE_INFINITY;
  /** What a person should know about it; said once. */
  #warning: string | null = null;

  constructor(destination: Cluster) {
    this.#destination = destination;
  }

  get retentionMs(): number {
    return this.#retentionMs;
  }
  get isAssumed(): boolean {
    return this.#isAssumed;
  }
  /** Positions are committed again when their last commit is older, ms. */
  get refreshMs(): number {
    return Math.min(refreshMsMax, this.#retentionMs / refreshesPerRetention);
  }

  /** Reads the setting again now and then. Returns a warning the first time that it can't be read. */
  async look(nowMs: number): Promise<string | null> {
    if (nowMs - this.#readAtMs < readEveryMs) return null;
    const outcomes = await describeConfigs(
      this.#destination,
      this.#destination.brokers.map(({ id }) => ({ type: 'broker', name: String(id) })),
      { names: [setting] },
    );
    const minutes = outcomes.flatMap(({ outcome }) => {
      if (outcome.ok) return [Number(outcome.value.get(setting)?.value ?? Number.NaN)];
      if (outcome.error.code !== 'NOT_AUTHORIZED') throw outcome.error;
      return [];
    });
    this.#readAtMs = nowMs;
    // Brokers may differ; each group's coordinator goes by its own.
    const least = Math.min(...minutes.filter((value) => value > 0));
    this.#isAssumed = !Number.isFinite(least);
    if (!this.#isAssumed) {
      this.#retentionMs = least * 60_000;
      return null;
    }
    return this.#warnOnce();
  }

  #warnOnce(): string | null {
    if (this.#warning !== null) return null;
    this.#warning = missingSettingsRight(this.#destination.name);
    return this.#warning;
  }
}
