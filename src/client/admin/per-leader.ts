// Requests that only a partition's leader answers: group the partitions by leader, ask each, and ask again for
// those whose leader has moved, until all have an answer that stands or the time is up.
import { LockstepError } from '../../errors.ts';
import { kafkaError } from '../../protocol/index.ts';
import type { Cluster } from '../cluster.ts';
import type { Connection } from '../connection.ts';
import { kafkaFailure } from '../kafka-failure.ts';
import type { GrantedOperation } from '../rights.ts';
import { failed, type Outcome, succeeded } from './outcome.ts';

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A partition with the leader that is about to be asked. */
export interface LedPartition<Item extends TopicPartition> {
  readonly item: Item;
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

export interface PartitionAnswer<T> {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly errorMessage?: string | null;
  readonly value: T;
}

export type PartitionOutcome<Item extends TopicPartition, T> = {
  readonly item: Item;
  readonly outcome: Outcome<T>;
};

export interface PerLeaderOptions {
  /** What is asked, for messages: `reading the log end of`. */
  readonly what: string;
  /** What it needs on the topic. */
  readonly operation: GrantedOperation;
  /** For all attempts together, ms. Default the cluster's deadline. */
  readonly timeoutMs?: number;
  /** false: each leader is asked once. Default true. */
  readonly retry?: boolean;
}

/** One outcome per item, in the order of the items. */
export async function perLeader<Item extends TopicPartition, T>(
  cluster: Cluster,
  items: readonly Item[],
  options: PerLeaderOptions,
  ask: (
    connection: Connection,
    led: readonly LedPartition<Item>[],
    timeoutMs: number,
  ) => Promise<readonly PartitionAnswer<T>[]>,
): Promise<PartitionOutcome<Item, T>[]> {
  const outcomes = new Map<string, Outcome<T>>();
  const isPending = (item: Item) => {
    const outcome = outcomes.get(keyOf(item));
    return outcome === undefined || (!outcome.ok && outcome.error.retriable);
  };
  const failItem = (item: TopicPartition, error: LockstepError) => outcomes.set(keyOf(item), failed(error));

  const round = async (remainingMs: number) => {
    const pending = items.filter(isPending);
    const byLeader = await groupByLeader(cluster, pending, failItem);
    await Promise.all(
      [...byLeader].map(async ([leaderId, led]) => {
        try {
          const connection = await cluster.connectionTo(leaderId);
          const answers = await ask(connection, led, Math.min(remainingMs, cluster.requestTimeoutMs));
          const missing = new Set(led.map(({ item }) => keyOf(item)));
          for (const answer of answers) {
            missing.delete(keyOf(answer));
            outcomes.set(keyOf(answer), toOutcome(cluster, answer, options));
          }
          for (const { item } of led)
            if (missing.has(keyOf(item))) failItem(item, unanswered(cluster, item, options.what));
        } catch (error) {
          if (!(error instanceof LockstepError)) throw error;
          for (const { item } of led) failItem(item, error);
        }
      }),
    );
    const stillPending = items.filter(isPending);
    if (stillPending.length === 0) return;
    const first = outcomes.get(keyOf(stillPending[0]!));
    const stale = stillPending.filter((item) => isStale(outcomes.get(keyOf(item)))).map(({ topic }) => topic);
    if (stale.length > 0) await cluster.refreshMetadata([...new Set(stale)]).catch(() => {});
    if (first !== undefined && !first.ok) throw first.error;
  };

  try {
    await cluster.retry(round, {
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
      retry: options.retry ?? true,
    });
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    for (const item of items) if (!outcomes.has(keyOf(item))) failItem(item, error);
  }
  return items.map((item) => ({ item, outcome: outcomes.get(keyOf(item))! }));
}

/** Items grouped by topic, in the nested shape that Kafka's requests have. */
export function groupByTopic<Item extends TopicPartition>(items: readonly Item[]): Map<string, Item[]> {
  const byTopic = new Map<string, Item[]>();
  for (const item of items) {
    const list = byTopic.get(item.topic);
    if (list === undefined) byTopic.set(item.topic, [item]);
    else list.push(item);
  }
  return byTopic;
}

async function groupByLeader<Item extends TopicPartition>(
  cluster: Cluster,
  items: readonly Item[],
  failItem: (item: Item, error: LockstepError) => void,
): Promise<Map<number, LedPartition<Item>[]>> {
  const byLeader = new Map<number, LedPartition<Item>[]>();
  await Promise.all(
    items.map(async (item) => {
      try {
        const { leaderId, leaderEpoch } = await cluster.leaderOf(item.topic, item.partition);
        const led = { item, leaderId, leaderEpoch };
        const list = byLeader.get(leaderId);
        if (list === undefined) byLeader.set(leaderId, [led]);
        else list.push(led);
      } catch (error) {
        if (!(error instanceof LockstepError)) throw error;
        failItem(item, error);
      }
    }),
  );
  return byLeader;
}

function toOutcome<T>(
  cluster: Cluster,
  answer: PartitionAnswer<T>,
  { what, operation }: PerLeaderOptions,
): Outcome<T> {
  if (answer.errorCode === 0) return succeeded(answer.value);
  const context = {
    cluster: cluster.name,
    what: `${what} ${keyOf(answer)}`,
    brokerMessage: answer.errorMessage,
    right: { operation, resource: { topic: answer.topic } },
  };
  return failed(kafkaFailure(answer.errorCode, context));
}

/** Whether the failure may come from a leader that has moved. */
function isStale<T>(outcome: Outcome<T> | undefined): boolean {
  if (outcome === undefined || outcome.ok) return false;
  const number = Number(outcome.error.detail.number ?? 0);
  return outcome.error.code !== 'KAFKA_ERROR' || kafkaError(number).invalidMetadata || number === 75;
}

function unanswered(cluster: Cluster, item: TopicPartition, what: string): LockstepError {
  const text = `cluster ${cluster.name}: ${what} ${keyOf(item)}: the broker's answer does not name this partition.`;
  return new LockstepError('FRAME_INVALID', text, { retriable: false, detail: { cluster: cluster.name } });
}

function keyOf(item: TopicPartition): string {
  return `${item.topic}-${item.partition}`;
}
