// A cluster played by hand, for tests of src/link: what was done to it is in `log`.
import type { LockstepError } from '../../src/errors.ts';
import type {
  LinkDestination,
  LogRange,
  NewMirrorTopic,
  SettingChanges,
  TopicFacts,
} from '../../src/link/clusters.ts';
import { mirrorSettings, type TopicSetting, type TopicSettings } from '../../src/link/mirror-topic.ts';
import type { StateStore } from '../../src/link/state-store.ts';
import type { TopicPartition } from '../../src/mirror/index.ts';

type Settings = TopicSettings | LockstepError;

/** Settings as a broker describes them, each set on the topic itself. */
export function settingsOf(values: Readonly<Record<string, string>>): Map<string, TopicSetting> {
  return new Map(Object.entries(values).map(([name, value]) => [name, { value, isSetOnTopic: true }]));
}

const sourceDefaults = {
  'cleanup.policy': 'delete',
  'retention.ms': '604800000',
  'retention.bytes': '-1',
  'max.message.bytes': '1048588',
} as const;

/** A source topic's settings: the broker's defaults, and what is given on the topic itself. */
export function sourceLike(given: Readonly<Record<string, string>> = {}): TopicSettings {
  const settings = new Map<string, TopicSetting>(
    Object.entries(sourceDefaults).map(([name, value]) => [name, { value, isSetOnTopic: false }]),
  );
  for (const [name, setting] of settingsOf(given)) settings.set(name, setting);
  return settings;
}

/** The settings of a mirror that a link made for such a source. */
export function mirrorOf(source: TopicSettings): Map<string, TopicSetting> {
  return settingsOf(mirrorSettings(source));
}

export class FakeCluster implements LinkDestination {
  readonly name: string;
  readonly clusterId: string;
  readonly brokerCount = 1;
  readonly topics = new Map<string, TopicFacts>();
  readonly settings = new Map<string, Settings>();
  readonly ranges = new Map<string, LogRange>();
  readonly failures = new Map<string, LockstepError>();
  /** Thrown by the function of that name. */
  readonly refusals = new Map<string, LockstepError>();
  readonly denied = new Set<string>();
  /** Partitions that hold records with timestamps. */
  readonly timed = new Set<string>();
  /** What `firstOffsetSince` answers for a partition; null where nothing is given. */
  readonly firstOffsets = new Map<string, (timestampMs: bigint) => bigint | null>();
  readonly log: string[] = [];
  /** What `startOffsets` answers, by partition. */
  readonly startOffsetsOf = new Map<string, bigint>();
  /** Topics that exist, but are hidden from us. */
  readonly hidden = new Set<string>();
  prefix = '';
  hasAuthorizer = true;
  locksOut = false;
  isHanging = false;

  constructor(name: string) {
    this.name = name;
    this.clusterId = name;
  }

  mirrorName(topic: string): string {
    return `${this.prefix}${topic}`;
  }

  async whyUnlisted(topics: readonly string[]): Promise<ReadonlyMap<string, 'gone' | 'hidden'>> {
    return new Map(topics.map((topic) => [topic, this.hidden.has(topic) ? 'hidden' : 'gone']));
  }

  async startOffsets(topic: string, partitionCount: number): Promise<ReadonlyMap<number, bigint>> {
    const offsets = new Map<number, bigint>();
    for (let partition = 0; partition < partitionCount; partition++) {
      const offset = this.startOffsetsOf.get(`${topic}-${partition}`);
      if (offset !== undefined) offsets.set(partition, offset);
    }
    return offsets;
  }

  addTopic(topic: string, partitionCount = 1): void {
    this.topics.set(topic, { topic, topicId: `${this.name}-${topic}`, partitionCount });
  }

  async listTopics(): Promise<readonly TopicFacts[]> {
    if (this.isHanging) await new Promise(() => {});
    return [...this.topics.values()];
  }

  async topicSettings(topics: readonly string[]): Promise<ReadonlyMap<string, Settings>> {
    return new Map(topics.map((topic) => [topic, this.settings.get(topic) ?? new Map()]));
  }

  async logRanges(topic: string, partitionCount: number): Promise<ReadonlyMap<number, LogRange>> {
    const ranges = Array.from({ length: partitionCount }, (_, partition) => {
      return [partition, this.ranges.get(`${topic}-${partition}`)] as const;
    });
    return new Map(ranges.filter((entry): entry is readonly [number, LogRange] => entry[1] !== undefined));
  }

  async firstOffsetSince({ topic, partition }: TopicPartition, timestampMs: bigint): Promise<bigint | null> {
    return this.firstOffsets.get(`${topic}-${partition}`)?.(timestampMs) ?? null;
  }

  async createTopic({ name, partitionCount, settings }: NewMirrorTopic) {
    this.#fail(name);
    this.addTopic(name, partitionCount);
    this.settings.set(name, settingsOf(settings));
    return { replicationFactor: 1, topicId: `${this.name}-${name}` };
  }

  async addPartitions(topic: string, partitionCount: number): Promise<void> {
    this.#fail(topic);
    this.addTopic(topic, partitionCount);
  }

  async alterTopic(topic: string, changes: SettingChanges): Promise<void> {
    this.#refuse('alterTopic');
    const settings = new Map(this.settings.get(topic) as TopicSettings);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) settings.delete(name);
      else settings.set(name, { value, isSetOnTopic: true });
    }
    this.settings.set(topic, settings);
    this.log.push(
      `alter ${topic} ${Object.entries(changes)
        .map((change) => change.join('='))
        .join(' ')}`,
    );
  }

  async isReadingDenied(topic: string): Promise<boolean | null> {
    return this.hasAuthorizer ? this.denied.has(topic) : null;
  }

  async denyReading(topic: string): Promise<boolean> {
    this.#refuse('denyReading');
    this.log.push(`deny ${topic}`);
    if (!this.locksOut) this.denied.add(topic);
    return !this.locksOut;
  }

  async allowReading(topic: string): Promise<void> {
    this.#refuse('allowReading');
    this.log.push(`allow ${topic}`);
    this.denied.delete(topic);
  }

  async holdsTimedRecords({ topic, partition }: TopicPartition): Promise<boolean> {
    return this.timed.has(`${topic}-${partition}`);
  }

  async checkCutRight(): Promise<void> {
    this.#refuse('checkCutRight');
  }

  async untilCuttable({ topic, partition }: TopicPartition): Promise<void> {
    this.#refuse('untilCuttable');
    this.log.push(`cuttable ${topic}-${partition}`);
  }

  #fail(topic: string): void {
    const failure = this.failures.get(topic);
    if (failure !== undefined) throw failure;
  }

  #refuse(what: string): void {
    const refusal = this.refusals.get(what);
    if (refusal !== undefined) throw refusal;
  }
}

/** The state topic in memory. */
export class MemoryStore implements StateStore {
  readonly entries = new Map<string, string>();

  async refresh(): Promise<void> {}

  first(key: string, isValid: (value: string) => boolean): string | undefined {
    const value = this.entries.get(key);
    return value !== undefined && isValid(value) ? value : undefined;
  }

  last(key: string): string | undefined {
    return this.entries.get(key);
  }

  async putIfAbsent(key: string, value: string, isValid: (value: string) => boolean): Promise<string> {
    const known = this.entries.get(key);
    if (known !== undefined && isValid(known)) return known;
    this.entries.set(key, value);
    return value;
  }
}
