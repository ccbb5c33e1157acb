// Consumer groups: list, describe, delete, and their committed offsets, each asked of the group's coordinator.
import { LockstepError } from '../../errors.ts';
import { apis, type OffsetFetchResponse } from '../../protocol/index.ts';
import type { Cluster } from '../cluster.ts';
import { inParallel, type Outcome, outcomeOf, settle } from './outcome.ts';
import { groupByTopic, type TopicPartition } from './per-leader.ts';

/** Brokers or coordinators asked at the same time. */
const parallelMax = 16;
export const groupIdNotFound = 69;
const unsupportedVersion = 35;

export interface ListedGroup {
  readonly groupId: string;
  /** `consumer` for consumers; Connect and others have their own; empty for offsets committed from outside. */
  readonly protocolType: string;
  /** `Stable`, `Empty`, ...; empty before Kafka 2.6. */
  readonly state: string;
  /** `classic`, `consumer` (KIP-848), ...; empty before Kafka 3.8. */
  readonly type: string;
}

/**
 * Every group of every broker, by id. Groups that this user may not describe are left out without a word: Kafka
 * answers so. `timeoutMs` is for all attempts together; default the cluster's deadline.
 */
export async function listGroups(
  cluster: Cluster,
  options: { timeoutMs?: number } = {},
): Promise<ReadonlyMap<string, ListedGroup>> {
  await cluster.retry(() => cluster.refreshMetadata([]), options);
  const lists = await inParallel(cluster.brokers, parallelMax, ({ id }) =>
    cluster.request(apis.ListGroups, {}, { ...options, to: id, what: `listing the groups of broker ${id}` }),
  );
  const groups = lists.flatMap((list) => list.groups);
  return new Map(
    groups.map(({ groupId, protocolType, groupState, groupType }) => [
      groupId,
      { groupId, protocolType, state: groupState, type: groupType },
    ]),
  );
}

export interface GroupMember {
  readonly memberId: string;
  /** group.instance.id; null for a dynamic member. */
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
}

export interface DescribedGroup {
  readonly groupId: string;
  /** `consumer`: the protocol of KIP-848. */
  readonly type: 'classic' | 'consumer';
  /** `Empty`, `Stable`, `PreparingRebalance`, `CompletingRebalance`, `Dead`, ... */
  readonly state: string;
  readonly protocolType: string;
  readonly members: readonly GroupMember[];
}

/** One outcome per id. A classic group that does not exist is `Dead` without members, as Kafka has it. */
export async function describeGroups(
  cluster: Cluster,
  groupIds: readonly string[],
): Promise<ReadonlyMap<string, Outcome<DescribedGroup>>> {
  const described = await inParallel(groupIds, parallelMax, (groupId) =>
    settle(
      async () =>
        (await describeConsumerGroup(cluster, groupId)) ?? (await describeClassicGroup(cluster, groupId)),
    ),
  );
  return new Map(groupIds.map((groupId, index) => [groupId, described[index]!]));
}

/** A group of the new protocol; null when it is none, or the brokers don't know the protocol. */
async function describeConsumerGroup(cluster: Cluster, groupId: string): Promise<DescribedGroup | null> {
  try {
    const answer = await cluster.request(
      apis.ConsumerGroupDescribe,
      { groupIds: [groupId] },
      { ...toGroup(groupId, 'describing'), errorOf: (body) => firstError(body.groups) },
    );
    const group = answer.groups[0]!;
    const members = group.members.map(({ memberId, instanceId, clientId, clientHost }) => ({
      memberId,
      instanceId,
      clientId,
      clientHost,
    }));
    return { groupId, type: 'consumer', state: group.groupState, protocolType: 'consumer', members };
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    const number = error.detail.number;
    if (error.code === 'UNSUPPORTED_VERSION' || number === groupIdNotFound || number === unsupportedVersion)
      return null;
    throw error;
  }
}

async function describeClassicGroup(cluster: Cluster, groupId: string): Promise<DescribedGroup> {
  const answer = await cluster.request(
    apis.DescribeGroups,
    { groups: [groupId] },
    {
      ...toGroup(groupId, 'describing'),
      // Version 6 and newer call a group that is not there an error; before it was a Dead one.
      errorOf: (body) =>
        body.groups[0]?.errorCode === groupIdNotFound ? { number: 0 } : firstError(body.groups),
    },
  );
  const group = answer.groups[0]!;
  const members = group.members.map(({ memberId, groupInstanceId, clientId, clientHost }) => ({
    memberId,
    instanceId: groupInstanceId,
    clientId,
    clientHost,
  }));
  const state = group.errorCode === groupIdNotFound ? 'Dead' : group.groupState;
  return { groupId, type: 'classic', state, protocolType: group.protocolType, members };
}

/** Deletes groups without members, their offsets included. NON_EMPTY_GROUP (68) otherwise. */
export async function deleteGroups(
  cluster: Cluster,
  groupIds: readonly string[],
): Promise<ReadonlyMap<string, Outcome<void>>> {
  const deleted = await inParallel(groupIds, parallelMax, (groupId) =>
    settle(async () => {
      await cluster.request(
        apis.DeleteGroups,
        { groupsNames: [groupId] },
        { ...toGroup(groupId, 'deleting'), errorOf: (body) => firstError(body.results) },
      );
    }),
  );
  return new Map(groupIds.map((groupId, index) => [groupId, deleted[index]!]));
}

