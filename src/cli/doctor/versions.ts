// Which Kafka the brokers are, by what they say themselves: no request tells the release, but the highest
// metadata.version that a broker supports does (KIP-584), and the requests it answers are what counts in the end.
import type { VersionRange } from '../../client/index.ts';
import { apis } from '../../protocol/index.ts';
import type { Check, Roles } from './checks.ts';
import { isDestination, isSource } from './checks.ts';

/** The first metadata.version level of each release (Kafka's MetadataVersion). */
const releases: readonly (readonly [level: number, release: string])[] = [
  [7, '3.3'],
  [8, '3.4'],
  [9, '3.5'],
  [12, '3.6'],
  [15, '3.7'],
  [20, '3.8'],
  [21, '3.9'],
  [22, '4.0'],
  [26, '4.1'],
  [28, '4.2'],
  [30, '4.3'],
];
const newestKnownLevel = 30;
/** The oldest release that is tested as a destination. */
const oldestTestedLevel = 21;

/** `4.3`, or `newer than 4.3`. */
export function releaseOf(level: number): string {
  if (level > newestKnownLevel) return `newer than ${releases.at(-1)?.[1]}`;
  return releases.findLast(([first]) => first <= level)?.[1] ?? `older than ${releases[0]?.[1]}`;
}

export interface BrokerVersion {
  readonly broker: number;
  /** The highest metadata.version it supports; null where it does not tell (ZooKeeper mode, before 3.3). */
  readonly supportedLevel: number | null;
  readonly apiVersions: ReadonlyMap<number, VersionRange>;
}

/** The check `versions`. `levelInForce` is the cluster's finalized metadata.version. */
export function versionsCheck(brokers: readonly BrokerVersion[], levelInForce: number | null): Check {
  const levels = [...new Set(brokers.map((broker) => broker.supportedLevel))];
  const known = levels.filter((level) => level !== null);
  if (known.length === 0) {
    return {
      name: 'versions',
      mark: 'unknown',
      detail: 'the brokers do not tell their release (ZooKeeper mode, before 3.3, or not Apache Kafka)',
      remedy: 'lockstep doctor --probe shows whether they behave as mirrors need it',
    };
  }
  const inForce = levelInForce === null ? '' : `, features of ${releaseOf(levelInForce)} in force`;
  if (levels.length > 1) {
    const each = brokers.map(({ broker, supportedLevel }) =>
      supportedLevel === null ? `${broker}: unknown` : `${broker}: ${releaseOf(supportedLevel)}`,
    );
    return {
      name: 'versions',
      mark: 'advice',
      detail: `brokers of different releases (${each.join(', ')})${inForce}`,
      remedy: 'finish the upgrade, or probe again after it',
    };
  }
  const level = known[0] as number;
  const detail = `Kafka ${releaseOf(level)}${inForce}`;
  if (level >= oldestTestedLevel && level <= newestKnownLevel)
    return { name: 'versions', mark: 'ok', detail };
  return {
    name: 'versions',
    mark: 'advice',
    detail: `${detail}; Lockstep is tested with 3.9 to 4.3`,
    remedy: 'run lockstep doctor --probe, which shows whether it behaves as mirrors need it',
  };
}

/** Requests that a role leans on, with the lowest version that has the fields we need. */
const needs = {
  both: [
    [apis.Metadata, 4],
    [apis.DescribeConfigs, 1],
    [apis.OffsetForLeaderEpoch, 2],
  ],
  source: [[apis.Fetch, 12]],
  destination: [
    [apis.Produce, 3],
    [apis.CreateTopics, 2],
    [apis.CreatePartitions, 0],
    [apis.DescribeProducers, 0],
    [apis.WriteTxnMarkers, 1],
  ],
} as const;

/** The check `requests`. */
export function requestsCheck(brokers: readonly BrokerVersion[], roles: Roles): Check {
  const wanted = [
    ...needs.both,
    ...(isSource(roles) ? needs.source : []),
    ...(isDestination(roles) ? needs.destination : []),
  ];
  const missing = wanted.flatMap(([api, version]) => {
    const without = brokers.filter(({ apiVersions }) => (apiVersions.get(api.key)?.max ?? -1) < version);
    return without.length === 0
      ? []
      : [`${api.name} ${version} (broker ${without.map((each) => each.broker).join(', ')})`];
  });
  if (missing.length === 0) {
    return {
      name: 'requests',
      mark: 'ok',
      detail: `all ${wanted.length} kinds of request that we need are answered`,
    };
  }
  return {
    name: 'requests',
    mark: 'bad',
    detail: `not offered: ${missing.join('; ')}`,
    remedy: 'upgrade these brokers; Kafka 3.9 and newer have everything',
  };
}
