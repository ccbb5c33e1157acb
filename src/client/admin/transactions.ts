// The requests around transactions that a mirror needs: producer ids, an empty transaction, and transaction
// markers written straight to a leader. Markers have no compare-and-append and their answers prove little
// (ARCHITECTURE.md, invariant 13): they are sent once, never retried here, and whoever sends them reads the log
// end afterwards.
import { apis } from '../../protocol/index.ts';
import type { Cluster } from '../cluster.ts';
import type { Connection } from '../connection.ts';
import { kafkaFailure } from '../kafka-failure.ts';
import type { KafkaRight } from '../rights.ts';
import { groupByTopic, type TopicPartition } from './per-leader.ts';

export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** How long a request may take with all its retries, ms, and whether it is tried again at all. */
export interface TransactionOptions {
  readonly timeoutMs?: number;
  readonly retry?: boolean;
}

/**
 * A new producer id of the cluster, for no transactions: higher than all that the same broker gave before. Brokers take
 * theirs from the cluster in blocks of 1,000.
 */
export async function allocateProducerId(
  cluster: Cluster,
  options: { readonly brokerId?: number; readonly timeoutMs?: number } = {},
): Promise<ProducerIdentity> {
  const { brokerId = 'any', timeoutMs } = options;
  const { producerId, producerEpoch } = await cluster.request(
    apis.InitProducerId,
    // Kafka checks the time-out only where there is a transactional id.
    { transactionalId: null, transactionTimeoutMs: 60_000 },
    {
      ...{ what: 'allocating a producer id', to: brokerId },
      // Or WRITE on any topic (KIP-679).
      right: { operation: 'IdempotentWrite', resource: 'cluster' },
      ...(timeoutMs !== undefined && { timeoutMs }),
    },
  );
  return { producerId, producerEpoch };
}

/**
 * Takes over a transactional id: open transactions of it are aborted and its earlier producers fenced. With `held`,
 * only if nobody else has taken it over since (KIP-360): PRODUCER_FENCED (90) or INVALID_PRODUCER_EPOCH (47) else.
 */
export async function initTransactions(
  cluster: Cluster,
  transactionalId: string,
  options: TransactionOptions & { transactionTimeoutMs?: number; held?: ProducerIdentity } = {},
): Promise<ProducerIdentity> {
  const { transactionTimeoutMs = 60_000, held, ...requestOptions } = options;
  const { producerId, producerEpoch } = await cluster.request(
    apis.InitProducerId,
    { transactionalId, transactionTimeoutMs, ...held },
    {
      ...requestOptions,
      ...(held === undefined ? {} : { versionMin: 3 }),
      ...toCoordinator(transactionalId),
      what: `initialising transactional id ${transactionalId}`,
      right: writing({ transactionalId }),
    },
  );
  return { producerId, producerEpoch };
}

/**
 * Adds partitions to the open transaction (opens it when none is).
 * @throws LockstepError KAFKA_ERROR for the first partition that is refused; none is added then.
 */
export async function addPartitionsToTransaction(
  cluster: Cluster,
  transactionalId: string,
  producer: ProducerIdentity,
  partitions: readonly TopicPartition[],
  options: TransactionOptions = {},
): Promise<void> {
  await cluster.request(
    apis.AddPartitionsToTxn,
    {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producer.producerId,
      v3AndBelowProducerEpoch: producer.producerEpoch,
      v3AndBelowTopics: Array.from(groupByTopic(partitions), ([name, items]) => ({
        name,
        partitions: items.map(({ partition }) => partition),
      })),
    },
    {
      ...options,
      ...toCoordinator(transactionalId),
      what: `adding partitions to the transaction of ${transactionalId}`,
      right: transactionalWriting(transactionalId, partitions[0]?.topic ?? ''),
      // Version 4 and newer are between brokers (KIP-890).
      versionMax: 3,
      errorOf: (body) => {
        const errors = body.resultsByTopicV3AndBelow.flatMap(({ resultsByPartition }) =>
          resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode),
        );
        return { number: errors.find((number) => number !== 0 && number !== operationNotAttempted) ?? 0 };
      },
    },
  );
}

/** A neighbour was refused. */
const operationNotAttempted = 55;

/** Commits or aborts. The answer comes before the markers are in the logs. */
export async function endTransaction(
  cluster: Cluster,
  transactionalId: string,
  producer: ProducerIdentity,
  outcome: 'commit' | 'abort',
  options: TransactionOptions = {},
): Promise<void> {
  await cluster.request(
    apis.EndTxn,
    { transactionalId, ...producer, committed: outcome === 'commit' },
    {
      ...options,
      ...toCoordinator(transactionalId),
      what: `ending the transaction of ${transactionalId}`,
      right: writing({ transactionalId }),
      // Version 5 raises the producer's epoch with each transaction (KIP-890); ours stays what it is.
      versionMax: 4,
    },
  );
}

export interface TransactionMarker extends ProducerIdentity {
  /** Kafka refuses one below the highest that it knows of this producer id (52). */
  readonly coordinatorEpoch: number;
  readonly outcome: 'commit' | 'abort';
  readonly partitions: readonly TopicPartition[];
}

export interface MarkerResult extends TopicPartition {
  readonly producerId: bigint;
  /** Kafka's error number; 0 does not prove that the marker was written. */
  readonly errorCode: number;
}

/**
 * Writes markers on the leader at the other end of this connection, once. Needs the right ClusterAction or
 * Alter on the cluster. One request may carry many markers, of the same producer id too.
 * @returns what the broker says of each producer id and partition: one answer for all markers of one id.
 * @throws LockstepError NOT_AUTHORIZED; what Connection.send throws: then the log end tells what happened.
 */
export async function writeTransactionMarkers(
  connection: Connection,
  markers: readonly TransactionMarker[],
  options: { timeoutMs?: number } = {},
): Promise<MarkerResult[]> {
  const answer = await connection.send(
    apis.WriteTxnMarkers,
    {
      markers: markers.map((marker) => ({
        producerId: marker.producerId,
        producerEpoch: marker.producerEpoch,
        coordinatorEpoch: marker.coordinatorEpoch,
        transactionResult: marker.outcome === 'commit',
        topics: Array.from(groupByTopic(marker.partitions), ([name, items]) => ({
          name,
          partitionIndexes: items.map(({ partition }) => partition),
        })),
      })),
    },
    options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs },
  );
  const results = answer.markers.flatMap(({ producerId, topics }) =>
    topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, errorCode }) => ({
        producerId,
        topic: name,
        partition: partitionIndex,
        errorCode,
      })),
    ),
  );
  if (results.some(({ errorCode }) => errorCode === clusterAuthorizationFailed)) {
    throw kafkaFailure(clusterAuthorizationFailed, {
      cluster: connection.peer.cluster,
      what: 'writing transaction markers (needs ClusterAction or Alter on the cluster)',
    });
  }
  return results;
}

const clusterAuthorizationFailed = 31;
const transactionalIdAuthorizationFailed = 53;

/** Which right of a transactional producer is missing, by the error number. */
export function transactionalWriting(transactionalId: string, topic: string): (number: number) => KafkaRight {
  return (number) => writing(number === transactionalIdAuthorizationFailed ? { transactionalId } : { topic });
}

function writing(resource: KafkaRight['resource']): KafkaRight {
  return { operation: 'Write', resource };
}

function toCoordinator(transactionalId: string) {
  return { to: { coordinatorOf: { type: 'transaction', key: transactionalId } } } as const;
}
