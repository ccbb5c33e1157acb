// The transaction coordinator of a real cluster, as empty-transactions.ts asks it.
//
// The client's own pauses between two tries begin at 100 ms, while a transaction is over after two. So each request is
// tried once and fast, and only what is about connections and coordinators goes through the client's retries. Trying
// again is harmless: the coordinator ends a transaction once, and answers a second EndTxn as it did the first.
import {
  addPartitionsToTransaction,
  type Cluster,
  describeTransactions,
  endTransaction,
  initTransactions,
  logEndOffset,
  unwrap,
} from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import type { TransactionRequests } from './empty-transactions.ts';

/** For all tries of one request, in ms. */
const timeoutMs = 30_000;
/** A transaction whose agent died is aborted by the coordinator after this, in ms; each takes a few. */
const transactionTimeoutMs = 30_000;
const concurrentTransactions = 51;
const completeStates: ReadonlySet<string> = new Set(['Empty', 'CompleteAbort', 'CompleteCommit']);

export function clusterTransactions(cluster: Cluster): TransactionRequests {
  return {
    init: (id) => initTransactions(cluster, id, { transactionTimeoutMs, timeoutMs }),
    addPartition: (id, producer, { topic, partition }) =>
      fastFirst((options) =>
        addPartitionsToTransaction(cluster, id, producer, [{ topic, partition }], options),
      ),
    abort: (id, producer) => fastFirst((options) => endTransaction(cluster, id, producer, 'abort', options)),
    isComplete: (id) => isComplete(cluster, id),
    logEnd: async ({ topic, partition }) =>
      (await logEndOffset(cluster, { topic, partition }, { timeoutMs })).logEndOffset,
  };
}

async function isComplete(cluster: Cluster, id: string): Promise<boolean> {
  const described = await describeTransactions(cluster, [id], { timeoutMs });
  const transaction = unwrap(described.get(id)!);
  return transaction === null || completeStates.has(transaction.state);
}

async function fastFirst(
  send: (options: { timeoutMs: number; retry?: boolean }) => Promise<void>,
): Promise<void> {
  try {
    await send({ timeoutMs, retry: false });
  } catch (error) {
    if (!(error instanceof LockstepError) || !error.retriable) throw error;
    if (error.detail.number === concurrentTransactions) throw error;
    await send({ timeoutMs });
  }
}