export interface CommittedOffset {
  readonly offset: bigint;
  /** -1 when committed without one. */
  readonly leaderEpoch: number;
  readonly metadata: string;
}

export type CommittedOffsets = readonly (TopicPartition & { readonly outcome: Outcome<CommittedOffset> })[];

/**
 * What a group has committed: of these partitions, or of all. Partitions without an offset are left out.
 * With `requireStable`, offsets of open transactions are waited for.
 */
export async function fetchGroupOffsets(
  cluster: Cluster,
  groupId: string,
  options: { partitions?: readonly TopicPartition[]; requireStable?: boolean; timeoutMs?: number } = {},
): Promise<CommittedOffsets> {
  const { partitions: wanted, requireStable = false, timeoutMs } = options;
  const topics =
    wanted === undefined
      ? null
      : Array.from(groupByTopic(wanted), ([name, items]) => ({
          name,
          partitionIndexes: items.map(({ partition }) => partition),
        }));
  const what = toGroup(groupId, 'fetching the offsets of').what;
  const answer = await cluster.request(
    apis.OffsetFetch,
    (version) => ({
      // Version 8 asks for many groups at once (KIP-709).
      ...(version >= 8 ? { groups: [{ groupId, topics }] } : { groupId, topics }),
      ...(version >= 7 ? { requireStable } : {}),
    }),
    {
      ...toGroup(groupId, 'fetching the offsets of'),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      // Version 10 names topics by id only.
      versionMax: 9,
      errorOf: (body) => ({ number: body.groups[0]?.errorCode ?? body.errorCode }),
    },
  );
  return committedOffsets(cluster, answer.groups[0]?.topics ?? answer.topics, what);
}

/** The partitions of an answer that have an offset, or an error. */
export function committedOffsets(
  cluster: Cluster,
  topics: OffsetFetchResponse['topics'],
  what: string,
): CommittedOffsets {
  return topics.flatMap(({ name, partitions }) =>
    partitions
      .filter(({ errorCode, committedOffset }) => errorCode !== 0 || committedOffset >= 0n)
      .map((entry) => ({
        topic: name,
        partition: entry.partitionIndex,
        outcome: outcomeOf(cluster, entry, `${what}, ${name}-${entry.partitionIndex}`, () => ({
          offset: entry.committedOffset,
          leaderEpoch: entry.committedLeaderEpoch,
          metadata: entry.metadata ?? '',
        })),
      })),
  );
}

export interface OffsetToCommit extends TopicPartition {
  readonly offset: bigint;
  /** Default -1: none. */
  readonly leaderEpoch?: number;
  readonly metadata?: string;
}

export interface CommitOptions {
  /** For all attempts together, ms. Default the cluster's deadline. */
  readonly timeoutMs?: number;
  /**
   * How long the broker keeps these offsets from now on, ms. Default: offsets.retention.minutes, counted from the
   * moment when a classic group's last member left, however often it is committed from outside (KIP-211).
   */
  readonly retentionMs?: number;
}

/** The last version of OffsetCommit that has a retention of its own. */
const ownRetentionVersionMax = 4;

/**
 * Commits offsets from outside a group, which Kafka allows while the group is empty (UNKNOWN_MEMBER_ID (25)
 * otherwise). The coordinator is found first, which creates __consumer_offsets where it is missing.
 */
export async function commitGroupOffsets(
  cluster: Cluster,
  groupId: string,
  offsets: readonly OffsetToCommit[],
  options: CommitOptions = {},
): Promise<readonly (TopicPartition & { readonly outcome: Outcome<void> })[]> {
  const { retentionMs, timeoutMs } = options;
  const { to, what } = toGroup(groupId, 'committing offsets of');
  const answer = await cluster.request(
    apis.OffsetCommit,
    (version) => ({
      groupId,
      generationIdOrMemberEpoch: -1,
      ...(retentionMs === undefined || version > ownRetentionVersionMax
        ? {}
        : { retentionTimeMs: BigInt(Math.round(retentionMs)) }),
      topics: Array.from(groupByTopic(offsets), ([name, items]) => ({
        name,
        partitions: items.map(({ partition, offset, leaderEpoch, metadata }) => ({
          partitionIndex: partition,
          committedOffset: offset,
          committedLeaderEpoch: leaderEpoch ?? -1,
          committedMetadata: metadata ?? '',
        })),
      })),
    }),
    {
      to,
      what,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      // Version 10 names topics by id only.
      versionMax: retentionMs === undefined ? 9 : ownRetentionVersionMax,
      // A coordinator that moved says so for every partition.
      errorOf: (body) => {
        const errors = body.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
        return { number: errors.find((number) => coordinatorErrors.has(number)) ?? 0 };
      },
    },
  );
  return answer.topics.flatMap(({ name, partitions }) =>
    partitions.map((entry) => ({
      topic: name,
      partition: entry.partitionIndex,
      outcome: outcomeOf(cluster, entry, `${what}, ${name}-${entry.partitionIndex}`, () => undefined),
    })),
  );
}

/** COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR. */
const coordinatorErrors: ReadonlySet<number> = new Set([14, 15, 16]);

function toGroup(groupId: string, verb: string) {
  return {
    to: { coordinatorOf: { type: 'group', key: groupId } },
    what: `${verb} group ${groupId}`,
  } as const;
}

function firstError(items: readonly { errorCode: number; errorMessage?: string | null }[]) {
  const first = items[0];
  return { number: first?.errorCode ?? -1, message: first?.errorMessage ?? null };
}
