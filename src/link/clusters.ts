// What a link asks of its two clusters, besides what its mirror asks: few functions, so that tests can play them.
import type { LockstepError } from '../errors.ts';
import type { TopicPartition } from '../mirror/index.ts';
import type { TopicSettings } from './mirror-topic.ts';
import type { StartAt } from './start-at.ts';

/** A topic as the newest metadata has it. */
export interface TopicFacts {
  readonly topic: string;
  readonly topicId: string;
  readonly partitionCount: number;
}

/** Log start and high watermark of a partition. */
export interface LogRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** Either cluster of a link. */
export interface LinkCluster {
  readonly name: string;
  readonly clusterId: string;
  readonly brokerCount: number;
  listTopics(): Promise<readonly TopicFacts[]>;
  /** Of topics that are not listed: whether they are gone, or may be hidden for want of DESCRIBE. Others are left out. */
  whyUnlisted(topics: readonly string[]): Promise<ReadonlyMap<string, 'gone' | 'hidden'>>;
  /** Topics that do not exist are left out; one that can't be described comes with the reason. */
  topicSettings(topics: readonly string[]): Promise<ReadonlyMap<string, TopicSettings | LockstepError>>;
  /** By partition; those whose leader does not answer are left out. */
  logRanges(topic: string, partitionCount: number): Promise<ReadonlyMap<number, LogRange>>;
  /** The first offset whose record has this timestamp or a later one; null where there is none. */
  firstOffsetSince(partition: TopicPartition, timestampMs: bigint): Promise<bigint | null>;
  /**
   * By partition: the last stable offset (`latest`), or the first offset since that moment where there is one. Those
   * whose leader does not answer are left out.
   */
  startOffsets(
    topic: string,
    partitionCount: number,
    startAt: Exclude<StartAt, { kind: 'earliest' }>,
  ): Promise<ReadonlyMap<number, bigint>>;
}

export interface NewMirrorTopic {
  readonly name: string;
  readonly partitionCount: number;
  /** -1: the broker's default. */
  readonly replicationFactor: number;
  readonly settings: Readonly<Record<string, string>>;
}

/** New values of settings; null: back to the default. */
export type SettingChanges = Readonly<Record<string, string | null>>;

/**
 * The destination is also written to. Topics are named as at the source: what they are called here is known here alone.
 * Only `listTopics` tells this cluster's own names.
 */
export interface LinkDestination extends LinkCluster {
  /** What the mirror of a topic is called. */
  mirrorName(topic: string): string;
  createTopic(topic: NewMirrorTopic): Promise<{ replicationFactor: number; topicId: string }>;
  addPartitions(topic: string, partitionCount: number): Promise<void>;
  /** All of them or none. */
  alterTopic(topic: string, changes: SettingChanges): Promise<void>;
  /** Whether a rule denies READ on this very topic to everybody; null where no authorizer runs. */
  isReadingDenied(topic: string): Promise<boolean | null>;
  /**
   * Denies READ on the topic to everybody (but super users), and resolves when every broker knows. False where the
   * rule would have locked ourselves out (allow.everyone.if.no.acl.found): it is gone again then.
   * @throws LockstepError NOT_AUTHORIZED without ALTER on the cluster.
   */
  denyReading(topic: string): Promise<boolean>;
  allowReading(topic: string): Promise<void>;
  /**
   * Whether a record with a timestamp stands in the log, which fillers don't have. Takes DESCRIBE only, so that it can
   * be asked where READ is denied.
   */
  holdsTimedRecords(partition: TopicPartition): Promise<boolean>;
  /** @throws LockstepError NOT_AUTHORIZED when we may not cut, without DELETE on the topic. */
  checkCutRight(partition: TopicPartition): Promise<void>;
  /** Resolves when the leader would cut the log's start off: it has to know of the policy that allows it. */
  untilCuttable(partition: TopicPartition): Promise<void>;
}
