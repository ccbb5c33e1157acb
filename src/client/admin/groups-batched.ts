// Committed offsets of many groups at once. Kafka 3.0 and newer look up the coordinators of many groups with one
// request (KIP-699) and answer the offsets of many groups with another (KIP-709): a thousand groups cost a handful of
// requests. Older brokers are asked group by group.
import { LockstepError } from '../../errors.ts';
import { apis } from '../../protocol/index.ts';
import type { Cluster } from '../cluster.ts';
import { kafkaFailure } from '../kafka-failure.ts';
import { type CommittedOffsets, committedOffsets, fetchGroupOffsets, groupIdNotFound } from './groups.ts';
import { failed, inParallel, type Outcome, outcomeOf, settle, succeeded } from './outcome.ts';
import { groupByTopic, type TopicPartition } from './per-leader.ts';

/** Groups in one request: an answer stays well below a frame, and a broker is not held up for long. */
const groupsPerRequestMax = 200;
const parallelMax = 16;
const groupCoordinator = 0;
/** FindCoordinator with many keys, OffsetFetch with many groups. */
const manyKeysSinceVersion = 4;
const manyGroupsSinceVersion = 8;

export interface BatchedOptions {
  /** For all attempts together (of each group, where it is asked by itself), ms. Default the cluster's deadline. */
  readonly timeoutMs?: number;
}

/**
 * All committed offsets of each group, one outcome per group. A group that does not exist has none. Offsets of open
 * transactions are not in them.
 */
export async function fetchOffsetsOfGroups(
  cluster: Cluster,
  groupIds: readonly string[],
  options: BatchedOptions = {},
): Promise<ReadonlyMap<string, Outcome<CommittedOffsets>>> {
  const outcomes = new Map<string, Outcome<CommittedOffsets>>();
  const pending = () =>
    groupIds.filter((groupId) => {
      const outcome = outcomes.get(groupId);
      return outcome === undefined || (!outcome.ok && outcome.error.retriable);
    });
  try {
    await cluster.retry(async (remainingMs) => {
      await askOnce(cluster, pending(), outcomes, remainingMs);
      const first = outcomes.get(pending()[0] ?? '');
      if (first?.ok === false) throw first.error;
    }, options);
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    if (error.code === 'UNSUPPORTED_VERSION') return fetchOneByOne(cluster, groupIds, options);
    for (const groupId of pending()) outcomes.set(groupId, failed(error));
  }
  return outcomes;
}

/** One attempt for every group; failures are outcomes. @throws LockstepError UNSUPPORTED_VERSION, or nobody answers. */
async function askOnce(
  cluster: Cluster,
  groupIds: readonly string[],
  outcomes: Map<string, Outcome<CommittedOffsets>>,
  remainingMs: number,
): Promise<void> {
  if (groupIds.length === 0) return;
  const byBroker = await findCoordinators(cluster, groupIds, outcomes, remainingMs);
  const requests = [...byBroker].flatMap(([brokerId, ids]) =>
    chunks(ids, groupsPerRequestMax).map((chunk) => ({ brokerId, chunk })),
  );
  await inParallel(requests, parallelMax, async ({ brokerId, chunk }) => {
    const answer = await settle(() => fetchFrom(cluster, brokerId, chunk, remainingMs));
    if (!answer.ok && answer.error.code === 'UNSUPPORTED_VERSION') throw answer.error;
    for (const groupId of chunk)
      outcomes.set(groupId, answer.ok ? (answer.value.get(groupId) ?? succeeded([])) : answer);
  });
}

async function fetchFrom(
  cluster: Cluster,
  brokerId: number,
  groupIds: readonly string[],
  timeoutMs: number,
): Promise<Map<string, Outcome<CommittedOffsets>>> {
  const what = `fetching the offsets of ${groupIds.length} groups`;
  const answer = await cluster.request(
    apis.OffsetFetch,
    { groups: groupIds.map((groupId) => ({ groupId, topics: null })), requireStable: false },
    // Version 10 names topics by id only.
    { to: brokerId, what, retry: false, timeoutMs, versionMin: manyGroupsSinceVersion, versionMax: 9 },
  );
  return new Map(
    answer.groups.map((group) => {
      // A group that is not there has no offsets.
      const errorCode = group.errorCode === groupIdNotFound ? 0 : group.errorCode;
      const of = `fetching the offsets of group ${group.groupId}`;
      const offsets = () => committedOffsets(cluster, group.topics, of);
      return [group.groupId, outcomeOf(cluster, { errorCode }, of, offsets)];
    }),
  );
}

/** Groups by the broker that coordinates them. Asking creates __consumer_offsets where it is missing. */
async function findCoordinators(
  cluster: Cluster,
  groupIds: readonly string[],
  outcomes: Map<string, Outcome<CommittedOffsets>>,
  remainingMs: number,
): Promise<Map<number, string[]>> {
  const answers = await inParallel(chunks(groupIds, groupsPerRequestMax), parallelMax, (chunk) =>
    cluster.request(
      apis.FindCoordinator,
      { keyType: groupCoordinator, coordinatorKeys: [...chunk] },
      {
        what: `finding the coordinators of ${chunk.length} groups`,
        retry: false,
        timeoutMs: remainingMs,
        versionMin: manyKeysSinceVersion,
      },
    ),
  );
  const byBroker = new Map<number, string[]>();
  for (const { key, nodeId, errorCode, errorMessage } of answers.flatMap(
    ({ coordinators }) => coordinators,
  )) {
    if (errorCode !== 0) {
      const what = `finding the coordinator of group ${key}`;
      const context = { cluster: cluster.name, what, brokerMessage: errorMessage };
      outcomes.set(key, failed(kafkaFailure(errorCode, context)));
    } else byBroker.set(nodeId, [...(byBroker.get(nodeId) ?? []), key]);
  }
  return byBroker;
}

async function fetchOneByOne(
  cluster: Cluster,
  groupIds: readonly string[],
  options: BatchedOptions,
): Promise<ReadonlyMap<string, Outcome<CommittedOffsets>>> {
  const fetched = await inParallel(groupIds, parallelMax, (groupId) =>
    settle(() => fetchGroupOffsets(cluster, groupId, options)),
  );
  return new Map(groupIds.map((groupId, index) => [groupId, fetched[index]!]));
}

/**
 * Forgets committed offsets of a group (OffsetDelete, Kafka 2.4). Partitions of a topic that the group's members
 * subscribe to are refused with GROUP_SUBSCRIBED_TO_TOPIC (86).
 */
export async function deleteGroupOffsets(
  cluster: Cluster,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<readonly (TopicPartition & { readonly outcome: Outcome<void> })[]> {
  const what = `deleting offsets of group ${groupId}`;
  const answer = await cluster.request(
    apis.OffsetDelete,
    {
      groupId,
      topics: Array.from(groupByTopic(partitions), ([name, items]) => ({
        name,
        partitions: items.map(({ partition }) => ({ partitionIndex: partition })),
      })),
    },
    { to: { coordinatorOf: { type: 'group', key: groupId } }, what },
  );
  return answer.topics.flatMap((topic) =>
    topic.partitions.map((entry) => ({
      topic: topic.name,
      partition: entry.partitionIndex,
      outcome: outcomeOf(cluster, entry, `${what}, ${topic.name}-${entry.partitionIndex}`, () => undefined),
    })),
  );
}

function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
