// Every setting of a topic, and how a mirror's follows its source's: the table of docs/mirror-topics.md as data. The kinds
// are those that people know from cluster linking: always equal, equal if asked for, never. Those that every mirror has
// for itself come on top.

export type SettingKind =
  /** The same on every mirror, whatever the source has: under it batches land as they are sent. */
  | 'fixed'
  /** Kept equal to the source's effective value. */
  | 'always'
  /** Kept equal where the link asks for it (`sync.configs.also`); else followed as long as nobody gave the mirror another. */
  | 'ifAsked'
  /** The destination's own affair. */
  | 'never';

export interface SettingRule {
  readonly name: string;
  readonly kind: SettingKind;
  /** The value of a `fixed` one. */
  readonly value?: string;
  /**
   * What a new mirror takes from the source: its `effective` value, even if that is its broker's default, or its value
   * where it is set on the topic (`whenSet`). Absent: nothing.
   */
  readonly created?: 'effective' | 'whenSet';
  readonly why: string;
}

const maximum = '9223372036854775807';

export const settingRules: readonly SettingRule[] = [
  {
    name: 'message.timestamp.type',
    kind: 'fixed',
    value: 'CreateTime',
    why: "the broker's clock would replace the records' own timestamps",
  },
  {
    name: 'message.timestamp.before.max.ms',
    kind: 'fixed',
    value: maximum,
    why: 'old timestamps are copied as they are',
  },
  {
    name: 'message.timestamp.after.max.ms',
    kind: 'fixed',
    value: maximum,
    why: 'future timestamps are copied as they are; its last digit says what is open about the start',
  },
  {
    name: 'unclean.leader.election.enable',
    kind: 'fixed',
    value: 'false',
    why: 'an unclean election drops acknowledged records',
  },
  {
    name: 'compression.type',
    kind: 'fixed',
    value: 'producer',
    why: 'batches are stored as sent, never compressed again',
  },
  {
    name: 'cleanup.policy',
    kind: 'always',
    created: 'effective',
    why: 'another policy deletes other records',
  },
  {
    name: 'max.message.bytes',
    kind: 'always',
    created: 'effective',
    why: 'what the source took fits; raised at once, lowered when the mirror has all from before',
  },
  {
    name: 'min.compaction.lag.ms',
    kind: 'always',
    created: 'whenSet',
    why: 'both sides are compacted by the same rules',
  },
  {
    name: 'max.compaction.lag.ms',
    kind: 'always',
    created: 'whenSet',
    why: 'both sides are compacted by the same rules',
  },
  {
    name: 'retention.ms',
    kind: 'ifAsked',
    created: 'effective',
    why: 'with a shorter one old records vanish as soon as they are copied; a region may keep more',
  },
  {
    name: 'retention.bytes',
    kind: 'ifAsked',
    created: 'effective',
    why: 'the same; a mirror with holes may need more',
  },
  {
    name: 'delete.retention.ms',
    kind: 'ifAsked',
    created: 'whenSet',
    why: 'how long tombstones stay may differ per region',
  },
  {
    name: 'min.cleanable.dirty.ratio',
    kind: 'ifAsked',
    created: 'whenSet',
    why: 'how eagerly it is compacted may differ per region',
  },
  { name: 'segment.bytes', kind: 'ifAsked', created: 'whenSet', why: 'segments end elsewhere anyway' },
  { name: 'segment.ms', kind: 'ifAsked', created: 'whenSet', why: 'segments end elsewhere anyway' },
  { name: 'segment.jitter.ms', kind: 'ifAsked', created: 'whenSet', why: 'segments end elsewhere anyway' },
  ...never(['min.insync.replicas'], 'durability is the destination’s affair, as the number of replicas is'),
  ...never(
    ['leader.replication.throttled.replicas', 'follower.replication.throttled.replicas'],
    'they name brokers of one cluster',
  ),
  ...never(
    [
      'remote.storage.enable',
      'remote.log.copy.disable',
      'remote.log.delete.on.disable',
      'local.retention.ms',
      'local.retention.bytes',
    ],
    'tiered storage is set up per cluster',
  ),
  ...never(
    ['compression.gzip.level', 'compression.lz4.level', 'compression.zstd.level'],
    'a mirror’s broker compresses nothing',
  ),
  ...never(
    [
      'file.delete.delay.ms',
      'flush.messages',
      'flush.ms',
      'index.interval.bytes',
      'preallocate',
      'segment.index.bytes',
    ],
    'how a broker keeps its files',
  ),
  ...never(
    ['message.format.version', 'message.downconversion.enable', 'message.timestamp.difference.max.ms'],
    'gone in Kafka 4; what replaced them stands above',
  ),
];

function never(names: readonly string[], why: string): SettingRule[] {
  return names.map((name) => ({ name, kind: 'never', why }));
}

/** The settings that a link looks at. */
export const settingNames: readonly string[] = settingRules
  .filter(({ kind }) => kind !== 'never')
  .map(({ name }) => name);

/** What `sync.configs.also` may name. */
export const askableSettings: readonly string[] = settingRules
  .filter(({ kind }) => kind === 'ifAsked')
  .map(({ name }) => name);
