// What coordinators know of transactions (KIP-664): which transactional id has a producer id, since when its
// transaction is open, and which partitions belong to it. Brokers leave out, without a word, ids that the user may not
// describe; so a list without an id proves nothing until `mayDescribeTransactions` says yes.
import { apis } from '../../protocol/index.ts';
import type { Cluster } from '../cluster.ts';
import { isAuthorizationError } from '../kafka-failure.ts';
import { inParallel, type Outcome, settle } from './outcome.ts';

/** Brokers or coordinators asked at the same time. */
const parallelMax = 16;
const transactionalIdNotFound = 105;
/** Nobody is called so; only whether the broker would tell is of interest. */
const nobody = 'lockstep-asks-whether-it-may-describe-transactional-ids';

export interface ListedTransaction {
  readonly transactionalId: string;
  readonly producerId: bigint;
  /** `Ongoing`, `PrepareCommit`, `CompleteAbort`, ... */
  readonly state: string;
}

export interface DescribedTransaction extends ListedTransaction {
  readonly producerEpoch: number;
  readonly timeoutMs: number;
  /** By the coordinator's clock, ms; -1 when none is open. */
  readonly startedAtMs: bigint;
  /** Those that the user may describe. */
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[];
}

/**
 * The transactional ids of these producer ids, as every broker knows them; none has two owners for long.
 * @throws LockstepError UNSUPPORTED_VERSION before Kafka 3.0; what Cluster.request throws when one broker fails.
 */
export async function listTransactions(
  cluster: Cluster,
  producerIds: readonly bigint[],
  options: { timeoutMs?: number } = {},
): Promise<ListedTransaction[]> {
  const { brokers } = await cluster.metadata({ topics: [] });
  const lists = await inParallel([...brokers.keys()], parallelMax, (brokerId) =>
    cluster.request(
      apis.ListTransactions,
      { producerIdFilters: [...producerIds] },
      { to: brokerId, what: `listing the transactions of broker ${brokerId}`, ...options },
    ),
  );
  return lists.flatMap((list) =>
    list.transactionStates.map(({ transactionalId, producerId, transactionState }) => ({
      transactionalId,
      producerId,
      state: transactionState,
    })),
  );
}

/** One outcome per transactional id, asked of its coordinator; null when that does not know it. */
export async function describeTransactions(
  cluster: Cluster,
  transactionalIds: readonly string[],
  options: { timeoutMs?: number } = {},
): Promise<ReadonlyMap<string, Outcome<DescribedTransaction | null>>> {
  const outcomes = await inParallel(transactionalIds, parallelMax, (transactionalId) =>
    settle(() => describeTransaction(cluster, transactionalId, options)),
  );
  return new Map(transactionalIds.map((id, index) => [id, outcomes[index]!]));
}

async function describeTransaction(
  cluster: Cluster,
  transactionalId: string,
  options: { timeoutMs?: number },
): Promise<DescribedTransaction | null> {
  const answer = await cluster.request(
    apis.DescribeTransactions,
    { transactionalIds: [transactionalId] },
    {
      to: { coordinatorOf: { type: 'transaction', key: transactionalId } },
      what: 'describing the transaction of a transactional id',
      errorOf: ({ transactionStates }) => {
        const number = transactionStates[0]?.errorCode ?? 0;
        return { number: number === transactionalIdNotFound ? 0 : number };
      },
      ...options,
    },
  );
  const found = answer.transactionStates[0];
  if (found === undefined || found.errorCode !== 0) return null;
  return {
    transactionalId,
    producerId: found.producerId,
    producerEpoch: found.producerEpoch,
    state: found.transactionState,
    timeoutMs: found.transactionTimeoutMs,
    startedAtMs: found.transactionStartTimeMs,
    partitions: found.topics.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    ),
  };
}

/** Whether the user may describe transactional ids in general: any broker checks the right before it looks. */
export async function mayDescribeTransactions(
  cluster: Cluster,
  options: { timeoutMs?: number } = {},
): Promise<Outcome<boolean>> {
  return settle(async () => {
    const answer = await cluster.request(
      apis.DescribeTransactions,
      { transactionalIds: [nobody] },
      { what: 'asking for the right to describe transactional ids', ...options },
    );
    return !isAuthorizationError(answer.transactionStates[0]?.errorCode ?? 0);
  });
}
